"""The programs of docs/examples: each is run, and docs/examples.md shows it with its command."""

import contextlib
import csv
import functools
import http.client
import importlib.util
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import cache
from http.server import HTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import wfdb

import ecg_lightning as ecg
from ecg_lightning.annotation.classifying.input_recipe import context_recipe
from ecg_lightning.annotation.classifying.output_recipe import output_recipe
from ecg_lightning.models.prior_shift import PriorShift, shifted
from ecg_lightning.records.synthetic import write_synthetic
from ecg_lightning.signals.context import (
    LARGEST,
    STRETCH_S,
    band_passed,
    beat_windows,
    context_rows,
    stretches,
    with_edges,
)
from tests.export.test_input_recipe import recording as made_recording
from tests.helpers.cli import command
from tests.helpers.paths import ROOT

FOLDER = ROOT / "docs/examples"
LONGER = {
    "onnx_default_network": 309,  # it makes the whole input of a network
    "onnx_without_torch": 90,
    "serve_annotate": 80,
}
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))


def program(name: str) -> ModuleType:
    """The module of an example, loaded from its file."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples") / "recordings"
    write_synthetic(folder, patients=2, minutes=0.5)
    return folder


class TestAnnotateAFolder:
    def test_writes_every_beat_and_the_sure_ventricular_ones(
        self, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert program("annotate_folder").main(str(recordings), str(tmp_path)) == 0
        expected = []
        for name in ("s01", "s02"):
            result = ecg.annotate(recordings / name)
            rows = (tmp_path / f"{name}.csv").read_text().splitlines()
            assert len(rows) == 1 + len(result)
            for row in np.flatnonzero(result.classes == "V"):
                if result.probabilities[row].max() >= np.float32(result.unsure_below or 0):
                    expected.append((name, f"{result.samples[row] / 360:.3f}"))
        with (tmp_path / "ventricular.csv").open() as file:
            found = [(row["recording"], row["time_s"]) for row in csv.DictReader(file)]
        assert found == expected
        assert expected
        lines = capsys.readouterr().out.splitlines()
        assert [line.partition(":")[0] for line in lines if line[0] != " "] == ["s01", "s02"]
        assert any("the class S needs a check" in line for line in lines)

    def test_files_of_one_name_in_two_folders_have_files_each(
        self, recordings: Path, tmp_path: Path
    ) -> None:
        for path in recordings.glob("s01.*"):
            for folder in ("a", "b"):
                (tmp_path / "in" / folder).mkdir(parents=True, exist_ok=True)
                (tmp_path / "in" / folder / path.name).write_bytes(path.read_bytes())
        assert program("annotate_folder").main(str(tmp_path / "in"), str(tmp_path / "out")) == 0
        names = {
            path.relative_to(tmp_path / "out").as_posix() for path in tmp_path.rglob("out/**/*.csv")
        }
        assert names == {"a/s01.csv", "b/s01.csv", "ventricular.csv"}

    def test_a_broken_file_is_named_and_the_others_follow(
        self, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        copied = tmp_path / "in"
        copied.mkdir()
        (copied / "a.edf").write_text("no recording")
        for path in recordings.glob("s02.*"):
            (copied / path.name).write_bytes(path.read_bytes())
        assert program("annotate_folder").main(str(copied), str(tmp_path / "out")) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert "a.edf" in line
        assert (tmp_path / "out/s02.csv").is_file()

    def test_a_folder_that_is_not_there_leaves_nothing(self, tmp_path: Path) -> None:
        with pytest.raises(ecg.InputError):
            program("annotate_folder").main(str(tmp_path / "none"), str(tmp_path / "out"))
        assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def server() -> Iterator[HTTPServer]:
    module: Any = program("serve_annotate")
    module.MOST_BYTES = 1_000_000
    module.Handler.log_message = lambda *_: None
    with HTTPServer(("127.0.0.1", 0), module.Handler) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def asked(server: HTTPServer, path: str, body: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    """The status and the JSON of an answer; no header says how long the body is but these."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    connection.putrequest("POST", path)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders(body or None)
    response = connection.getresponse()
    assert response.getheader("Content-Type") == "application/json"
    content = json.loads(response.read())
    connection.close()
    return response.status, content


