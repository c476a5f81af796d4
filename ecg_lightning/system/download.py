"""Downloads files over HTTP: each resumed where it was cut, checked by SHA-256, and put in place only when right."""

import hashlib
import http.client
import re
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ecg_lightning import __version__
from ecg_lightning.errors import InputError
from ecg_lightning.system.locks import one_at_a_time

_CHUNK_BYTES = 1 << 16
_TRIES = 4
_RETRY_STATUS = (
    408,
    425,
    429,
    500,
    502,
    503,
    504,
)  # RFC 9110, RFC 6585: the same request may succeed later
_CHECKSUM_LINE = re.compile(r"([0-9a-f]{64}) [ *](\S.*)")


class _InterruptedError(Exception):
    """The transfer failed in a way that another try may cure."""


def read_checksums(text: str) -> dict[str, str]:
    """File name to SHA-256, from lines as `sha256sum` prints them.

    Args:
        text: Lines of 64 hexadecimal digits, two spaces and a name.

    Returns:
        The checksums, in the order of the lines.

    Raises:
        ValueError: A line of another form.

    Example:
        >>> read_checksums("0" * 64 + "  100.dat")["100.dat"][:4]
        '0000'
    """
    matches = [(line, _CHECKSUM_LINE.fullmatch(line)) for line in text.splitlines() if line.strip()]
    for line, match in matches:
        if match is None:
            raise ValueError(f"expected 'sha256  name', found {line[:80]!r}")
    return {match[2]: match[1] for _, match in matches if match}


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file.

    Raises:
        InputError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            f"{path}: expected a readable file, found: {_reason(error)}; check its rights"
        ) from error


def download(
    url_base: str,
    names_and_sha256: Mapping[str, str],
    folder: Path,
    progress: bool | None = None,
    *,
    timeout_s: float = 30.0,
    backoff_s: float = 1.0,
) -> None:
    """Make every named file be in a folder, with the right content.

    Files that are right already are kept and cost no request. A file comes in as `NAME.part`, is resumed from there by
    a later try or run, and gets its name when its hash is right. One process downloads into a folder, others wait for it.

    Args:
        url_base: The address that the names are appended to.
        names_and_sha256: File name to hexadecimal SHA-256.
        folder: Where the files go; made if need be.
        progress: Whether to show a bar on stderr; `None`: when stderr is a terminal.
        timeout_s: How long the server may stay silent.
        backoff_s: The pause before the second of four tries; it doubles with each.

    Raises:
        InputError: A file cannot be fetched or written, or its hash is wrong.

    Example:
        >>> download("https://example.org/mitdb", {"100.dat": "b2ea…"}, Path("mitdb"))  # doctest: +SKIP
    """
    folder = Path(folder)
    fetcher = _Fetcher(url_base.rstrip("/") + "/", folder, timeout_s, backoff_s)
    _make_folder(folder)
    if all(fetcher.has(name, sha256) for name, sha256 in names_and_sha256.items()):
        return  # without the lock: a hundred jobs that find their files there need not stand in line
    with one_at_a_time(folder):
        _fetch_all(fetcher, names_and_sha256, sys.stderr.isatty() if progress is None else progress)


def _fetch_all(fetcher: "_Fetcher", names_and_sha256: Mapping[str, str], shown: bool) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as bar:
        task = bar.add_task("downloading", total=len(names_and_sha256))
        for name, sha256 in names_and_sha256.items():
            bar.update(task, description=name)
            fetcher.fetch(name, sha256)
            bar.advance(task)


