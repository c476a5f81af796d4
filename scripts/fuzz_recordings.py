"""Damaged EDF, BDF and ISHNE files for fuzz.py, and other readings of them to compare with."""

import shutil
import struct
import warnings
from pathlib import Path
from random import Random
from typing import Any

import edfio
import numpy as np
import numpy.typing as npt
from fuzz_bytes import EXTREMES, INTEGERS, TEXTS, damaged_bytes, encoded, overwritten
from fuzz_target import WrongError
from recording_files import STEPS_PER_MV, write_bdf, write_edf, write_ishne

from ecg_lightning.records.formats import read_recording
from ecg_lightning.records.recording import Recording

Floats = npt.NDArray[np.float64]
NAMES = ("II", "V1")
SECONDS, FS_HZ = 6, 200
MOST_SAMPLES = 1 << 20  # of a lead that is read whole and compared
ANNOTATIONS = ("edf annotations", "bdf annotations")
# The fields of an EDF header that the samples depend on: offset and width. Those of a signal are
# (bytes of a signal's fields before it, width).
EDF_FIELDS = (
    (0, 8),
    (88, 80),
    (168, 8),
    (176, 8),
    (184, 8),
    (192, 44),
    (236, 8),
    (244, 8),
    (252, 4),
)
EDF_SIGNAL_FIELDS = ((0, 16), (96, 8), (104, 8), (112, 8), (120, 8), (128, 8), (216, 8))
ISHNE_FIELDS = (
    *((8, 2), (10, 4), (14, 4), (18, 4), (22, 4), (138, 2), (156, 2), (158, 2), (182, 2)),
    *((206, 2), (208, 2), (272, 2)),
)


class Edf:
    """EDF, EDF+, BDF and BDF+ files with a damaged header, damaged samples or annotations."""

    def prepare(self, folder: Path) -> None:
        """Write a file of each kind."""
        self.folder = folder
        write_edf(folder / "plain", [_steps()], NAMES, FS_HZ)
        write_bdf(folder / "bdf", [_steps()], NAMES, FS_HZ)
        for name, make, kind in (
            ("plus", edfio.Edf, edfio.EdfSignal),
            ("bdf-plus", edfio.Bdf, edfio.BdfSignal),
        ):
            _write_plus(folder / name, make, kind)
            _make_gaps(folder / name, folder / f"{name}-gaps")
        self.kinds = sorted(path.name for path in folder.iterdir())

    def write(self, folder: Path, rng: Random, damage: bool = True) -> None:
        """Copy a valid file and damage it; one in 20 stays valid."""
        content = (self.folder / rng.choice(self.kinds)).read_bytes()
        choice = rng.randrange(20) if damage else 19
        if choice < 10:
            for _ in range(rng.choice((1, 1, 1, 2, 3))):
                content = _other_field(content, rng)
        elif choice < 15:
            n_header = 256 * (int(content[252:256]) + 1)
            content = content[:n_header] + damaged_bytes(content[n_header:], rng)
        elif choice < 17:
            content = content[: rng.randint(0, len(content))]
        elif choice < 19:
            content = damaged_bytes(content, rng)
        (folder / "r.edf").write_bytes(content)

    def past_header(self, folder: Path) -> bool:
        """Whether edfio can read the header and the size of the data."""
        return _by_edfio(folder / "r.edf") is not None

    def check(self, folder: Path, rng: Random) -> None:
        """Read the file, and compare it with edfio where edfio reads it."""
        recording = read_recording(folder / "r.edf")
        check_recording(recording, rng)
        if recording.format[:3] in ("EDF", "BDF"):
            _check_against_edfio(recording, _by_edfio(folder / "r.edf"))