class TestServe:
    def test_answers_with_the_beats_of_annotate(
        self, server: HTTPServer, recordings: Path, tmp_path: Path
    ) -> None:
        samples = ecg.read_recording(recordings / "s01").read()[0]
        lead = "\n".join(f"{value:.4f}" for value in samples).encode()
        status, content = asked(server, "/?fs_hz=360", lead, Content_Length=str(len(lead)))
        (tmp_path / "lead.csv").write_bytes(lead)
        expected = ecg.annotate(tmp_path / "lead.csv", 360)
        assert status == 200
        assert content["classes"] == expected.classes.tolist()
        assert content["times_s"] == (expected.samples / 360).tolist()
        np.testing.assert_allclose(content["p"], expected.probabilities, atol=6e-5)
        assert content["notes"] == [note.text for note in expected.notes]
        assert expected.unsure is not None
        assert content["unsure"] == expected.unsure.tolist()

    def test_takes_the_unit_that_a_table_lacks(self, server: HTTPServer, recordings: Path) -> None:
        samples = ecg.read_recording(recordings / "s01").read()[0]
        lead = "\n".join(f"{1000 * value:.0f}" for value in samples).encode()
        length = str(len(lead))
        answers = [
            asked(server, f"/?fs_hz=360{more}", lead, Content_Length=length)[1]
            for more in ("", "&unit=uV")
        ]
        without, stated = (len(one["notes"]) for one in answers)
        assert without == stated + 1

    @pytest.mark.parametrize(
        ("path", "body", "words"),
        [
            ("/", b"no recording", "recording: expected a recording, found "),
            ("/", b"", "recording: expected "),
            ("/?fs_hz=many", b"1\n2\n", "fs_hz: expected a number, found 'many'"),
            ("/?fs_hz=nan", b"1\n2\n", "fs_hz: expected "),
            ("/?fs_hz=1.1.1", b"1\n2\n", "fs_hz: expected a number, found '1.1.1'"),
            ("/?fs_hz=360&Unit=uV", b"1\n2\n", "expected fs_hz, unit; found 'Unit'"),
            ("/?fs_hz=360", b"1\n2\n", "recording recording: expected at least a window"),
        ],
        ids=["text", "nothing", "no number", "nan", "two points", "misspelt", "short"],
    )
    def test_bad_input_gets_400_and_one_line(
        self, server: HTTPServer, path: str, body: bytes, words: str
    ) -> None:
        status, content = asked(server, path, body, Content_Length=str(len(body)))
        assert status == 400
        assert content["error"].startswith(words)
        assert not {"\n", "/"} & {*content["error"]}

    def test_half_a_recording_is_no_recording(self, server: HTTPServer, recordings: Path) -> None:
        samples = ecg.read_recording(recordings / "s01").read()[0]
        lead = "\n".join(f"{value:.4f}" for value in samples).encode()
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=60) as client:
            head = f"POST /?fs_hz=360 HTTP/1.1\r\nContent-Length: {len(lead) + 1}\r\n\r\n"
            client.sendall(head.encode() + lead)
            client.shutdown(socket.SHUT_WR)
            answer = client.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.0 400 ")
        assert f"expected {len(lead) + 1} bytes, found {len(lead)}".encode() in answer

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"Content_Length": "1000001"}, 413),
            ({"Content_Length": "9" * 5000}, 413),
            ({}, 411),
            ({"Content_Length": "-1"}, 411),
            ({"Content_Length": "many"}, 411),
        ],
        ids=["long", "longer than a number", "none", "negative", "no number"],
    )
    def test_a_body_that_is_too_large_or_has_no_length_is_not_read(
        self, server: HTTPServer, headers: dict[str, str], status: int
    ) -> None:
        assert asked(server, "/", b"", **headers)[0] == status

    def test_an_interrupt_ends_it_without_a_traceback(self) -> None:
        words = [sys.executable, str(FOLDER / "serve_annotate.py"), "0"]
        default = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        with subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=default
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline().startswith(b"serving on http://127.0.0.1:")
            process.send_signal(signal.SIGINT)
            assert process.communicate()[1] == b""
            assert process.returncode == 0


