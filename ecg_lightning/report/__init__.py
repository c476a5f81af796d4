"""The HTML page of a test, the files next to it, and tables of several runs as text."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
