"""Downloading from a server on this machine that resumes, cuts, corrupts, refuses and stays silent on demand."""

import contextlib
import hashlib
import io
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from ecg_lightning.errors import InputError
from ecg_lightning.system.download import download, read_checksums, sha256_of
from ecg_lightning.system.locks import one_at_a_time

CONTENT = np.random.default_rng(0).bytes(200_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
WANTED = {"a.dat": SHA256}


@dataclass
class Behaviour:
    """What the server does, and what it was asked for."""

    files: dict[str, bytes] = field(default_factory=lambda: {"a.dat": CONTENT})
    ranges: bool = True
    shifted_by: int = 0  # answers a range from another byte than asked
    cuts: list[int] = field(
        default_factory=list
    )  # bytes sent before the connection is cut, one answer each
    statuses: list[int] = field(default_factory=list)  # answered first, one each
    silent_s: float = 0.0
    asked: list[tuple[str, str | None]] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    behaviour: Behaviour

    def do_GET(self) -> None:
        behaviour, asked = self.behaviour, self.headers.get("Range")
        name = self.path.removeprefix("/db/")
        behaviour.asked.append((name, asked))
        if behaviour.silent_s:
            threading.Event().wait(behaviour.silent_s)
        if behaviour.statuses:
            return self.send_error(behaviour.statuses.pop(0))
        if name not in behaviour.files:
            return self.send_error(404)
        return self.answer(behaviour.files[name], asked if behaviour.ranges else None)

    def answer(self, content: bytes, asked: str | None) -> None:
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if asked and start >= len(content):
            return self.send_error(416)
        start += self.behaviour.shifted_by if asked else 0
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # the client gave up waiting
            self.wfile.write(
                content[start:][: self.behaviour.cuts.pop(0) if self.behaviour.cuts else None]
            )

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def behaviour() -> Behaviour:
    return Behaviour()


@pytest.fixture
def url(behaviour: Behaviour, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler = type("Handler", (Handler,), {"behaviour": behaviour})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/db"
        server.shutdown()
        thread.join()


def fetch(
    url: str, folder: Path, wanted: dict[str, str] | None = None, timeout_s: float = 5.0
) -> None:
    download(
        url, WANTED if wanted is None else wanted, folder, timeout_s=timeout_s, backoff_s=0.001
    )


def refused(
    url: str, folder: Path, wanted: dict[str, str] | None = None, timeout_s: float = 5.0
) -> str:
    with pytest.raises(InputError) as caught:
        fetch(url, folder, wanted, timeout_s)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_fetches_into_a_new_folder(url: str, behaviour: Behaviour, tmp_path: Path) -> None:
    behaviour.files["b c.dat"] = behaviour.files.pop("a.dat")
    behaviour.files["b%20c.dat"] = CONTENT
    fetch(f"{url}/", tmp_path / "x" / "y", {"b c.dat": SHA256})
    assert contents(tmp_path / "x" / "y") == {"b c.dat": CONTENT}
    assert behaviour.asked == [("b%20c.dat", None)]


def test_right_files_cost_no_request_and_wrong_ones_are_fetched(
    url: str, behaviour: Behaviour, tmp_path: Path
) -> None:
    behaviour.files["b.dat"] = b"right"
    (tmp_path / "a.dat").write_bytes(CONTENT)
    (tmp_path / "b.dat").write_bytes(b"wrong")
    fetch(url, tmp_path, WANTED | {"b.dat": hashlib.sha256(b"right").hexdigest()})
    assert contents(tmp_path) == {"a.dat": CONTENT, "b.dat": b"right"}
    assert behaviour.asked == [("b.dat", None)]


def test_right_files_are_found_while_another_process_downloads_others(
    url: str, tmp_path: Path
) -> None:
    (tmp_path / "a.dat").write_bytes(CONTENT)
    with one_at_a_time(tmp_path):
        fetch(url, tmp_path)
    assert contents(tmp_path) == {"a.dat": CONTENT}


def test_a_cut_connection_is_resumed(url: str, behaviour: Behaviour, tmp_path: Path) -> None:
    behaviour.cuts = [50_000, 70_000]
    fetch(url, tmp_path)
    assert contents(tmp_path) == {"a.dat": CONTENT}
    assert behaviour.asked == [
        ("a.dat", None),
        ("a.dat", "bytes=50000-"),
        ("a.dat", "bytes=120000-"),
    ]


def test_a_part_of_an_earlier_run_is_resumed(
    url: str, behaviour: Behaviour, tmp_path: Path
) -> None:
    (tmp_path / "a.dat.part").write_bytes(CONTENT[:1234])
    fetch(url, tmp_path)
    assert contents(tmp_path) == {"a.dat": CONTENT}
    assert behaviour.asked == [("a.dat", "bytes=1234-")]


def test_a_finished_part_needs_no_request(url: str, behaviour: Behaviour, tmp_path: Path) -> None:
    (tmp_path / "a.dat.part").write_bytes(CONTENT)
    fetch(url, tmp_path)
    assert contents(tmp_path) == {"a.dat": CONTENT}
    assert behaviour.asked == []


@pytest.mark.parametrize("option", [{"ranges": False}, {"shifted_by": 10}])
def test_a_server_that_does_not_resume_sends_the_whole(
    url: str, behaviour: Behaviour, tmp_path: Path, option: dict[str, int]
) -> None:
    vars(behaviour).update(option)
    (tmp_path / "a.dat.part").write_bytes(CONTENT[:1234])
    fetch(url, tmp_path)
    assert contents(tmp_path) == {"a.dat": CONTENT}


@pytest.mark.parametrize("part", [CONTENT + b"more", b"of another version", CONTENT[:-1] + b"\0"])
def test_a_wrong_part_is_fetched_from_the_start(url: str, tmp_path: Path, part: bytes) -> None:
    (tmp_path / "a.dat.part").write_bytes(part)
    fetch(url, tmp_path)
    assert contents(tmp_path) == {"a.dat": CONTENT}


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again(
    url: str, behaviour: Behaviour, tmp_path: Path, status: int
) -> None:
    behaviour.statuses = [status, status]
    fetch(url, tmp_path)
    assert contents(tmp_path) == {"a.dat": CONTENT}
    assert len(behaviour.asked) == 3


def test_a_connection_cut_again_and_again_keeps_what_came(
    url: str, behaviour: Behaviour, tmp_path: Path
) -> None:
    behaviour.cuts = [10, 10, 10, 10]
    assert refused(url, tmp_path) == (
        f"{url}/a.dat: expected the file, found: a connection cut after 10 of 199970 bytes, 4 times; "
        "check the network and run again: what was fetched is kept"
    )
    assert contents(tmp_path) == {"a.dat.part": CONTENT[:40]}


def test_corrupted_bytes_are_not_kept(url: str, behaviour: Behaviour, tmp_path: Path) -> None:
    wrong = b"\0" + CONTENT[1:]
    behaviour.files["a.dat"] = wrong
    assert refused(url, tmp_path) == (
        f"{url}/a.dat: expected SHA-256 {SHA256}, found {hashlib.sha256(wrong).hexdigest()}; "
        "the file was not kept: try again later or check the address"
    )
    assert contents(tmp_path) == {}


def test_corrupted_bytes_leave_the_old_file_alone(
    url: str, behaviour: Behaviour, tmp_path: Path
) -> None:
    behaviour.files["a.dat"] = b"corrupted"
    (tmp_path / "a.dat").write_bytes(b"old")
    refused(url, tmp_path)
    assert contents(tmp_path) == {"a.dat": b"old"}


def test_a_missing_file_is_not_asked_for_again(
    url: str, behaviour: Behaviour, tmp_path: Path
) -> None:
    message = refused(url, tmp_path, {"b.dat": SHA256})
    assert (
        message
        == f"{url}/b.dat: expected the file, found HTTP status 404 Not Found; check the address"
    )
    assert len(behaviour.asked) == 1


def test_a_server_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with (
        socket.socket() as taken
    ):  # bound and not listening: refused, and nobody else gets the port
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert refused(url, tmp_path) == (
            f"{url}/a.dat: expected the file, found: Connection refused, 4 times; check the network and run again: what was fetched is kept"
        )


def test_a_silent_server(url: str, behaviour: Behaviour, tmp_path: Path) -> None:
    behaviour.silent_s = 0.5
    assert "expected the file, found: no answer in time, 4 times; check the network" in refused(
        url, tmp_path, timeout_s=0.05
    )


def test_what_no_server_speaks_http(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_answer_four_times, args=(server, b"SSH-2.0-OpenSSH\r\n"))
        thread.start()
        message = refused(f"http://127.0.0.1:{server.getsockname()[1]}", tmp_path)
        thread.join()
    assert (
        "/a.dat: expected the file, found: SSH-2.0-OpenSSH, 4 times; check the network and run again"
        in message
    )


def _answer_four_times(server: socket.socket, answer: bytes) -> None:
    for _ in range(4):
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(answer)


def test_an_address_that_is_none(tmp_path: Path) -> None:
    assert refused("physionet", tmp_path).startswith(
        "physionet/: expected an address such as https://host/folder/, found: unknown url type"
    )


def test_backoff_doubles(
    url: str, behaviour: Behaviour, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    behaviour.statuses = [503] * 4
    with pytest.raises(InputError, match="found: HTTP status 503 Service Unavailable, 4 times"):
        download(url, WANTED, tmp_path)
    assert pauses == [1.0, 2.0, 4.0]


@pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="this system has no /dev/full to play a full disk"
)
def test_a_full_disk(url: str, tmp_path: Path) -> None:
    (tmp_path / "a.dat.part").symlink_to("/dev/full")
    assert refused(url, tmp_path) == (
        f"{tmp_path / 'a.dat.part'}: expected to write the file, found: No space left on device; "
        "free some space or choose another folder, and run again: what was fetched is kept"
    )


def test_a_folder_that_cannot_be(url: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert refused(url, tmp_path / "file" / "db") == (
        f"{tmp_path / 'file' / 'db'}: expected a folder to download into, found: Not a directory; choose another folder"
    )


def test_nothing_is_printed_where_stderr_is_no_terminal(
    url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fetch(url, tmp_path)
    assert capfd.readouterr() == ("", "")


def test_the_bar_goes_to_stderr(
    url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    download(url, WANTED, tmp_path, progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert re.search(r"a\.dat.*1/1", err)


def test_a_terminal_gets_a_bar(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stderr", terminal)
    fetch(url, tmp_path)
    assert "1/1" in terminal.getvalue()


def test_checksums_are_read_as_sha256sum_prints_them(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"abc")
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, example B.1
    assert sha256_of(tmp_path / "b") == abc
    assert read_checksums(f"{abc}  b.dat\n{abc} *c\n\n") == {"b.dat": abc, "c": abc}
    with pytest.raises(ValueError, match="expected 'sha256  name', found 'abc  b'"):
        read_checksums("abc  b")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="expected a readable file, found: Is a directory; check its rights"
    ):
        sha256_of(tmp_path)
