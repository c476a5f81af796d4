"""`ecg-lightning annotate`: beats and classes of recordings, one by one or several at once."""
