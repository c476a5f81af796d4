"""`ecg-lightning info`: what a recording or a checkpoint holds."""
