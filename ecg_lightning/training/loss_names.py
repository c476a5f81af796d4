"""The names of this package's losses, which need no torch."""

LOSSES = ("CrossEntropy", "FocalLoss")
