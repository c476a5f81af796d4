"""The times of a table: read from text, checked for evenness, and the rate that they give.

A printed time is rounded. `resolution` is the worth of its last digit. An even grid of times that
are rounded, or cut, differs from the exact grid by a band of less than one resolution, so a missing
sample is told from rounding. The rate is a usual one, or the one that the user states, whose exact
grid fits all times; without such a rate it is the shortest decimal number within what the rounding
of the first and the last time allows.
"""

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from ecg_lightning.arrays import Floats
from ecg_lightning.records.tables.time_forms import UnevenError

_USUAL_HZ = (
    *(50, 60, 64, 100, 120, 125, 128, 130, 150, 180, 200, 225, 240, 250, 256, 257, 300, 320, 333),
    *(360, 400, 480, 500, 512, 600, 720, 750, 800, 900, 960, 977, 1000, 1024, 1200, 1250, 1500),
    *(1600, 1800, 2000, 2048, 2400, 2500, 3000, 4000, 4096, 5000, 8000, 8192, 10000),
)
_DAY_S = 86_400.0
_SLACK = 0.1  # of a sample: what even times may differ by, where rounding is finer
_COARSE = 4  # resolutions in a sample; below, only the exact grid of a known rate tells


@dataclass(frozen=True)
class _Grid:
    """An exact grid of times at a rate, and the band of differences from it so far."""

    fs_hz: float
    low: float = 0.0
    high: float = 0.0


