"""Callbacks of a run: metrics, results, checkpoints, early stopping and one line per epoch."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
