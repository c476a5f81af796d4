"""EDF, EDF+, BDF and BDF+ files."""
