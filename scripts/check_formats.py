"""Compare what is read of recordings in many formats with what other readers read.

    python scripts/check_formats.py --mitdb MITDB FOLDER [FOLDER ...]

Every recording below the folders is compared with wfdb, edfio, pydicom or a plain decoder of the
file. Record 208 of MIT-BIH is converted to EDF, BDF, CSV at 250 Hz, FLAC, two segments, ISHNE and
twelve leads at 500 Hz, and each is compared with its source. The table shows the largest difference
of all samples of all leads, in the unit of each lead. Invalid samples have to be the same ones.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from recording_files import STEPS_PER_MV, write_bdf, write_edf, write_ishne, write_wfdb
from scipy.signal import resample_poly

import ecg_lightning as ecg
from ecg_lightning.arrays import Floats
from ecg_lightning.records.leads import millivolts_in
from ecg_lightning.records.recording import Recording

Signals = list[Floats]  # (T,) of each lead
ISHNE_LEADS = {5: "I", 6: "II", 7: "III", 8: "aVR", 9: "aVL", 10: "aVF"} | {
    10 + number: f"V{number}" for number in range(1, 7)
}
PIECE = 100_003  # samples that are read at once: a prime number, so that pieces begin anywhere


class Source(NamedTuple):
    """What a recording has to be equal to.

    Attributes:
        reader: Who says so.
        signals: The samples of each lead, in its unit or in millivolts.
        names: The names of the leads.
        rates: Their sampling rates.
        resolution: The step of the format, which the largest difference may reach.
    """

    reader: str
    signals: Signals
    names: Sequence[str]
    rates: Sequence[float]
    resolution: float = 0.0


def by_wfdb(path: Path) -> Source:
    """Read a record by wfdb, each lead at its own rate. Units of voltages become millivolts."""
    import wfdb

    with tempfile.TemporaryDirectory() as folder:
        place = _ascii(path, Path(folder))
        record = wfdb.rdrecord(str(place), smooth_frames=False, m2s=True)
    factors = [millivolts_in(unit) or 1.0 for unit in record.units]
    per_frame = record.samps_per_frame or [1] * record.n_sig
    signals = [np.asarray(s) * f for s, f in zip(record.e_p_signal, factors, strict=True)]
    return Source("wfdb", signals, record.sig_name, [record.fs * n for n in per_frame])


def by_edfio(path: Path) -> Source:
    """Read an EDF file by edfio."""
    import edfio

    signals = edfio.read_edf(path).signals
    factors = [millivolts_in(signal.physical_dimension) or 1.0 for signal in signals]
    return Source(
        "edfio",
        [signal.data * factor for signal, factor in zip(signals, factors, strict=True)],
        [signal.label for signal in signals],
        [signal.sampling_frequency for signal in signals],
    )


def by_pydicom(path: Path) -> Source:
    """Read the first waveform of a DICOM file by pydicom."""
    import pydicom

    file = pydicom.dcmread(path)
    group = file.WaveformSequence[0]
    channels = group.ChannelDefinitionSequence
    units = [c.ChannelSensitivityUnitsSequence[0].CodeValue for c in channels]
    factors = [millivolts_in(unit) or 1.0 for unit in units]
    names = [c.ChannelSourceSequence[0].CodeMeaning.removeprefix("Lead ") for c in channels]
    signals = list(file.waveform_array(0).T * np.array(factors)[:, None])
    return Source("pydicom", signals, names, [float(group.SamplingFrequency)] * len(signals))


def by_hand(path: Path) -> Source:
    """Read an ISHNE file by its fixed places in the standard."""
    content = path.read_bytes()
    begin, leads = (int(np.frombuffer(content, "<i4", 1, 22)[0]), content[156])
    rate = int(np.frombuffer(content, "<i2", 1, 272)[0])
    resolutions = np.frombuffer(content, "<i2", leads, 206) * 1e-6
    names = [ISHNE_LEADS[code] for code in np.frombuffer(content, "<i2", leads, 158)]
    steps = np.frombuffer(content[begin:], "<i2").reshape(-1, leads)
    return Source(
        "the standard's fields", list(steps.T * resolutions[:, None]), names, [rate] * leads
    )


ORACLES: dict[str, Callable[[Path], Source]] = {
    ".edf": by_edfio,
    ".dcm": by_pydicom,
    ".ecg": by_hand,
}


def _ascii(path: Path, folder: Path) -> Path:
    """A copy of a record whose name wfdb cannot read; other records stay where they are."""
    if path.name.isascii():
        return path
    for file in path.parent.glob(f"{path.name}.*"):
        (folder / f"record{file.suffix}").write_bytes(
            file.read_bytes().replace(path.name.encode(), b"record")
        )
    return folder / "record"


def converted(mitdb: Path, folder: Path) -> Iterator[tuple[str, Path, Source]]:
    """Convert record 208; yields what it became, the file, and its source."""
    import wfdb

    record = wfdb.rdrecord(str(mitdb / "208"))
    names, fs_hz, physical = record.sig_name, int(record.fs), record.p_signal.T
    steps = np.rint(physical * STEPS_PER_MV).astype(np.int16)
    source = Source("its source", list(physical), names, [fs_hz] * 2)
    write_edf(folder / "208.edf", [steps], names, fs_hz)
    write_bdf(folder / "208.bdf", [steps], names, fs_hz)
    write_ishne(folder / "208.ecg", [steps], ["II", "V1"], fs_hz)
    whole_s = [signal[: len(signal) // fs_hz * fs_hz] for signal in physical]
    seconds = source._replace(signals=whole_s)  # their files hold whole seconds
    yield "208 as EDF", folder / "208.edf", seconds
    yield "208 as BDF", folder / "208.bdf", seconds
    yield "208 as ISHNE", folder / "208.ecg", source._replace(names=["II", "V1"])
    slow = resample_poly(physical, 25, 36, axis=1)
    lines = [f"{i / 250:.3f},{a:.4f},{b:.4f}" for i, (a, b) in enumerate(slow.T)]
    header = ",".join(["time (s)", *(f"{name} (mV)" for name in names)])
    (folder / "208.csv").write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    rounded = Source("its source", list(slow), names, [250.0] * 2, 0.5e-4)
    yield "208 as CSV at 250 Hz", folder / "208.csv", rounded
    wfdb.wrsamp(
        "flac208",
        fs=fs_hz,
        units=["mV"] * 2,
        sig_name=names,
        d_signal=steps.T.astype(np.int64),
        fmt=["516"] * 2,
        adc_gain=[STEPS_PER_MV] * 2,
        baseline=[0] * 2,
        write_dir=str(folder),
    )
    yield "208 as WFDB in FLAC", folder / "flac208", source
    middle = 300_001
    write_wfdb(folder / "part1", [steps[:, :middle]], names, fs_hz)
    write_wfdb(folder / "part2", [steps[:, middle:]], names, fs_hz)
    header = f"two/2 2 {fs_hz} {steps.shape[1]}\npart1 {middle}\npart2 {steps.shape[1] - middle}\n"
    (folder / "two.hea").write_text(header, encoding="ascii")
    yield "208 as WFDB in two segments", folder / "two", source
    fast = np.rint(resample_poly(physical, 25, 18, axis=1) * STEPS_PER_MV)
    twelve = [f"L{i + 1}" for i in range(12)]
    wide = np.stack([fast[i % 2] // (1 + i // 2) for i in range(12)]).astype(np.int16)
    write_wfdb(folder / "twelve", [wide], twelve, 500)
    yield (
        "208 as twelve leads at 500 Hz",
        folder / "twelve",
        Source("its source", list(wide / STEPS_PER_MV), twelve, [500.0] * 12),
    )


def difference(recording: Recording, source: Source) -> float:
    """Return the largest difference of all samples.

    Raises:
        ValueError: Names, rates, lengths or invalid samples differ.
    """
    names, rates = [lead.name for lead in recording.leads], [x.fs_hz for x in recording.leads]
    if names != list(source.names) or not np.allclose(rates, source.rates, rtol=1e-9):
        raise ValueError(f"{names} at {rates} Hz, not {source.names} at {source.rates}")
    largest = 0.0
    for index, expected in enumerate(source.signals):
        length = recording.leads[index].samples
        if length != len(expected):
            raise ValueError(f"{length} samples of {names[index]}, not {len(expected)}")
        for start in range(0, length, PIECE):
            stop = min(start + PIECE, length)
            [piece] = recording.read_exactly(start, stop, index)
            known = expected[start:stop]
            if (np.isnan(piece) != np.isnan(known)).any():
                raise ValueError(f"other invalid samples of {names[index]}")
            if not np.isnan(piece).all():
                largest = max(largest, float(np.nanmax(np.abs(piece - known))))
    return largest


def row(title: str, recording: Recording, source: Source) -> str:
    """Return a row of the table."""
    rates = sorted({lead.fs_hz for lead in recording.leads})
    units = dict.fromkeys(lead.unit or "unknown" for lead in recording.leads)
    largest = difference(recording, source)
    verdict = "equal" if largest == 0 else f"{largest:.1e}"
    if source.resolution:
        verdict += f" (step of the file: {source.resolution * 2:g})"
    return (
        f"| {title} | {recording.format} | {len(recording.leads)} | {recording.lead.name} "
        f"| {', '.join(f'{rate:g}' for rate in rates)} | {', '.join(units)} "
        f"| {recording.samples:,} | {source.reader} | {verdict} |"
    )


def main() -> None:
    """Print the table in Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="*", metavar="FOLDER")
    parser.add_argument("--mitdb", type=Path, required=True, metavar="MITDB")
    args = parser.parse_args()
    print(
        "| recording | format | leads | used | Hz | units | samples | compared with | difference |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for folder in args.folders:
        for path in ecg.find_recordings(folder):
            source = ORACLES.get(path.suffix, by_wfdb)(path)
            print(row(str(path.relative_to(folder.parent)), ecg.read_recording(path), source))
    with tempfile.TemporaryDirectory() as scratch:
        for title, path, source in converted(args.mitdb, Path(scratch)):
            print(row(title, ecg.read_recording(path), source))


if __name__ == "__main__":
    main()
