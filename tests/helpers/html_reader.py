"""HTML as the standard library's parser sees it, and single macros of the report's templates."""

from html.parser import HTMLParser
from typing import Any

from ecg_lightning.report.rendering import environment

VOID = {"meta", "link", "img", "br", "input"}


class Reader(HTMLParser):
    """Opened tags, texts, attributes, and each tag that does not close the last open one."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.wrong: list[str] = []
        self.feed(text)
        self.close()
        self.wrong += self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def rendered(template: str, macro: str, *values: Any) -> str:
    """The markup of one macro."""
    return str(getattr(environment().get_template(template).module, macro)(*values))