@dataclass
class Times:
    """Check times piece by piece, and find their rate.

    Args:
        stated_hz: A rate that is known already.
        wraps: Whether the times are those of a clock that begins again at midnight.
    """

    stated_hz: float | None
    wraps: bool
    resolution: float = 0.0
    _origin: float = 0.0
    _rows: int = 0
    _last: float = 0.0
    _largest: float = 0.0
    _days: float = 0.0
    _period: float = 0.0
    _is_coarse: bool = False
    _range: float = 0.0  # the widest band about the chord of a piece
    _grids: list[_Grid] = field(default_factory=list)
    _lost: tuple[int, str] | None = None  # where the last grid was left: row of the file, found
    _ends: list[tuple[int, float]] = field(default_factory=list)

    def add(self, times: Floats, resolution: float) -> None:
        """Add the next times, in seconds.

        Raises:
            UnevenError: They are not even.
        """
        if not np.isfinite(times).all():
            raise UnevenError(int(np.argmin(np.isfinite(times))), "no time")
        self._largest = max(self._largest, float(np.abs(times).max()))
        if not self._rows:
            self._origin = float(times[0])
        times = self._unwrapped(times) - self._origin
        noise = 4 * np.finfo(np.float64).eps * self._largest
        self.resolution = max(self.resolution, resolution, noise)
        if not self._period:
            self._begin(times)
        self._is_coarse |= self._period < _COARSE * self.resolution * (1 - 1e-6)
        self._check_steps(times)
        self._fit(times)
        if self._is_coarse and not self._grids and self._lost:
            raise UnevenError(self._lost[0] - self._rows, self._lost[1])
        self._rows += len(times)
        self._last = float(times[-1])
        self._ends.append((self._rows - 1, self._last))

    def rate(self) -> float:
        """Return the rate of all times, in Hz.

        Raises:
            UnevenError: The times are not even over the whole table, or do not tell the rate.
        """
        if self._rows < 2:
            raise UnevenError(None, "a single time")
        if self._grids:
            return self._best_grid()
        period = self._last / (self._rows - 1)
        if self._is_coarse:
            raise UnevenError(None, "times with too few digits to tell the rate")
        if not self._is_steady(period):
            if self._lost:
                raise UnevenError(*self._lost)
            raise UnevenError(None, "times that run unevenly")
        error = max(self.resolution, self._range) / (self._rows - 1)
        return shortest(1 / (period + error), 1 / (period - error))

    def _begin(self, times: Floats) -> None:
        n = len(times) - 1
        if n < 1:
            return
        self._period = self._usual_step(times)
        error = max(self.resolution, 1e-4 * float(np.ptp(times)) / n)
        if self._period <= 0:
            row = int(np.argmax(np.diff(times) <= 0)) + 1
            raise UnevenError(row, "a time that is not later than the one before")
        is_coarse = self._period < _COARSE * self.resolution * (1 - 1e-6)
        if is_coarse:  # a missing sample may have moved the chord
            error += self._period
        error /= n
        low, high = 1 / (self._period + error), 1 / max(self._period - error, 1e-12)
        usual = [float(rate) for rate in _USUAL_HZ if low <= rate <= high]
        near = shortest(low, high)
        is_short = not is_coarse and near == round(near, 3)
        rates = {*usual, near} if is_short else {*usual}
        self._grids = [_Grid(rate) for rate in sorted(rates)]
        if self.stated_hz is not None and self.stated_hz not in rates:
            self._grids.append(_Grid(self.stated_hz))

    def _usual_step(self, times: Floats) -> float:
        """The period of the first piece, whatever a few wrong steps in it are."""
        steps = np.diff(times)
        middle = float(np.sort(steps)[len(steps) // 2])
        if middle < _COARSE * self.resolution:
            return float(times[-1] - times[0]) / len(steps)
        return float(steps[np.abs(steps - middle) <= self.resolution + _SLACK * middle].mean())

    def _unwrapped(self, times: Floats) -> Floats:
        if not self.wraps:
            return times
        before = self._last + self._origin - self._days if self._rows else times[0]
        passed = np.diff(times, prepend=before) < -_DAY_S / 2
        days = self._days + _DAY_S * np.cumsum(passed)
        self._days = float(days[-1])
        return np.asarray(times + days)

    def _check_steps(self, times: Floats) -> None:
        """Refuse a step that rounding does not explain, where a sample is wide enough to tell."""
        steps = np.diff(times, prepend=self._last if self._rows else times[0])
        steps[: 0 if self._rows else 1] = self._period
        if self._is_coarse:
            return
        allowed = self.resolution * (1 + 1e-6) + _SLACK * self._period
        wrong = np.abs(steps - self._period) > allowed
        if wrong.any():
            row = int(np.argmax(wrong))
            raise UnevenError(row, f"a step of {steps[row]:.6g} s, not {self._period:.6g} s")
        if len(times) > 2:
            chord = np.linspace(times[0], times[-1], len(times))
            off = np.abs(times - chord)
            self._range = max(self._range, 2 * float(off.max()))
            if self._range > 2 * self._steadiness(self._period):
                row = int(np.argmax(off))
                raise UnevenError(row, f"a time that is {off[row]:.6g} s off an even grid")

    def _fit(self, times: Floats) -> None:
        """Keep the grids that the times fit."""
        kept = []
        for grid in self._grids:
            exact = np.arange(self._rows, self._rows + len(times)) / grid.fs_hz
            off = times - exact
            low = np.minimum.accumulate(np.minimum(off, grid.low))
            high = np.maximum.accumulate(np.maximum(off, grid.high))
            wrong = high - low > self._band(grid.fs_hz)
            if wrong.any():
                row = self._rows + int(np.argmax(wrong))
                if self._lost is None or row >= self._lost[0]:
                    found = f"{times[int(np.argmax(wrong))] + self._origin:.6g} s"
                    self._lost = row, f"{found}, which is not on an even grid"
            else:
                kept.append(_Grid(grid.fs_hz, float(low[-1]), float(high[-1])))
        self._grids = kept

    def _band(self, fs_hz: float) -> float:
        """What times on an exact grid may differ from it by, because they are rounded."""
        if not self._is_coarse:
            return self.resolution * (1 + 1e-6) + _SLACK / fs_hz
        ratio = 1 / Fraction(str(fs_hz)) / Fraction(f"{self.resolution:.9g}")
        phases = ratio.denominator  # numbers of different differences that rounding makes
        # Halves may be rounded up and down, so that the band has its full width.
        return self.resolution * (1 + 0.5 / phases if phases > 1 else 0.5)

    def _best_grid(self) -> float:
        """The stated grid, or the only one; of several, the one that fits without rounding."""
        rates = [grid.fs_hz for grid in self._grids]
        if self.stated_hz in rates:
            return float(self.stated_hz or 0)
        if len(rates) > 1:
            exact = [
                grid.fs_hz
                for grid in self._grids
                if grid.high - grid.low < 1e-3 * min(self.resolution, 1 / grid.fs_hz)
            ]
            rates = exact if len(exact) == 1 else rates
        if len(rates) > 1:
            usual = [rate for rate in rates if rate in _USUAL_HZ]
            rates = usual if len(usual) == 1 else rates
        if len(rates) > 1:
            listed = " or ".join(f"{rate:g}" for rate in rates[:4])
            raise UnevenError(None, f"times that may be those of {listed} Hz")
        return rates[0]

    def _is_steady(self, period: float) -> bool:
        """Whether the ends of all pieces lie on one line."""
        allowed = self._steadiness(period)
        return all(abs(time - row * period) <= allowed for row, time in self._ends)

    def _steadiness(self, period: float) -> float:
        """What a time may be off the line through the first and the last time."""
        return 2 * self.resolution + _SLACK * period


def shortest(low: float, high: float) -> float:
    """Return the number between two with the fewest decimals; usual rates first.

    Example:
        >>> shortest(359.98, 360.02), shortest(512.19, 512.21), shortest(359.6, 362.3)
        (360.0, 512.2, 360.0)
    """
    if usual := [rate for rate in _USUAL_HZ if low <= rate <= high]:
        return float(min(usual, key=lambda rate: abs(rate - (low + high) / 2)))
    middle = (low + high) / 2
    for decimals in range(10):
        if low <= (number := round(middle, decimals)) <= high:
            return number
    return middle
