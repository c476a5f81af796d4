"""Downloads from a server on this machine that cuts, corrupts, refuses and is silent on demand."""

import contextlib
import hashlib
import io
import re
import resource
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from ecg_lightning.errors import InputError
from ecg_lightning.system.checksums import read_checksums, sha256_of
from ecg_lightning.system.download import INCOMPLETE, download_files
from ecg_lightning.system.locks import one_at_a_time

CONTENT = np.random.default_rng(0).bytes(200_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
WANTED = {"a.dat": SHA256}


@dataclass
class Behaviour:
    """What the server does, and what it was asked for."""

    files: dict[str, bytes] = field(default_factory=lambda: {"a.dat": CONTENT})
    # Bytes sent before the connection is cut, and statuses answered first: one for each answer.
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    silent_s: float = 0.0
    silent_where: str = "at the start"
    announces: bool = True  # Content-Length
    asked: list[str] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    behaviour: Behaviour

    def do_GET(self) -> None:
        behaviour = self.behaviour
        name = self.path.removeprefix("/db/")
        behaviour.asked.append(name)
        assert "Range" not in self.headers  # every file is fetched from its start
        if behaviour.silent_where == "at the start":
            threading.Event().wait(behaviour.silent_s)
        if behaviour.statuses:
            return self.send_error(behaviour.statuses.pop(0))
        if name not in behaviour.files:
            return self.send_error(404)
        return self.answer(behaviour.files[name])

    def answer(self, content: bytes) -> None:
        self.send_response(200)
        if self.behaviour.announces:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # the client has stopped waiting
            self.wfile.write(content[: self.behaviour.cuts.pop(0) if self.behaviour.cuts else None])
            if self.behaviour.silent_where == "in the middle":
                threading.Event().wait(self.behaviour.silent_s)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def behaviour() -> Behaviour:
    return Behaviour()


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between attempts, which no test waits for."""
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    return pauses


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
    download_files(url, WANTED if wanted is None else wanted, folder, timeout_s=timeout_s)


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
    assert behaviour.asked == ["b%20c.dat"]


def test_right_files_cost_no_request_and_wrong_ones_are_fetched(
    url: str, behaviour: Behaviour, tmp_path: Path
) -> None:
    behaviour.files["b.dat"] = b"right"
    (tmp_path / "a.dat").write_bytes(CONTENT)
    (tmp_path / "b.dat").write_bytes(b"wrong")
    fetch(url, tmp_path, WANTED | {"b.dat": hashlib.sha256(b"right").hexdigest()})
    assert contents(tmp_path) == {"a.dat": CONTENT, "b.dat": b"right"}
    assert behaviour.asked == ["b.dat"]


def test_right_files_are_found_while_another_process_downloads_others(
    url: str, tmp_path: Path
) -> None:
    (tmp_path / "a.dat").write_bytes(CONTENT)
    with one_at_a_time(tmp_path):
        fetch(url, tmp_path)
    assert contents(tmp_path) == {"a.dat": CONTENT}


def test_after_a_cut_connection_the_file_is_fetched_again_from_its_start(
    url: str, behaviour: Behaviour, tmp_path: Path
) -> None:
    behaviour.cuts = [50_000, 70_000]
    fetch(url, tmp_path)
    assert contents(tmp_path) == {"a.dat": CONTENT}
    assert behaviour.asked == ["a.dat"] * 3


def test_what_a_killed_process_left_is_removed(url: str, tmp_path: Path) -> None:
    (tmp_path / INCOMPLETE).mkdir()
    (tmp_path / INCOMPLETE / "tmp1234").write_bytes(CONTENT[:1234])
    fetch(url, tmp_path)
    assert contents(tmp_path) == {"a.dat": CONTENT}


def test_a_repeated_command_fetches_only_the_files_that_are_missing(
    url: str, behaviour: Behaviour, tmp_path: Path
) -> None:
    wanted = {name: SHA256 for name in ("a.dat", "b.dat", "c.dat")}
    behaviour.files["b.dat"] = CONTENT
    assert f"{url}/c.dat: expected the file" in refused(url, tmp_path, wanted)
    behaviour.files["c.dat"] = CONTENT
    behaviour.asked.clear()
    fetch(url, tmp_path, wanted)
    assert contents(tmp_path) == dict.fromkeys(wanted, CONTENT)
    assert behaviour.asked == ["c.dat"]


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again(
    url: str, behaviour: Behaviour, tmp_path: Path, status: int
) -> None:
    behaviour.statuses = [status, status]
    fetch(url, tmp_path)
    assert contents(tmp_path) == {"a.dat": CONTENT}
    assert len(behaviour.asked) == 3


def test_a_connection_cut_again_and_again_leaves_nothing(
    url: str, behaviour: Behaviour, tmp_path: Path
) -> None:
    behaviour.cuts = [10, 10, 10, 10]
    assert refused(url, tmp_path) == (
        f"{url}/a.dat: expected the file, found a connection cut after 10 of 200000 bytes, "
        "4 times; check the network and repeat the command, which keeps the complete files"
    )
    assert contents(tmp_path) == {}


def test_corrupted_bytes_are_not_kept(url: str, behaviour: Behaviour, tmp_path: Path) -> None:
    behaviour.files["a.dat"] = b"\0" + CONTENT[1:]
    assert refused(url, tmp_path) == (
        f"{url}/a.dat: expected a file with SHA-256 {SHA256}, found another content, 4 times; "
        "check the address or try again later"
    )
    assert contents(tmp_path) == {}
    assert len(behaviour.asked) == 4


@pytest.mark.parametrize("announces", [True, False])
def test_a_file_that_is_too_large_is_cut_off(
    url: str, behaviour: Behaviour, tmp_path: Path, announces: bool
) -> None:
    behaviour.announces = announces
    download_files(url, WANTED, tmp_path / "exact", max_bytes=len(CONTENT))
    assert contents(tmp_path / "exact") == {"a.dat": CONTENT}
    with pytest.raises(InputError) as caught:
        download_files(url, WANTED, tmp_path / "less", max_bytes=len(CONTENT) - 1)
    assert str(caught.value) == (
        f"{url}/a.dat: expected a file of at most 199,999 bytes, found a longer one; "
        "check the address"
    )
    assert contents(tmp_path / "less") == {}
    assert behaviour.asked == ["a.dat"] * 2


def test_a_file_of_unannounced_length_that_is_cut_is_not_kept(
    url: str, behaviour: Behaviour, tmp_path: Path
) -> None:
    behaviour.announces, behaviour.cuts = False, [10]
    fetch(url, tmp_path)
    assert contents(tmp_path) == {"a.dat": CONTENT}
    assert len(behaviour.asked) == 2


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
    expected = "expected the file, found HTTP status 404 Not Found; check the address"
    assert message == f"{url}/b.dat: {expected}"
    assert len(behaviour.asked) == 1


def test_a_server_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as taken:  # bound and not listening, so that nobody else gets the port
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert refused(url, tmp_path) == (
            f"{url}/a.dat: expected the file, found Connection refused, 4 times; "
            "check the network and repeat the command, which keeps the complete files"
        )


@pytest.mark.parametrize("where", ["at the start", "in the middle"])
def test_a_silent_server(url: str, behaviour: Behaviour, tmp_path: Path, where: str) -> None:
    behaviour.silent_s, behaviour.silent_where, behaviour.cuts = 0.5, where, [9, 9, 9, 9]
    assert "expected the file, found no answer in time, 4 times; check the network" in refused(
        url, tmp_path, timeout_s=0.05
    )


def test_a_server_that_does_not_speak_http(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_answer_four_times, args=(server, b"SSH-2.0-OpenSSH\r\n"))
        thread.start()
        message = refused(f"http://127.0.0.1:{server.getsockname()[1]}", tmp_path)
        thread.join()
    assert "/a.dat: expected the file, found SSH-2.0-OpenSSH, 4 times; check the network" in message


def _answer_four_times(server: socket.socket, answer: bytes) -> None:
    for _ in range(4):
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(answer)


@pytest.mark.parametrize("address", ["physionet", "gopher://host", "http://:80", "http://[1"])
def test_an_invalid_address(tmp_path: Path, address: str) -> None:
    assert refused(address, tmp_path).startswith(
        f"{address}/: expected an address such as https://host/folder/, found "
    )
    assert contents(tmp_path) == {}


def test_pauses_become_longer(
    url: str, behaviour: Behaviour, tmp_path: Path, pauses: list[float]
) -> None:
    behaviour.statuses = [503] * 4
    assert "found HTTP status 503 Service Unavailable, 4 times" in refused(url, tmp_path)
    assert pauses == [1, 2, 3]


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file can become longer than 100,000 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk(url: str, behaviour: Behaviour, tmp_path: Path) -> None:
    assert refused(url, tmp_path) == (
        f"{tmp_path / 'a.dat'}: expected a place to write the file, found File too large; "
        "free some space or choose another folder, and repeat the command"
    )
    assert contents(tmp_path) == {}
    assert len(behaviour.asked) == 1


def test_a_folder_that_cannot_be_made(url: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert refused(url, tmp_path / "file" / "db") == (
        f"{tmp_path / 'file' / 'db'}: expected a folder to download into, found Not a directory; "
        f"move {tmp_path / 'file'} away, which is no folder, or choose another folder"
    )


def test_nothing_is_printed_where_stderr_is_no_terminal(
    url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fetch(url, tmp_path)
    assert capfd.readouterr() == ("", "")


def test_the_bar_goes_to_stderr(
    url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    download_files(url, WANTED, tmp_path, progress=True)
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
    (tmp_path / "b").write_bytes(b"abc")  # FIPS 180-2, example B.1
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_of(tmp_path / "b") == abc
    assert read_checksums(f"{abc}  b.dat\n{abc} *c\n\n") == {"b.dat": abc, "c": abc}
    with pytest.raises(ValueError, match="expected 'sha256  name', found 'abc  b'"):
        read_checksums("abc  b")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    expected = "expected a readable file, found a folder; check the path"
    with pytest.raises(InputError, match=expected):
        sha256_of(tmp_path)
