"""What callbacks have that others look for in a Trainer."""

from typing import Self

from lightning import Callback, Trainer


class OfTrainer(Callback):
    """A callback of which a Trainer has one at most."""

    @classmethod
    def of(cls, trainer: Trainer) -> Self | None:
        """Return the Trainer's callback of this class, None if it has none."""
        callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
        return next((callback for callback in callbacks if isinstance(callback, cls)), None)
