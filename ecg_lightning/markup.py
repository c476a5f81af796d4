"""HTML and SVG by elements: every text and attribute is escaped, unless it is markup that `element` has made."""

import html
import math
from collections.abc import Iterable

from ecg_lightning.plots import CLASS_MEANINGS

ABSENT = "no such beats"


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def element(name: str, *children: str | int, **attributes: str | float | bool | None) -> Html:
    """An element with its children, in which any text that is not `Html` is escaped.

    Args:
        name: Such as `td`.
        *children: Markup, texts and numbers.
        **attributes: `class_` is class, `stroke_width` stroke-width; None and False leave an attribute out, True gives it no value.

    Example:
        >>> element("td", "a < b", class_="name")
        '<td class="name">a &lt; b</td>'
    """
    given = "".join(_attribute(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items())
    return Html(f"<{name}{given}>{joined(children)}</{name}>")


def joined(parts: Iterable[str | int]) -> Html:
    """Markup and texts behind one another, the texts escaped."""
    return Html("".join(part if isinstance(part, Html) else html.escape(str(part)) for part in parts))


def _attribute(name: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'


def table(head: Iterable[Html], rows: Iterable[Html], caption: str, class_: str) -> Html:
    """A table below its caption, in a box of its own, which scrolls where the page is too narrow, also by keyboard."""
    content = element("table", element("thead", element("tr", *head)), element("tbody", *rows), class_=class_, aria_label=caption)
    box = element("div", content, class_="scroll", tabindex=0, role="region", aria_label=caption)
    return element("div", element("p", caption, class_="caption"), box, class_="box")


def column(text: str | Html, **attributes: str | float | bool | None) -> Html:
    """A column's heading."""
    return element("th", text, scope="col", **attributes)


def badge(name: str) -> Html:
    """A class's letter on its colour."""
    return element("span", name, class_=f"badge {name}" if name in CLASS_MEANINGS else "badge", title=CLASS_MEANINGS.get(name))


def percent(share: float | None) -> str:
    """`97.4`; what is not quite nothing, or not quite all, never reads as 0 or 100."""
    if share is None:
        return ABSENT
    if 0 < share < 0.0005:
        return "<0.1"
    return ">99.9" if 0.9995 <= share < 1 else f"{100 * share:.1f}"


def percent_sign(share: float | None) -> str:
    """`97.4 %`, on one line."""
    return ABSENT if share is None else f"{percent(share)}\N{NO-BREAK SPACE}%"


def ratio(value: float | None) -> str:
    """`0.612`, with a true minus."""
    return ABSENT if value is None else f"{value:.3f}".replace("-", "\N{MINUS SIGN}")


def counted(number: int, noun: str) -> str:
    """`1 beat`, `1,234 beats`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def clock(seconds: float) -> str:
    """`12:03.4`, minutes and seconds."""
    minutes, tenths = divmod(math.floor(seconds * 10 + 0.5), 600)
    return f"{minutes}:{tenths / 10:04.1f}"
