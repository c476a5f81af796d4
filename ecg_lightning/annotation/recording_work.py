"""The work on one recording: what is read, how often, and what is found."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ecg_lightning.annotation.classifying.classifiers import Classifier, cutter_of
from ecg_lightning.annotation.classifying.context_network import ContextNetwork
from ecg_lightning.annotation.classifying.windows import Cutter
from ecg_lightning.annotation.engine import Batch, Engine
from ecg_lightning.annotation.finding.beat_finder import BeatFinder
from ecg_lightning.annotation.finding.detector_input import (
    CAUSAL_BLOCK,
    DetectorInput,
    DetectorScales,
    FirstPass,
    Grid,
    offline_block,
)
from ecg_lightning.annotation.finding.stated_beats import StatedBeats, StatedFinder
from ecg_lightning.annotation.scales import LeadScale, LeadScan, RunningScale
from ecg_lightning.arrays import Floats
from ecg_lightning.errors import InputError
from ecg_lightning.models.beat_detector import BeatDetector
from ecg_lightning.records.leads import millivolts_in
from ecg_lightning.records.recording import Recording
from ecg_lightning.signals.detection import FS_HZ, LARGE_MV
from ecg_lightning.signals.lead_quality import LeadQuality
from ecg_lightning.signals.quality import measured
from ecg_lightning.text import counted, escaped, percent

Progress = Callable[[float], object]  # takes the share of the work that is done
_PIECE = 1 << 17  # samples of each lead that are read at once
_MOST_MV = 1000.0  # of a sample; electrodes give offsets of up to 300 mV
_LEAST_CLIPPED = 0.001  # a smaller share of the classified lead is not noted
_FIRST_SHARE = 0.15  # of the time, of the first pass


@dataclass(eq=False)
class RecordingWork:
    """Finds the beats of a recording, and cuts their windows.

    Attributes:
        recording: The recording; its used lead is classified.
        leads: The leads that are read, the classified one first.
        network: Says what windows it wants.
        detectors: Find beats.
        stated: Beats that are taken instead of those that detectors find.
        causal: Whether each beat is judged by the past and 5 s.
        progress: Is called with the share of the work that is done.
        quality: How much of the classified lead carries no signal, after the first reading.
        texts: What makes its scale unreliable, and which leads are too small or too large; after
            the last batch.
    """

    recording: Recording
    leads: tuple[int, ...]
    network: Classifier
    detectors: Sequence[BeatDetector]
    stated: StatedBeats | None
    causal: bool
    progress: Progress
    quality: LeadQuality | None = field(default=None, init=False)
    texts: list[str] = field(default_factory=list, init=False)
    _impossible: set[int] = field(default_factory=set, init=False)  # leads with absurd samples
    _far: dict[int, int] = field(default_factory=dict, init=False)  # lead to far extreme samples

    def batches(self) -> Iterator[Batch]:
        """Read the recording twice or more; once if causal.

        Raises:
            InputError: It is damaged, the lead has no valid sample, or is shorter than a window.
        """
        recording, fs_hz = self.recording, self.recording.fs_hz
        self._cutter(None).check_length(recording.name, recording.samples)
        lead_scales, scale = self._running() if self.causal else self._measured()
        block = CAUSAL_BLOCK if self.causal else offline_block(fs_hz)
        finder = (
            BeatFinder(self.detectors, fs_hz, block, lead_scales)
            if self.stated is None
            else StatedFinder(self.stated.samples, fs_hz, block / FS_HZ)
        )
        engine = Engine(finder, self._cutter(scale), len(self.leads))
        begin = 0.0 if self.causal else _FIRST_SHARE
        for piece in self._pieces(self.leads, begin, 1.0):
            self._count_far(piece)
            yield from engine.push(piece)
        yield from engine.finish()
        self._note_clipped()
        self._note_sizes(lead_scales if isinstance(lead_scales, DetectorScales) else self._scales)

    def _cutter(self, scale: LeadScale | RunningScale | None) -> Cutter:
        return cutter_of(self.network, self.recording.fs_hz, len(self.leads), scale)

    @cached_property
    def _units(self) -> tuple[str, ...]:
        return tuple(self.recording.leads[lead].unit for lead in self.leads)

    def _running(self) -> tuple[DetectorScales, RunningScale]:
        """What measures the scales of the past."""
        return DetectorScales(self._units), RunningScale(self.recording.fs_hz)

    def _measured(self) -> tuple[Floats, LeadScale]:
        """The scales of the whole leads, from a first reading, or from several."""
        recording, scan = self.recording, self._lead_scan()
        grid = Grid(DetectorInput(recording.fs_hz), offline_block(recording.fs_hz), 0, 0)
        first = FirstPass(grid, self._units)
        for piece in self._pieces(self.leads, 0.0, _FIRST_SHARE):
            scan.add(piece[0])
            if self.stated is None:
                first.push(piece)
        while not scan.end_pass():
            for piece in self._pieces(self.leads[:1], _FIRST_SHARE, _FIRST_SHARE):
                scan.add(piece[0])
        self.quality, self.texts = scan.quality, [*scan.texts]
        if self.quality.invalid == recording.samples:
            raise self._no_samples()
        self._scales = first.scales
        return first.finish(), scan.scale

    def _lead_scan(self) -> LeadScan:
        """What measures the quality of the lead, and its scale where the network needs one."""
        fs_hz, samples, network = self.recording.fs_hz, self.recording.samples, self.network
        if isinstance(network, ContextNetwork):
            return LeadScan(fs_hz, samples, fs_hz, "window")
        return LeadScan(fs_hz, samples, network.fs_hz, network.normalization)

    def _count_far(self, piece: Floats) -> None:
        """Count the samples of voltages at an extreme that is far from the others."""
        for lead, values in zip(self.leads, piece, strict=True):
            is_voltage = millivolts_in(self.recording.leads[lead].unit) is not None
            low, high = np.fmin.reduce(values), np.fmax.reduce(values)
            if not is_voltage or not high - low > LARGE_MV:  # or all are invalid
                continue
            others = values[(values > low) & (values < high)]  # more than half may be at an extreme
            median = np.median(others) if len(others) else np.nanmedian(values)
            extremes = [value for value in (low, high) if abs(value - median) > LARGE_MV]
            self._far[lead] = self._far.get(lead, 0) + int(np.isin(values, extremes).sum())

    def _note_clipped(self) -> None:
        quality = self.quality
        if quality is not None and (share := quality.share(quality.clipped)) >= _LEAST_CLIPPED:
            name = escaped(self.recording.lead.name, 40)
            self.texts.append(f"{percent(share)} % of the lead {name} is clipped")

    def _note_sizes(self, scales: DetectorScales) -> None:
        """Note the leads in which beats are too small for the detector, or too large for a heart.

        Args:
            scales: What was measured; nothing where beats are stated.
        """
        for lead, fault in zip(self.leads, scales.faults, strict=True):
            if fault:
                text = fault
            elif lead in self._impossible:
                text = (
                    f"has samples beyond {_MOST_MV:,.0f} mV, which no electrode gives: check them"
                )
            elif (count := self._far.get(lead, 0)) >= _LEAST_CLIPPED * self.recording.samples:
                text = (
                    f"has {counted(count, 'sample')} at an extreme more than {LARGE_MV:g} mV from "
                    "the others: if they mark a missing signal, beats near them may be missed or "
                    "wrong"
                )
            else:
                continue
            self.texts.append(f"the lead {escaped(self.recording.leads[lead].name, 40)} {text}")

    def _pieces(self, leads: tuple[int, ...], begin: float, end: float) -> Iterator[Floats]:
        """The samples (L, T), from start to end.

        Those of a causal run are rounded to float32, as `Recording.read` gives them: so a stream
        of such samples finds the same.
        """
        length = self.recording.samples
        for start in range(0, length, _PIECE):
            stop = min(start + _PIECE, length)
            piece = self.recording.read_exactly(start, stop, leads)
            self._impossible |= {
                lead
                for lead, values in zip(leads, piece, strict=True)
                if self._is_beyond(lead, values)
            }
            piece = measured(piece)
            yield piece.astype(np.float32).astype(np.float64) if self.causal else piece
            self.progress(begin + (end - begin) * stop / length)

    def _is_beyond(self, lead: int, values: Floats) -> bool:
        """Whether a voltage has samples (T,) that come from no electrode; NaN is none."""
        is_voltage = millivolts_in(self.recording.leads[lead].unit) is not None
        return is_voltage and bool(np.fmax.reduce(np.abs(values)) > _MOST_MV)

    def _no_samples(self) -> InputError:
        lead = self.recording.lead
        is_absurd = self.recording.used in self._impossible
        return InputError(
            f"recording {self.recording.name}",
            expected=f"a valid sample of the lead {escaped(lead.name, 40)}",
            found=f"none in {lead.samples:,} samples",
            hint=f"{'check its unit, or ' if is_absurd else ''}choose another lead",
            setting="lead",
        )
