"""A small simulated arrhythmia database: WFDB records of patients that do not exist.

Each wave of a beat is a Gaussian pulse of the heart's dipole (x to the left, y to the feet, z to
the front, in mV), and a lead is the projection of the dipole on one direction. Sums of Gaussians
for P, Q, R, S and T follow the description of ECGSYN (McSharry, Clifford, Tarassenko and Smith,
IEEE Trans. Biomed. Eng. 50, 289-294, 2003). A premature atrial beat resets the sinus node and a
premature ventricular beat does not, so pauses are those of a patient.
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
from ecg_lightning.records.synthetic.leads import FS_HZ, LEADS
from ecg_lightning.records.synthetic.mark import MARK
from ecg_lightning.records.synthetic.noise import draw_noise
from ecg_lightning.records.synthetic.patients import draw_patient
from ecg_lightning.records.synthetic.roles import ROLES
from ecg_lightning.records.synthetic.signal import draw_signal
from ecg_lightning.system.paths import cannot_write

VERSION = 1
DEFAULT_PATIENTS = 12
DEFAULT_MINUTES = 12.0
_ADC_GAIN = 200.0  # units per mV, as in MIT-BIH; 12 bits then hold ±10 mV


def write_synthetic(
    folder: Path, seed: int = 0, patients: int = DEFAULT_PATIENTS, minutes: float = DEFAULT_MINUTES
) -> tuple[str, ...]:
    """Write simulated records as WFDB files (.dat in format 212, .hea, .atr).

    Their sampling rate is 360 Hz, their leads are MLII and V1 in mV. Nothing is written if
    `folder` already holds the same database. Otherwise the records are written into a temporary
    folder next to it, which is then renamed, so that an incomplete database is never seen. The
    same arguments give the same bytes.

    Args:
        folder: Where the database goes. Its parents are created.
        seed: The seed of everything that is random.
        patients: The number of patients, 1 to 99, one record each. Of the default 12, at least
            four have beats of each class.
        minutes: The length of each record, 0.2 to 1440.

    Returns:
        The names of the records, `("s01", "s02", …)`.

    Raises:
        InputError: An argument is out of range, `folder` holds something else, or it cannot be
            written.

    Example:
        >>> write_synthetic(tmp_path / "synthetic", patients=2, minutes=0.5)
        ('s01', 's02')
    """
    _check(seed, patients, minutes)
    folder = folder.absolute()  # so that "." has a name
    names = tuple(f"s{number:02d}" for number in range(1, patients + 1))
    made_by = f"ecg-lightning, version {VERSION}, seed {seed}"
    mark = f"{MARK}: {made_by}, {patients} patients, {minutes:g} minutes"
    if not _holds(folder, names, mark):
        _write_folder(folder, names, seed, minutes, mark)
    return names


def _check(seed: int, patients: int, minutes: float) -> None:
    if seed < 0:
        raise _out_of_range("seed", "0 or more", f"{seed}")
    if not 1 <= patients <= 99:
        raise _out_of_range("patients", "1 to 99", f"{patients}")
    if not 0.2 <= minutes <= 1440:
        raise _out_of_range("minutes", "0.2 to 1440", f"{minutes:g}")


def _out_of_range(name: str, expected: str, found: str) -> InputError:
    subject, hint = f"{name} of the synthetic database", f"choose another value of {name}"
    return InputError(subject, expected=expected, found=found, hint=hint)


def _write_folder(folder: Path, names: Sequence[str], seed: int, minutes: float, mark: str) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            made = Path(scratch) / folder.name
            made.mkdir()
            for number, name in enumerate(names):
                _write_record(made, name, number, seed, minutes, mark)
            _rename(made, folder, names, mark)
    except OSError as error:
        expected = "a place where the synthetic database can be written"
        raise cannot_write(folder, error, expected) from error


def _holds(folder: Path, names: Sequence[str], mark: str) -> bool:
    """Whether a folder is this database, by its files and the comment in each header."""
    headers = [folder / f"{name}.hea" for name in names]
    files = [
        header.with_suffix(ending) for header in headers for ending in (".hea", ".dat", ".atr")
    ]
    return all(file.is_file() for file in files) and all(
        f"{mark}\n" in header.read_text(errors="replace") for header in headers
    )


def _rename(made: Path, folder: Path, names: Sequence[str], mark: str) -> None:
    """Give `made` the name `folder`. A process that was faster has written the same database."""
    try:
        os.replace(made, folder)
    except OSError as error:
        if not _holds(folder, names, mark):
            raise InputError(
                f"{folder}",
                expected="a new or an empty folder for the synthetic database",
                found="other files",
                hint="choose another folder or remove this one",
            ) from error


def _write_record(
    folder: Path, name: str, number: int, seed: int, minutes: float, mark: str
) -> None:
    rng = np.random.default_rng([seed, number])
    samples = round(minutes * 60 * FS_HZ)
    patient = draw_patient(ROLES[number % len(ROLES)], rng)
    heart = Heart(patient, rng, samples / FS_HZ).run()
    signal, r_samples = draw_signal(patient, heart, samples, rng)
    noise, noisy = draw_noise(patient, samples, rng)
    _write_signal(folder, name, signal + noise, mark)
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
    """Write rows of sample, symbol and text. WFDB wants one a sample: the first of them counts."""
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
