"""`ecg-lightning show`: pictures of a recording, of its beats, or of those of a source."""
