"""Conditions under which recordings are annotated: fewer leads, noise, other rates, and so on.

Each condition changes a recording, its signal and the positions of its reference alike, without
this package's code: resampling is SciPy's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

import numpy as np
from noisy_records import with_noise
from scipy.signal import resample_poly

from ecg_lightning.arrays import Floats
from ecg_lightning.data.noises import NOISES
from ecg_lightning.records.recording import FileAnnotations

SNRS_DB = (24, 18, 12, 6, 0)
GAINS = (0.25, 0.5, 1.0, 2.0, 4.0)
RATES_HZ = (100, 125, 180, 250, 360, 500, 1000)
PIECES_S = (10, 30, 300)
WHOLE = "as recorded"


@dataclass(frozen=True, eq=False)
class Signals:
    """A recording in memory.

    Attributes:
        leads: (leads, T) in mV.
        names: Of the leads.
        fs_hz: The sampling rate.
        reference: The annotations that are right.
    """

    leads: Floats
    names: tuple[str, ...]
    fs_hz: int
    reference: FileAnnotations


Change = Callable[[Signals], Signals]


@dataclass(frozen=True)
class Condition:
    """What is done to each recording.

    Attributes:
        panel: What is varied: conditions of one panel are drawn together.
        value: How much of it; a text where it is not a number.
        change: Changes the recording.
        causal: Whether each beat is judged without what comes later.
        piece_s: The length of the pieces that are annotated one by one; None: the whole.
    """

    panel: str
    value: float | str
    change: Change
    causal: bool = False
    piece_s: float | None = None

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"{self.panel} {self.value}".replace(" ", "-").replace(",", "")


def conditions(noises: dict[str, Floats], rates_hz: Sequence[int] = RATES_HZ) -> list[Condition]:
    """Return all conditions; the first is the recording as it is.

    Args:
        noises: Kind to noise (2, T'), at the rate of the recordings; empty for none.
        rates_hz: The sampling rates.
    """
    return [
        Condition("form", WHOLE, unchanged),
        Condition("form", "causal", unchanged, causal=True),
        Condition("form", "lead 1 only", partial(only_lead, index=0)),
        Condition("form", "lead 2 only", partial(only_lead, index=1)),
        Condition("form", "lead 1 inverted", partial(inverted, leads=(0,))),
        Condition("form", "both leads inverted", partial(inverted, leads=(0, 1))),
        *(
            Condition(f"noise {kind}", snr_db, partial(noisy, noise=noises[kind], snr_db=snr_db))
            for kind in NOISES
            if kind in noises
            for snr_db in SNRS_DB
        ),
        *(Condition("gain", gain, partial(amplified, gain=gain)) for gain in GAINS if gain != 1),
        *(Condition("rate", rate_hz, partial(resampled, rate_hz=rate_hz)) for rate_hz in rates_hz),
        *(Condition("pieces", piece_s, unchanged, piece_s=piece_s) for piece_s in PIECES_S),
    ]


def unchanged(signals: Signals) -> Signals:
    """Return the recording as it is."""
    return signals


def only_lead(signals: Signals, index: int) -> Signals:
    """Return one lead alone: the last one where there are fewer."""
    row = min(index, len(signals.leads) - 1)
    return replace(signals, leads=signals.leads[row : row + 1], names=signals.names[row : row + 1])


def inverted(signals: Signals, leads: Sequence[int]) -> Signals:
    """Return the recording with some leads upside down."""
    signs = np.where(np.isin(np.arange(len(signals.leads)), leads), -1.0, 1.0)
    return replace(signals, leads=signals.leads * signs[:, None])


def noisy(signals: Signals, noise: Floats, snr_db: float) -> Signals:
    """Return the recording with noise on every lead; see `noisy_records.py`."""
    marks = (signals.reference.samples, signals.reference.symbols)
    fs_hz = float(signals.fs_hz)
    return replace(signals, leads=with_noise(signals.leads, *marks, noise, fs_hz, snr_db))


def amplified(signals: Signals, gain: float) -> Signals:
    """Return the recording with all leads multiplied."""
    return replace(signals, leads=gain * signals.leads)


def resampled(signals: Signals, rate_hz: int) -> Signals:
    """Return the recording at another rate, by SciPy's polyphase filter."""
    if rate_hz == signals.fs_hz:
        return signals
    ratio = Fraction(rate_hz, signals.fs_hz)
    leads = resample_poly(signals.leads, ratio.numerator, ratio.denominator, axis=1, padtype="line")
    positions = np.rint(signals.reference.samples * float(ratio)).astype(np.int64)
    return Signals(leads, signals.names, rate_hz, replace(signals.reference, samples=positions))


def pieces(signals: Signals, piece_s: float) -> list[tuple[int, Signals]]:
    """Cut a recording; return the start of each piece and the piece. Less than 2 s are joined."""
    size, samples = round(piece_s * signals.fs_hz), signals.leads.shape[1]
    starts = np.arange(0, max(samples - 2 * signals.fs_hz, 1), size)
    ends = [*starts[1:].tolist(), samples]
    return [
        (start, part(signals, start, end)) for start, end in zip(starts.tolist(), ends, strict=True)
    ]


def part(signals: Signals, start: int, end: int) -> Signals:
    """Return the samples [start, end) and the annotations in them."""
    reference = signals.reference
    rows = np.flatnonzero((reference.samples >= start) & (reference.samples < end))
    texts = tuple(reference.texts[row] for row in rows)
    own = FileAnnotations(reference.samples[rows] - start, reference.symbols[rows], texts)
    return replace(signals, leads=signals.leads[:, start:end], reference=own)
