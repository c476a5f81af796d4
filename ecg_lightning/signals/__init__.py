"""Maths on signals: windows around beats, resampling, and what a network sees of a beat."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
