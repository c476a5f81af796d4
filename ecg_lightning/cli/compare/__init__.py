"""`ecg-lightning compare`: beat annotations against reference annotations, as EC57 asks."""
