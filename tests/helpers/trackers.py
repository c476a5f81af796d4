"""A logger that keeps what it gets; its arguments are those of W&B's."""

from typing import Any, ClassVar

from lightning.pytorch.loggers import Logger


class Kept(Logger):
    """Keeps everything, and the order in which it came.

    Attributes:
        built: All that were built, in order.
    """

    built: ClassVar[list["Kept"]] = []

    def __init__(self, project: str = "", id: str | None = None, save_dir: str = ".") -> None:
        super().__init__()
        self.project, self.save_to = project, save_dir
        self.id = id or f"run-{len(self.built)}"
        self.settings: dict[str, Any] = {}
        self.metrics: list[tuple[int | None, dict[str, float]]] = []
        self.pictures: list[tuple[str, Any, int | None]] = []
        self.ends: list[str] = []
        self.built.append(self)

    @property
    def name(self) -> str:
        return self.project

    @property
    def version(self) -> str:
        return self.id

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        self.settings.update(params)

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        assert not self.ends, "a closed logger gets no metrics"
        self.metrics.append((step, dict(metrics)))

    def log_image(self, key: str, images: list[Any], step: int | None = None) -> None:
        assert not self.ends
        self.pictures += [(key, image, step) for image in images]

    def finalize(self, status: str) -> None:
        self.ends.append(status)

    def values(self, name: str) -> dict[int | None, float]:
        """Return the values of a metric by step; each step has one."""
        rows = [(step, row[name]) for step, row in self.metrics if name in row]
        assert len(dict(rows)) == len(rows)
        return dict(rows)