class _Fetcher:
    """Fetches single files from one address into one folder."""

    def __init__(self, url_base: str, folder: Path, timeout_s: float, backoff_s: float) -> None:
        self.url_base = url_base
        self.folder = folder
        self.timeout_s = timeout_s
        self.backoff_s = backoff_s

    def has(self, name: str, sha256: str) -> bool:
        """Whether a file is there, with the right content."""
        target = self.folder / name
        return target.is_file() and sha256_of(target) == sha256

    def fetch(self, name: str, sha256: str) -> None:
        """Makes one file be there, from the bytes that an earlier run left or from the start."""
        part = self.folder / f"{name}.part"
        if self.has(name, sha256):
            return
        resumed = part.is_file() and part.stat().st_size > 0
        if not (resumed and sha256_of(part) == sha256):
            self._with_retries(name, part)
        if resumed and sha256_of(part) != sha256:
            part.unlink()  # it may have been of another version: once more, from the start
            self._with_retries(name, part)
        self._put_in_place(name, part, sha256)

    def _put_in_place(self, name: str, part: Path, sha256: str) -> None:
        found = sha256_of(part)
        if found != sha256:
            part.unlink()
            raise InputError(
                f"{self._url(name)}: expected SHA-256 {sha256}, found {found}; the file was not kept: try again later or check the address"
            )
        with _disk(part):
            part.replace(self.folder / name)

    def _with_retries(self, name: str, part: Path) -> None:
        for attempt in range(_TRIES):
            try:
                return self._transfer(name, part)
            except _InterruptedError as error:
                reason = str(error)
            if attempt < _TRIES - 1:
                time.sleep(self.backoff_s * 2**attempt)
        raise InputError(
            f"{self._url(name)}: expected the file, found: {reason}, {_TRIES} times; "
            "check the network and run again: what was fetched is kept"
        )

    def _transfer(self, name: str, part: Path) -> None:
        """One request: appends to the part where the server agrees, else writes it anew."""
        have = part.stat().st_size if part.is_file() else 0
        with self._network(name, part):
            response = self._open(name, have)
        resumes = response.status == 206 and _range_start(response) == have
        with response, _disk(part), part.open("ab" if resumes else "wb") as file:
            announced, before = response.length, file.tell()
            while chunk := self._read(name, part, response):
                file.write(chunk)
            received = file.tell() - before
        if (
            announced is not None and received < announced
        ):  # a cut connection reads like an end of file
            raise _InterruptedError(f"a connection cut after {received} of {announced} bytes")

    def _open(self, name: str, have: int) -> http.client.HTTPResponse:
        headers = {"User-Agent": f"ecg-lightning/{__version__}"} | (
            {"Range": f"bytes={have}-"} if have else {}
        )
        try:
            request = urllib.request.Request(self._url(name), headers=headers)
            response: http.client.HTTPResponse = urllib.request.urlopen(
                request, timeout=self.timeout_s
            )
        except (ValueError, http.client.InvalidURL) as error:
            expected = "expected an address such as https://host/folder/"
            raise InputError(
                f"{self.url_base}: {expected}, found: {_reason(error)}; check the address"
            ) from error
        return response

    def _read(self, name: str, part: Path, response: http.client.HTTPResponse) -> bytes:
        with self._network(name, part):
            return response.read(_CHUNK_BYTES)

    @contextmanager
    def _network(self, name: str, part: Path) -> Iterator[None]:
        """Sorts what goes wrong on the network into what another try may cure and what it cannot."""
        try:
            yield
        except urllib.error.HTTPError as error:
            error.close()
            raise self._status_error(name, part, error) from error
        except (OSError, http.client.HTTPException) as error:
            cause = error.reason if isinstance(error, urllib.error.URLError) else error
            if isinstance(cause, ssl.SSLCertVerificationError):
                raise InputError(
                    f"{self._url(name)}: expected a valid certificate, found: {cause.verify_message}; "
                    "check the address, the clock and the proxy"
                ) from error
            raise _InterruptedError(
                "no answer in time" if isinstance(cause, TimeoutError) else _reason(cause)
            ) from error

    def _status_error(self, name: str, part: Path, error: urllib.error.HTTPError) -> Exception:
        if error.code == 416 and part.is_file():  # it holds more than the file has: from the start
            part.unlink()
            return _InterruptedError("a part that is longer than the file")
        found = f"HTTP status {error.code} {error.reason}"
        if error.code in _RETRY_STATUS:
            return _InterruptedError(found)
        return InputError(f"{self._url(name)}: expected the file, found {found}; check the address")

    def _url(self, name: str) -> str:
        return self.url_base + urllib.parse.quote(name)


def _range_start(response: http.client.HTTPResponse) -> int:
    """First byte of a partial answer, -1 where the server does not say."""
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else -1


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    """Tells a failure of the disk from one of the network, which Python raises as OSError too."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{path}: expected to write the file, found: {_reason(error)}; "
            "free some space or choose another folder, and run again: what was fetched is kept"
        ) from error


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder}: expected a folder to download into, found: {_reason(error)}; choose another folder"
        ) from error


def _reason(error: object) -> str:
    text = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
    return str(text)[:200]