class Ishne:
    """ISHNE Holter files with a damaged header, damaged samples or annotations."""

    def prepare(self, folder: Path) -> None:
        """Write a file and its annotations."""
        self.folder = folder
        write_ishne(folder / "r.ecg", [_steps()], NAMES, FS_HZ)
        header = (folder / "r.ecg").read_bytes()[:522]
        marks = [struct.pack("<ccH", label.encode(), b"#", 90) for label in "NVSBPUXCN!N"]
        content = b"ANN  1.0" + header[8:] + struct.pack("<I", 10) + b"".join(marks)
        (folder / "r.ann").write_bytes(content)

    def write(self, folder: Path, rng: Random, damage: bool = True) -> None:
        """Copy the valid files and damage one; one in 20 stays valid."""
        for name in ("r.ecg", "r.ann"):
            shutil.copyfile(self.folder / name, folder / name)
        choice = rng.randrange(20) if damage else 19
        path = folder / ("r.ann" if rng.random() < 0.3 else "r.ecg")
        content = path.read_bytes()
        if choice < 10:
            for _ in range(rng.choice((1, 1, 1, 2, 3))):
                content = _other_integer(content, rng)
        elif choice < 13:
            content = content[: rng.randint(0, len(content))]
        elif choice < 19:
            content = damaged_bytes(content, rng)
        path.write_bytes(content)

    def past_header(self, folder: Path) -> bool:
        """Whether the magic word, the number of leads and the rate are right."""
        head = (folder / "r.ecg").read_bytes()[:522]
        if len(head) < 522 or head[:8] != b"ISHNE1.0":
            return False
        n_leads, fs_hz = struct.unpack_from("<h", head, 156)[0], struct.unpack_from("<h", head, 272)
        return 0 < n_leads <= 12 and fs_hz[0] > 0

    def check(self, folder: Path, rng: Random) -> None:
        """Read the file, and compare it with a plain decoder where the header is plain."""
        recording = read_recording(folder / "r.ecg")
        check_recording(recording, rng)
        head = (folder / "r.ecg").read_bytes()[:522]
        n_leads, block = struct.unpack_from("<h", head, 156)[0], struct.unpack_from("<i", head, 10)
        if recording.format != "ISHNE" or block[0] or struct.unpack_from("<i", head, 22)[0] != 522:
            return
        stored = np.fromfile(folder / "r.ecg", "<i2", offset=522)
        stored = stored[: len(stored) // n_leads * n_leads].reshape(-1, n_leads)
        for i in range(n_leads):
            step_mv = struct.unpack_from("<h", head, 206 + 2 * i)[0] / 1e6
            values = np.where(stored[:, i] == -32768, np.nan, stored[:, i])
            values *= step_mv if step_mv > 0 else 1
            _check_equal(recording, i, values, float(struct.unpack_from("<h", head, 272)[0]))


def check_recording(recording: Recording, rng: Random) -> None:
    """Read some pieces and the annotations; refuse numbers that cannot be right.

    Raises:
        WrongError: A number cannot be right.
        InputError: The annotations are refused.
    """
    for i, lead in enumerate(recording.leads):
        if not 0 < lead.fs_hz <= 1e6 or lead.samples < 0:
            raise WrongError(f"accepted {lead.samples} samples at {lead.fs_hz} Hz")
        for _ in range(2):
            start = rng.randint(0, lead.samples)
            piece = recording.read(start, min(start + rng.randint(0, 5000), lead.samples), i)
            if np.isinf(piece).any() or abs(piece[np.isfinite(piece)]).max(initial=0) > 1e20:
                raise WrongError("accepted samples of an infinite or enormous value")
    annotations = recording.annotations
    if annotations is None:
        return
    samples, texts = annotations.samples, annotations.texts
    if not len(samples) == len(annotations.symbols) == len(texts):
        raise WrongError("annotations of several lengths")
    if (np.diff(samples) < 0).any():
        raise WrongError("annotations are not in order")
    if len(samples) and not 0 <= samples[0] <= samples[-1] < recording.samples:
        raise WrongError("an annotation lies outside the signal")


def _steps() -> npt.NDArray[np.int16]:
    """Two leads in steps of the converter."""
    time_s = np.arange(SECONDS * FS_HZ) / FS_HZ
    beats = np.exp(-0.5 * ((time_s % 0.9 - 0.4) / 0.02) ** 2)
    return np.rint(STEPS_PER_MV * np.stack([beats, 0.3 - beats / 2])).astype(np.int16)


def _write_plus(path: Path, make: Any, kind: Any) -> None:
    """Write a continuous file with annotations and leads of two rates."""
    steps = _steps() / STEPS_PER_MV
    signals = [
        kind(steps[0], FS_HZ, label="ECG II", physical_dimension="mV"),
        kind(1000 * steps[1, ::4], FS_HZ / 4, label="V1", physical_dimension="uV"),
    ]
    texts = ["N", "V", "two words", "é", "N"]
    marks = [edfio.EdfAnnotation(0.4 + 0.9 * i, 0.5, text) for i, text in enumerate(texts)]
    make(signals, annotations=marks).write(path)


def _make_gaps(continuous: Path, path: Path) -> None:
    """Write a file as a discontinuous one: the last two data records begin later."""
    content = continuous.read_bytes()
    content = content[:196] + b"D" + content[197:]
    for before, after in ((b"+4", b"+7"), (b"+5", b"+9")):
        content = content.replace(before + b"\x14\x14", after + b"\x14\x14")
    path.write_bytes(content)


def _other_field(content: bytes, rng: Random) -> bytes:
    """One field of an EDF header replaced by an extreme number or an odd text."""
    n_signals = 3 if b"Annotations" in content[:1024] else 2
    if rng.random() < 0.4:
        offset, width = rng.choice(EDF_FIELDS)
    else:
        before, width = rng.choice(EDF_SIGNAL_FIELDS)
        offset = 256 + n_signals * before + rng.randrange(n_signals) * width
    value = encoded(rng.choice(EXTREMES if rng.random() < 0.8 else TEXTS))
    return content[:offset] + value[:width].ljust(width) + content[offset + width :]


def _other_integer(content: bytes, rng: Random) -> bytes:
    """One field of an ISHNE header replaced by an extreme or a small number."""
    if rng.random() < 0.2:
        return overwritten(content, rng)
    offset, width = rng.choice(ISHNE_FIELDS)
    number = rng.choice((*INTEGERS, *range(16), 100, 522, 523, 1000)) % (1 << 8 * width)
    return content[:offset] + number.to_bytes(width, "little") + content[offset + width :]


def _by_edfio(path: Path) -> edfio.Edf | edfio.Bdf | None:
    """The file as edfio reads it; None where it does not."""
    is_bdf = path.read_bytes()[:1] == b"\xff"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return edfio.read_bdf(path) if is_bdf else edfio.read_edf(path)
        except Exception:
            return None


def _check_against_edfio(recording: Recording, file: edfio.Edf | edfio.Bdf | None) -> None:
    if file is None or any("\ufffd" in signal.label for signal in file.signals):
        return  # edfio reads ASCII only
    labels = [signal.label.strip(" \0").casefold() for signal in file.signals]
    pairs = zip(file.signals, labels, strict=True)
    signals: list[Any] = [signal for signal, label in pairs if label not in ANNOTATIONS]
    if len(signals) != len(recording.leads):
        raise WrongError(f"{len(recording.leads)} leads, edfio reads {len(signals)}")
    for i, signal in enumerate(signals):
        try:
            limits = (*signal.physical_range, *signal.digital_range)
        except ValueError:  # a decimal comma; then edfio gives digital values
            continue
        unit = signal.physical_dimension.strip(" \0\t\n\r\x0b\x0c\x1c\x1d\x1e\x1f").lower()
        if not np.isfinite(limits).all() or len(signal.digital) > MOST_SAMPLES or "\ufffd" in unit:
            continue
        factor = {"mv": 1.0, "uv": 1e-3, "v": 1e3, "nv": 1e-6}.get(unit, 1)
        _check_equal(recording, i, signal.data * factor, signal.sampling_frequency)


def _check_equal(recording: Recording, i: int, values: Floats, fs_hz: float) -> None:
    """Compare a lead with other samples; the gaps of a discontinuous file are not in them."""
    lead = recording.leads[i]
    if abs(lead.fs_hz - fs_hz) > 1e-9 * fs_hz:
        raise WrongError(f"the rate is {lead.fs_hz}, another reader's {fs_hz}")
    if lead.samples > MOST_SAMPLES:
        return
    read = recording.read_exactly(leads=i)[0]
    if recording.format.endswith("+D"):
        read = read[np.isfinite(read)]
    scale = abs(values[np.isfinite(values)]).max(initial=1)
    if len(read) != len(values) or not np.allclose(
        read, values, rtol=1e-9, atol=1e-9 * scale, equal_nan=True
    ):
        raise WrongError("other samples than another reader's")
