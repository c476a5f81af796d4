"""Values of nested settings, as config files and checkpoints hold them."""

from collections.abc import Mapping
from typing import Any


def value_at(settings: Any, *keys: str) -> Any:
    """Return the value at a path of nested settings; None where there is none.

    Example:
        >>> value_at({"data": {"lead": 0}}, "data", "lead"), value_at(None, "data")
        (0, None)
    """
    for key in keys:
        settings = settings.get(key) if isinstance(settings, Mapping) else None
    return settings
