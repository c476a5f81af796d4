"""What class each beat has: the two kinds of weights, their input, and how they run."""
