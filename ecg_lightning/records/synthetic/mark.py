"""How the headers of the synthetic database say that no person is behind a record."""

MARK = "simulated ECG, no patient"
