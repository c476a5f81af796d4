"""`ecg-lightning crossval`: a run for each fold and seed, and one table."""
