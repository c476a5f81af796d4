"""HTML and SVG by elements: every text and attribute is escaped, unless it is markup that `element` has made."""

import html
from collections.abc import Iterable

from ecg_lightning.classes import CLASS_MEANINGS


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
    given = "".join(
        _attribute(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items()
    )
    return Html(f"<{name}{given}>{joined(children)}</{name}>")


def joined(parts: Iterable[str | int]) -> Html:
    """Markup and texts behind one another, the texts escaped."""
    return Html(
        "".join(part if isinstance(part, Html) else html.escape(str(part)) for part in parts)
    )


def _attribute(name: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'


def table(head: Iterable[Html], rows: Iterable[Html], caption: str, class_: str) -> Html:
    """A table below its caption, in a box of its own, which scrolls where the page is too narrow, also by keyboard."""
    content = element(
        "table",
        element("thead", element("tr", *head)),
        element("tbody", *rows),
        class_=class_,
        aria_label=caption,
    )
    box = element("div", content, class_="scroll", tabindex=0, role="region", aria_label=caption)
    return element("div", element("p", caption, class_="caption"), box, class_="box")


def column(text: str | Html, **attributes: str | float | bool | None) -> Html:
    """A column's heading."""
    return element("th", text, scope="col", **attributes)


def badge(name: str) -> Html:
    """A class's letter on its colour."""
    return element(
        "span",
        name,
        class_=f"badge {name}" if name in CLASS_MEANINGS else "badge",
        title=CLASS_MEANINGS.get(name),
    )
