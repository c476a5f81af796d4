"""Detectors of beats by others, each as a function of one lead.

Every function takes (T,) float64 in mV and the sampling rate, and returns the positions (N,) of the
beats in samples, ascending. The libraries are imported when a function is called first; neurokit2
and sleepecg are in the extra `benchmark`.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from ecg_lightning.arrays import Floats, Integers

Find = Callable[[Floats, float], Integers]
STEPS_PER_MV = 200  # of MIT-BIH's converter; gqrs works on its steps


@dataclass(frozen=True)
class Baseline:
    """A detector to compare with.

    Attributes:
        title: Its name in tables.
        package: The package that has it.
        find: Finds the beats of one lead.
    """

    title: str
    package: str
    find: Find

    @property
    def version(self) -> str | None:
        """The version of the package; None where it is not installed."""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return None


def gqrs(signal: Floats, fs_hz: float) -> Integers:
    """Find beats with wfdb's port of gqrs, on steps of 1/200 mV around 0."""
    from wfdb.processing import gqrs_detect

    steps = np.rint(signal * STEPS_PER_MV).astype(np.int64)
    return _positions(gqrs_detect(d_sig=steps, fs=fs_hz, adc_gain=STEPS_PER_MV, adc_zero=0))


def xqrs(signal: Floats, fs_hz: float) -> Integers:
    """Find beats with wfdb's XQRS and its default settings."""
    from wfdb.processing import xqrs_detect

    return _positions(xqrs_detect(signal, fs_hz, verbose=False))


def sleepecg(signal: Floats, fs_hz: float) -> Integers:
    """Find beats with sleepecg's variant of Pan and Tompkins' detector."""
    import sleepecg as library

    return _positions(library.detect_heartbeats(signal, fs_hz))  # type: ignore[attr-defined]


def neurokit(signal: Floats, fs_hz: float) -> Integers:
    """Find beats with NeuroKit2's default, on the signal that it filters for it."""
    return _neurokit(signal, fs_hz, "neurokit")


def pantompkins(signal: Floats, fs_hz: float) -> Integers:
    """Find beats with NeuroKit2's `pantompkins1985`, on the signal that it filters for it."""
    return _neurokit(signal, fs_hz, "pantompkins1985")


def _neurokit(signal: Floats, fs_hz: float, method: str) -> Integers:
    import neurokit2

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about deprecated calls within NeuroKit2
        filtered = neurokit2.ecg_clean(signal, sampling_rate=round(fs_hz), method=method)
        _, peaks = neurokit2.ecg_peaks(filtered, sampling_rate=round(fs_hz), method=method)
    return _positions(peaks["ECG_R_Peaks"])


def _positions(samples: object) -> Integers:
    """Return positions as ascending integers, each once."""
    return np.unique(np.asarray(samples).astype(np.int64).ravel())


BASELINES: dict[str, Baseline] = {
    "gqrs": Baseline("wfdb gqrs", "wfdb", gqrs),
    "xqrs": Baseline("wfdb XQRS", "wfdb", xqrs),
    "sleepecg": Baseline("sleepecg", "sleepecg", sleepecg),
    "neurokit": Baseline("NeuroKit2, default", "neurokit2", neurokit),
    "pantompkins": Baseline("NeuroKit2, pantompkins1985", "neurokit2", pantompkins),
}
