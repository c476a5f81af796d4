"""Where the beats of a signal are: found by a detector, or stated by annotations."""