class TestStream:
    @pytest.mark.parametrize("leads", [["MLII"], ["MLII", "V1"]], ids=str)
    def test_gives_the_beats_of_causal_annotations_in_time(
        self, recordings: Path, leads: list[str]
    ) -> None:
        recording = ecg.read_recording(recordings / "s01")
        parts = list(program("stream_from_file").beats_of(recording, leads))
        signals = recording.read(leads=leads)
        expected = ecg.annotate(signals, recording.fs_hz, causal=True)
        assert np.concatenate([beats.samples for _, beats in parts]).tolist() == (
            expected.samples.tolist()
        )
        p = np.concatenate([beats.probabilities for _, beats in parts])
        assert np.array_equal(p, expected.probabilities)
        assert len(p) > 30
        delays = [now_s - at / 360 for now_s, beats in parts for at in beats.samples.tolist()]
        assert max(delays) <= 5 + 0.25

    @pytest.fixture
    def printed(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> Callable[..., list[str]]:
        """The lines that the program prints for the words of a command."""

        def lines_of(*words: object) -> list[str]:
            monkeypatch.setattr("sys.argv", ["stream_from_file.py", *map(str, words)])
            program("stream_from_file").main()
            return capsys.readouterr().out.splitlines()

        return lines_of

    def test_prints_a_line_for_each_beat(
        self, recordings: Path, printed: Callable[..., list[str]]
    ) -> None:
        lines = printed(recordings / "s01")
        form = re.compile(r" +\d+\.\d\d s  [NSVF?]  [01]\.\d{3}  known at \d+\.\d\d s")
        assert all(form.fullmatch(line) for line in lines)
        recording = ecg.read_recording(recordings / "s01")
        assert len(lines) == len(ecg.annotate(recording.read(), 360, causal=True))

    def test_takes_the_lead_of_annotate_where_names_are_numbers(
        self, recordings: Path, tmp_path: Path, printed: Callable[..., list[str]]
    ) -> None:
        signal = ecg.read_recording(recordings / "s01").read(0, 7200)[0]
        signals = np.stack([signal, np.zeros_like(signal)], 1).astype(np.float64)
        kinds = {"units": ["mV", "mV"], "sig_name": ["1", "2"], "fmt": ["16", "16"]}
        wfdb.wrsamp("x", 360, p_signal=signals, write_dir=str(tmp_path), **kinds)
        assert len(printed(tmp_path / "x")) > 10

    def test_takes_a_table_whose_rate_and_unit_are_stated(
        self, recordings: Path, tmp_path: Path, printed: Callable[..., list[str]]
    ) -> None:
        signal = ecg.read_recording(recordings / "s01").read(0, 7200)[0]
        np.savetxt(tmp_path / "x.csv", signal, header="MLII", comments="")
        with pytest.raises(ecg.InputError, match=r"expected a sampling rate.*\(fs_hz\)"):
            printed(tmp_path / "x.csv")
        assert len(printed(tmp_path / "x.csv", "--fs_hz", 360, "--unit", "mV")) > 10

    def test_a_reader_that_has_enough_ends_it_without_a_traceback(self, recordings: Path) -> None:
        words = [sys.executable, str(FOLDER / "stream_from_file.py"), str(recordings / "s01")]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.readline()
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait() == 1


def without_torch(name: str, words: list[str], folder: Path) -> list[list[str]]:
    """Run an example where neither torch nor this package can be imported: the words it prints."""
    code = f"""
import runpy, sys
class Absent:
    def find_spec(self, name, *_):
        if name in ("torch", "ecg_lightning"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
sys.argv[1:] = {words}
runpy.run_path({str(FOLDER / name)!r}, run_name="__main__")
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return [line.split() for line in ran.stdout.splitlines()]


# Records that differ from the usual one by what is named, and their sampling rates.
ODD_RECORDS = (
    ("constant-second-lead", 360),
    ("constant-leads", 360),
    ("electrode-off", 360),
    ("microvolts-and-volts", 360),
    ("doubled-and-outside", 360),
    ("rate-without-a-small-fraction", 360.09),
)


def write_odd(usual: Path, folder: Path, case: str, fs_hz: float) -> None:
    """Write a record with the name of the case: the usual one, but for what the case says."""
    record, marks = wfdb.rdrecord(str(usual)), wfdb.rdann(str(usual), "atr")
    signal, units = record.p_signal.copy(), ["mV", "mV"]
    first = record.sig_name.index("MLII")
    positions, symbols = marks.sample, list(marks.symbol)
    half = len(signal) // 2
    if case == "constant-second-lead":
        signal[half:, 1 - first] = 3.0  # far from 0, where filters leave a ripple
    if case == "electrode-off":
        signal[: len(signal) * 3 // 4, first] = 0.0
    if case == "constant-leads":
        signal[half:] = 0.5
    if case == "microvolts-and-volts":
        units[first], units[1 - first] = "uV", "V"
        signal[:, first] *= 1e3
        signal[:, 1 - first] /= 1e3
    if case == "doubled-and-outside":
        positions = np.sort(np.concatenate([positions, positions[::3], [len(signal) + 400]]))
        symbols = ["N"] * len(positions)
    wfdb.wrsamp(
        *(case, fs_hz, units, record.sig_name),
        p_signal=signal,
        fmt=["16", "16"],
        write_dir=str(folder),
    )
    wfdb.wrann(case, "atr", positions, symbols, write_dir=str(folder))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Shipped weights -> their file in ONNX, which is written once."""
    folder = tmp_path_factory.mktemp("exported")

    @cache
    def file_of(weights: str) -> Path:
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
        words = ["export", weights, "--format", "onnx", "--output", f"{weights}.onnx"]
        done = command(words, folder)
        assert done.status == 0, done.err
        return folder / f"{weights}.onnx"

    return file_of


class TestOnnxWithoutTorch:
    @pytest.mark.parametrize(
        ("name", "weights", "close"),
        [
            ("onnx_without_torch.py", "DeepConv1d-robust", 6e-4),
            ("onnx_default_network.py", "PatientContext", 5e-3),  # resampled in another way
        ],
    )
    def test_gives_the_classes_of_annotate(
        self,
        name: str,
        weights: str,
        close: float,
        recordings: Path,
        exported: Callable[[str], Path],
        tmp_path: Path,
    ) -> None:
        shutil.copy(exported(weights), tmp_path / "beats.onnx")
        rows = without_torch(name, ["beats.onnx", str(recordings / "s02"), "atr"], tmp_path)
        annotator = ecg.Annotator.from_pretrained(weights)
        expected = annotator.annotate(recordings / "s02", beats="atr")
        assert [int(position) for position, *_ in rows] == expected.samples.tolist()
        assert [name for _, name, _ in rows] == expected.classes.tolist()
        largest = [float(text) for *_, text in rows]
        np.testing.assert_allclose(largest, expected.probabilities.max(axis=1), atol=close)
        assert len(set(expected.classes)) > 1

        record = wfdb.rdrecord(str(recordings / "s02"))
        names, units = record.sig_name[::-1], record.units[::-1]
        assert names[1] == "MLII"
        signals = record.p_signal[:, ::-1]
        wfdb.wrsamp(
            "t02", record.fs, units, names, signals, fmt=["16"] * 2, write_dir=str(tmp_path)
        )
        marks = wfdb.rdann(str(recordings / "s02"), "atr")
        wfdb.wrann("t02", "atr", marks.sample, marks.symbol, write_dir=str(tmp_path))
        rows = without_torch(name, ["beats.onnx", "t02", "atr"], tmp_path)
        assert [name for _, name, _ in rows] == expected.classes.tolist()

    @pytest.mark.parametrize(
        ("name", "weights"),
        [
            ("onnx_without_torch.py", "DeepConv1d-robust"),
            ("onnx_default_network.py", "PatientContext"),
        ],
    )
    def test_gives_the_classes_of_annotate_for_odd_records(
        self,
        name: str,
        weights: str,
        recordings: Path,
        exported: Callable[[str], Path],
        tmp_path: Path,
    ) -> None:
        """Each of these once gave other classes, without a word."""
        file = str(exported(weights))
        example = program(name.removesuffix(".py"))
        annotator = ecg.Annotator.from_pretrained(weights)
        for case, fs_hz in ODD_RECORDS:
            if name == "onnx_without_torch.py" and fs_hz != 360:
                continue  # it takes recordings at 360 Hz alone
            write_odd(recordings / "s02", tmp_path, case, fs_hz)
            with contextlib.chdir(tmp_path):
                positions, classes, p = example.classified(file, case, "atr")
            expected = annotator.annotate(tmp_path / case, beats="atr")
            assert positions.tolist() == expected.samples.tolist(), case
            assert classes == expected.classes.tolist(), case
            np.testing.assert_allclose(p, expected.probabilities, atol=5e-3, err_msg=case)

    @pytest.mark.parametrize("name", ["onnx_without_torch.py", "onnx_default_network.py"])
    def test_annotations_at_another_rate_are_refused(
        self, name: str, recordings: Path, exported: Callable[[str], Path], tmp_path: Path
    ) -> None:
        file = exported("DeepConv1d-robust" if "without" in name else "PatientContext")
        write_odd(recordings / "s02", tmp_path, "usual", 360)
        marks = wfdb.rdann(str(tmp_path / "usual"), "atr")
        wfdb.wrann("usual", "atr", 2 * marks.sample, marks.symbol, fs=720, write_dir=str(tmp_path))
        example = program(name.removesuffix(".py"))
        with contextlib.chdir(tmp_path), pytest.raises(SystemExit, match=r"360.* Hz"):
            example.classified(str(file), "usual", "atr")

    def test_two_ecg_leads_and_no_others_are_taken(self, tmp_path: Path) -> None:
        pytest.importorskip("onnxruntime")
        two_leads = program("onnx_default_network").two_leads
        signals = np.random.default_rng(0).normal(size=(400, 3))
        for names, first in (
            (["V1", "ECG II"], 1),
            (["V1", "ii"], 1),
            (["ECG1", "ECG2"], 0),
            (["RESP", "I"], None),
            (["I", "II", "III"], None),
            (["II"], None),
        ):
            n = len(names)
            wfdb.wrsamp(
                *("r", 360, ["mV"] * n, names),
                p_signal=signals[:, :n],
                fmt=["16"] * n,
                write_dir=str(tmp_path),
            )
            if first is None:
                with pytest.raises(SystemExit, match="expected two ECG leads"):
                    two_leads(str(tmp_path / "r"))
            else:
                leads, _ = two_leads(str(tmp_path / "r"))
                np.testing.assert_allclose(leads[0], signals[:, first], atol=1e-3)

    @pytest.mark.parametrize("name", ["onnx_without_torch.py", "onnx_default_network.py"])
    @pytest.mark.parametrize("missing", ["beats.onnx", "t04.hea", "t04.atr"])
    def test_a_missing_file_is_one_line(
        self, name: str, missing: str, recordings: Path, tmp_path: Path
    ) -> None:
        pytest.importorskip("onnxruntime")
        for path in recordings.glob("s02.*"):
            shutil.copy(path, tmp_path / f"t04{path.suffix}")
        (tmp_path / "beats.onnx").touch()
        (tmp_path / missing).unlink()
        classified = program(name.removesuffix(".py")).classified
        with contextlib.chdir(tmp_path), pytest.raises(SystemExit, match=f"^{missing}: expected a"):
            classified("beats.onnx", "t04", "atr")

    def test_estimates_shares_and_cuts_stretches_as_annotate_does(self) -> None:
        """In what the short record does not have: frequent S, and more than one stretch."""
        pytest.importorskip("onnxruntime")
        example = program("onnx_default_network")
        p = np.random.default_rng(0).dirichlet([3, 2, 1, 1, 1], 200)
        shift = PriorShift((0.6, 0.2, 0.1, 0.05, 0.05), strength=50.0, least_mean_s=0.1)
        steps = output_recipe(False, 1.5, shift)
        seen = np.ones(200, np.bool_)
        found = example.probabilities(np.log(p), steps, list("NSVFQ"), seen)
        expected = shifted(p, shift)
        assert expected is not None
        assert np.abs(expected - p).max() > 0.01
        expected **= 1 / 1.5
        np.testing.assert_allclose(found, expected / expected.sum(1, keepdims=True), atol=1e-5)
        seen[::3] = False
        found = example.probabilities(np.log(p), steps, list("NSVFQ"), seen)
        assert (found[::3] == [0, 0, 0, 0, 1]).all()
        times_s = np.cumsum(np.full(7000, 0.9))
        starts = [int(part[0]) for part in example.stretches(times_s, STRETCH_S)]
        assert starts == stretches(times_s).tolist()

    @pytest.mark.parametrize("kind", ["usual", "artefact", "flat second lead"])
    def test_makes_the_rows_that_annotate_makes(self, kind: str) -> None:
        pytest.importorskip("onnxruntime")
        leads, times_s = made_recording(60)
        if kind == "artefact":
            start = round(times_s[20] * 128) + 10
            leads[:, start : start + 20] += 500
        if kind == "flat second lead":
            leads[1] = 0
        found = program("onnx_default_network").rows_of(
            *(context_recipe(False), leads, times_s * 128, times_s),
            np.zeros((len(times_s), 2), np.bool_),
        )
        windows = beat_windows(band_passed(with_edges(leads)), times_s * 128.0)
        expected = context_rows(windows, times_s)
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)
        assert (np.abs(expected[:, :2]).max() == LARGEST) == (kind == "artefact")

    def test_a_beat_without_a_signal_is_told_from_the_others(self) -> None:
        pytest.importorskip("onnxruntime")
        first = np.array([[0.0, 1.0], [0.0, 1.0], [2.0, 2.0], [0.0, 9e9]])
        step = {"least_valid": 0.5, "most_scaled": 1e6}
        inside = np.array([0.5, 0.4, 1.0, 1.0])
        found = program("onnx_default_network").have_signal(first, inside, step)
        assert found.tolist() == [True, False, False, False]

    def test_prints_what_the_file_says(self, exported: Callable[[str], Path]) -> None:
        file = exported("PatientContext")
        done = subprocess.run(
            [sys.executable, str(FOLDER / "onnx_default_network.py"), str(file)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(done.stdout)["recipe"] == json.loads(json.dumps(context_recipe(False)))

    def test_scales_by_the_extremes_too(self) -> None:
        pytest.importorskip("onnxruntime")
        result = program("onnx_without_torch").scaled(np.array([-1.0, 1.0, 3.0]), "record")
        assert result.tolist() == [0, 0.5, 1]


def test_the_page_shows_each_with_its_command() -> None:
    page = (ROOT / "docs/examples.md").read_text("utf-8")
    assert NAMES
    for name in NAMES:
        assert re.search(rf"^python docs/examples/{name}\.py ", page, re.MULTILINE), name
        assert f"{{literalinclude}} examples/{name}.py" in page, name


@pytest.mark.parametrize("name", NAMES)
def test_is_short_and_begins_with_its_command(name: str) -> None:
    text = (FOLDER / f"{name}.py").read_text("utf-8")
    assert len(text.splitlines()) <= LONGER.get(name, 70)
    docstring = text.split('"""')[1]
    assert f"    python {name}.py" in docstring
