"""Writes a small simulated arrhythmia database: real WFDB records of patients that do not exist.

Each wave of a beat is a Gaussian pulse of the heart's dipole (x to the left, y to the feet, z to the front, in mV), and
a lead is the dipole's projection on one direction. Sums of Gaussians for P, Q, R, S and T follow the description of
ECGSYN (McSharry, Clifford, Tarassenko and Smith, IEEE Trans. Biomed. Eng. 50, 289-294, 2003). The rhythm is a sinus
node that a premature atrial beat resets and a premature ventricular beat does not, so pauses are those of a patient.
"""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import wfdb

from ecg_lightning.arrays import Floats
from ecg_lightning.errors import InputError
from ecg_lightning.records.synthetic.heart import Heart
from ecg_lightning.records.synthetic.noise import FS_HZ, noise
from ecg_lightning.records.synthetic.patients import LEADS, ROLES, draw_patient
from ecg_lightning.records.synthetic.signal import draw_signal

VERSION = 1
DEFAULT_PATIENTS = 12
DEFAULT_MINUTES = 12.0
_ADC_GAIN = 200.0  # units a mV, as in MIT-BIH; 12 bits then hold ±10 mV
_MARK = "simulated ECG, no patient"


def write_synthetic(
    folder: Path, seed: int = 0, patients: int = DEFAULT_PATIENTS, minutes: float = DEFAULT_MINUTES
) -> tuple[str, ...]:
    """Writes simulated records as WFDB files (.dat in format 212, .hea, .atr): 360 Hz, leads MLII and V1 in mV.

    Nothing is written when `folder` already holds this very database. Otherwise the records are written into a
    temporary folder beside it, which then takes its name, so no half-written database is ever seen. The same arguments
    give the same bytes.

    Args:
        folder: Where the database goes; its parents are created.
        seed: Seed of everything that is random.
        patients: How many patients, 1 to 99, one record each; of the default 12, four or more have beats of each class.
        minutes: Length of each record, 0.2 to 1440.

    Returns:
        The record names, `("s01", "s02", …)`.

    Raises:
        InputError: `patients` or `minutes` is out of range, or `folder` holds something else.

    Example:
        >>> write_synthetic(tmp_path / "synthetic", patients=2, minutes=0.5)
        ('s01', 's02')
    """
    _check(seed, patients, minutes)
    folder = folder.absolute()  # so that "." has a name
    names = tuple(f"s{number:02d}" for number in range(1, patients + 1))
    mark = f"{_MARK}: ecg-lightning, version {VERSION}, seed {seed}, {patients} patients, {minutes:g} minutes"
    if not _holds(folder, names, mark):
        _write_folder(folder, names, seed, minutes, mark)
    return names


def _write_folder(folder: Path, names: Sequence[str], seed: int, minutes: float, mark: str) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            made = Path(scratch) / folder.name
            made.mkdir()
            for number, name in enumerate(names):
                _write_record(made, name, number, seed, minutes, mark)
            _take_place(made, folder, names, mark)
    except OSError as error:
        raise InputError(
            f"{folder}: expected a place to write the synthetic database, found {error}; name another folder"
        ) from error


def _check(seed: int, patients: int, minutes: float) -> None:
    if seed < 0:
        raise InputError(f"synthetic seed: expected 0 or more, found {seed}; choose another seed")
    if not 1 <= patients <= 99:
        raise InputError(
            f"synthetic patients: expected 1 to 99, found {patients}; choose another number"
        )
    if not 0.2 <= minutes <= 1440:
        raise InputError(
            f"synthetic minutes: expected 0.2 to 1440, found {minutes:g}; choose another length"
        )


def _holds(folder: Path, names: Sequence[str], mark: str) -> bool:
    """Whether `folder` is this very database, going by its files and the comment in each header."""
    headers = [folder / f"{name}.hea" for name in names]
    files = [
        *headers,
        *(h.with_suffix(".dat") for h in headers),
        *(h.with_suffix(".atr") for h in headers),
    ]
    return all(f.is_file() for f in files) and all(
        f"{mark}\n" in h.read_text(errors="replace") for h in headers
    )


def _take_place(made: Path, folder: Path, names: Sequence[str], mark: str) -> None:
    """Gives `made` the name `folder`; another process may have been first with the same database, which is as good."""
    try:
        os.replace(made, folder)
    except OSError as error:
        if not _holds(folder, names, mark):
            raise InputError(
                f"{folder}: expected a new or an empty folder for the synthetic database, found other files; "
                "name another folder or remove this one"
            ) from error


def _write_record(
    folder: Path, name: str, number: int, seed: int, minutes: float, mark: str
) -> None:
    rng = np.random.default_rng([seed, number])
    samples = round(minutes * 60 * FS_HZ)
    patient = draw_patient(ROLES[number % len(ROLES)], rng)
    heart = Heart(patient, rng, samples / FS_HZ).run()
    signal, r_samples = draw_signal(patient, heart, samples, rng)
    added, noisy = noise(patient, samples, rng)
    _write_signal(folder, name, signal + added, mark)
    beats = zip(r_samples.tolist(), heart.beats, strict=True)
    rows = [
        (sample, beat.symbol, "") for sample, beat in beats if beat.r_s < heart.duration_s - 0.1
    ]
    rows += [(sample, "~", "") for sample in noisy]
    rows += [(round(at_s * FS_HZ), "+", text) for at_s, text in heart.rhythms]
    _write_annotations(folder, name, [row for row in rows if 0 < row[0] < samples])


def _write_signal(folder: Path, name: str, signal: Floats, mark: str) -> None:
    limit = 2047 / _ADC_GAIN
    each = {"units": "mV", "fmt": "212", "adc_gain": _ADC_GAIN, "baseline": 0}
    wfdb.wrsamp(
        name,
        fs=FS_HZ,
        sig_name=list(LEADS),
        p_signal=np.clip(signal, -limit, limit),
        comments=[mark],
        write_dir=str(folder),
        **{key: [value] * len(LEADS) for key, value in each.items()},
    )


def _write_annotations(folder: Path, name: str, rows: Sequence[tuple[int, str, str]]) -> None:
    """Writes rows of sample, symbol and text; of two at one sample the first counts, as WFDB's format wants one."""
    by_sample = {row[0]: row for row in reversed(rows)}
    samples, symbols, texts = zip(*(by_sample[sample] for sample in sorted(by_sample)), strict=True)
    wfdb.wrann(
        name,
        "atr",
        np.array(samples),
        list(symbols),
        aux_note=list(texts),
        fs=FS_HZ,
        write_dir=str(folder),
    )
