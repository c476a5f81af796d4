"""Damaged files in DICOM, SCP-ECG, XML, JSON and MFER for fuzz.py."""

import io
import warnings
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
import pydicom
from fuzz_bytes import damaged_bytes, other_number, other_word
from fuzz_recordings import check_recording
from fuzz_target import WrongError
from other_files import STEPS, aecg, compressed, kardia, mfer, mortara, muse, philips, scp

from ecg_lightning.records.formats import read_recording

Floats = npt.NDArray[np.float64]
STEP_MV = 2.5e-3
HEADER = 64  # bytes


class OtherFormats:
    """Files that pydicom or ecgdatakit reads; a valid one has known samples."""

    def prepare(self, folder: Path) -> None:
        """Make a file of each format."""
        steps = np.array(list(STEPS.values()), dtype=np.float64)
        self.valid: dict[bytes, Floats | None] = {
            aecg(STEPS): steps * STEP_MV,
            muse(STEPS, scale="2.5"): steps * STEP_MV,
            kardia(STEPS, resolution=2500): steps * STEP_MV,
            mortara(STEPS): steps * STEP_MV,
            philips(STEPS, resolution="2.5"): steps * STEP_MV,
            scp(STEPS): steps * STEP_MV,
            mfer(STEPS["I"]): steps[:1] * 1e-3,
            _dicom(): steps * STEP_MV,
            compressed([0, *range(256, 300)] * 3): None,
        }
        self.contents = list(self.valid)

    def write(self, folder: Path, rng: Random, damage: bool = True) -> None:
        """Write a valid file with a damage; one in 20 stays valid."""
        content = rng.choice(self.contents)
        choice = rng.randrange(20) if damage else 19
        if choice < 8:
            content = other_number(content, rng)
        elif choice < 12:
            content = other_word(content, rng)
        elif choice < 19:
            content = damaged_bytes(content, rng)
        (folder / "r").write_bytes(content)

    def past_header(self, folder: Path) -> bool:
        """Whether the first bytes are those of a valid file."""
        start = (folder / "r").read_bytes()[:HEADER]
        return any(content.startswith(start) for content in self.contents if start)

    def check(self, folder: Path, rng: Random) -> None:
        """Read the file; compare the samples of a valid one with what was written."""
        recording = read_recording(folder / "r")
        check_recording(recording, rng)
        expected = self.valid.get((folder / "r").read_bytes())
        if expected is None:
            return
        samples = recording.read_exactly(leads=list(range(len(recording.leads))))
        if samples.shape != expected.shape or not np.allclose(samples, expected, rtol=1e-9):
            raise WrongError("other samples than those that were written")


def _dicom() -> bytes:
    """A file with one group of two leads."""
    dataset, group = pydicom.Dataset(), pydicom.Dataset()
    samples = np.array(list(STEPS.values()), "<i2").T
    group.WaveformOriginality, group.SamplingFrequency = "ORIGINAL", "500"
    group.NumberOfWaveformSamples, group.NumberOfWaveformChannels = samples.shape
    group.WaveformBitsAllocated, group.WaveformSampleInterpretation = 16, "SS"
    group.ChannelDefinitionSequence = pydicom.Sequence([_channel(name) for name in STEPS])
    group.add_new("WaveformData", "OW", samples.tobytes())
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.9.1.1", "1.2.3"
    dataset.AcquisitionDateTime = "20200102030405.25"
    dataset.WaveformSequence = pydicom.Sequence([group])
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset.save_as(content, enforce_file_format=True)
    return content.getvalue()


def _channel(name: str) -> pydicom.Dataset:
    channel, source, unit = (pydicom.Dataset() for _ in range(3))
    source.CodeMeaning, unit.CodeValue = f"Lead {name}", "uV"
    channel.ChannelSourceSequence = pydicom.Sequence([source])
    channel.ChannelSensitivityUnitsSequence = pydicom.Sequence([unit])
    channel.ChannelSensitivity = "2.5"
    return channel
