"""Heartbeat classification: the big-kernel CNNs of a 2020 course project, in PyTorch Lightning."""

__version__ = "0.1.0"
