"""A training batch as transforms see it: plain beats, or sequences with templates and numbers.

`signals.context` makes the sequences. Training imports no signals: a test compares the constants.
"""

from dataclasses import dataclass

from torch import Tensor

from ecg_lightning.errors import InputError

LEADS, WINDOW_SAMPLES = 2, 128  # of a beat of a sequence
ROWS = 2 * LEADS + 1  # its leads, their templates, numbers
QRS = slice(40, 74)  # samples of a template
ABSOLUTE = (1,)  # the number that a faster heart changes: the logarithm of seconds
LOG_RANGE = (-1.8971199848858813, 1.3862943611198906)  # of it: ln 0.15 and ln 4


@dataclass(frozen=True)
class BatchBeats:
    """The parts of a batch. They share its memory, so a change in place changes the batch.

    Plain beats count as sequences of one beat, without templates and numbers.

    Attributes:
        leads: (S, K, L, T) K beats of each of S sequences.
        templates: (S, K, L, T), of sequences only.
        numbers: (S, K, T) of sequences only; number 0 is 1 for a beat and 0 where beats fill up a
            sequence.
    """

    leads: Tensor
    templates: Tensor | None = None
    numbers: Tensor | None = None

    @classmethod
    def of(cls, signals: Tensor, subject: str) -> "BatchBeats":
        """Divide the signals of a batch into their parts.

        Args:
            signals: Plain beats (B, L, T), or sequences (S, K, ROWS, WINDOW_SAMPLES).
            subject: What asks, for the message.

        Raises:
            InputError: They are neither.
        """
        if signals.ndim == 3:
            return cls(signals[:, None])
        if signals.ndim == 4 and signals.shape[2:] == (ROWS, WINDOW_SAMPLES):
            return cls(signals[:, :, :LEADS], signals[:, :, LEADS:-1], signals[:, :, -1])
        expected = f"beats (B, L, T) or sequences of beats (S, K, {ROWS}, {WINDOW_SAMPLES})"
        shape = ", ".join(map(str, signals.shape))
        raise InputError(
            subject, expected=expected, found=f"({shape})", hint="remove it from the callbacks"
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """The numbers of sequences, beats and leads: S, K, L."""
        sequences, beats, leads, _ = self.leads.shape
        return sequences, beats, leads

    def heights(self) -> Tensor:
        """Return the height (S, K, L) of the QRS: of the template, or else of the whole beat.

        It is 0 for a lead that is missing, and where there is no beat.
        """
        source = self.leads if self.templates is None else self.templates[..., QRS]
        heights = source.amax(-1) - source.amin(-1)
        return heights if self.numbers is None else heights * self.numbers[..., :1]

    def present(self) -> Tensor:
        """Return which leads (S, L) of each sequence are not 0 everywhere; their templates tell."""
        source = self.leads if self.templates is None else self.templates
        return source.abs().amax((1, 3)) != 0
