"""A first reading of leads, which measures their scales for the detector."""

from ecg_lightning.annotation.detector_input import Grid, LeadScales
from ecg_lightning.annotation.signal_buffer import SignalBuffer
from ecg_lightning.arrays import AnyFloats, Floats


class FirstPass:
    """Measures the scales of leads of one sampling rate for the detector.

    Args:
        grid: The blocks that are filtered at once, without context.
        units: The unit of each lead.
    """

    def __init__(self, grid: Grid, units: tuple[str, ...]) -> None:
        self._grid, self._start = grid, 0
        self._buffer, self._scales = SignalBuffer(len(units)), LeadScales(units, past=None)

    def push(self, leads: AnyFloats) -> None:
        """Take the next samples (L, T)."""
        self._buffer.append(leads)
        while self._grid.read(self._start, None)[1] <= self._buffer.stop:
            self._next(None)

    def finish(self) -> Floats:
        """Return the scale of each lead, (L,)."""
        length = self._buffer.stop
        while self._start < self._grid.input.length(length):
            self._next(length)
        return self._scales.values

    @property
    def are_tiny(self) -> list[bool]:
        """Which leads move, but never as much as a heartbeat moves them; after `finish`."""
        return self._scales.are_tiny

    def _next(self, length: int | None) -> None:
        """Measure the next block."""
        grid, seen = self._grid, self._grid.seen(self._start, length)
        first, end = grid.read(self._start, length)
        leads = self._buffer.read(first, end)
        self._scales.push(grid.filtered(leads, grid.input.dead(leads), first, seen))
        self._start += grid.block
        self._buffer.forget(grid.read(self._start, length)[0])
