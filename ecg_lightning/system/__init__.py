"""Everything that touches the operating system: files, locks, processes, signals, downloads."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
