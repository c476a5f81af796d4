"""Tables of numbers: CSV, TSV and other texts."""
