"""Download files over HTTP. A file appears in its folder once its SHA-256 is right."""

import contextlib
import http
import http.client
import shutil
import ssl
import sys
import tempfile
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecg_lightning import __version__
from ecg_lightning.errors import InputError
from ecg_lightning.system.checksums import sha256_of
from ecg_lightning.system.locks import one_at_a_time
from ecg_lightning.system.paths import cannot_write

if TYPE_CHECKING:
    import requests

MAX_BYTES = 1 << 21  # 2 MiB; the largest file of the MIT-BIH database has 1,950,000 bytes
INCOMPLETE = ".incomplete"  # the folder within the folder where files arrive
_CHUNK_BYTES = 1 << 16
_TRIES = 4
# RFC 9110, RFC 6585: the same request may succeed later.
_RETRY_STATUS = (408, 425, 429, 500, 502, 503, 504)


def download_files(
    url_base: str,
    names_and_sha256: Mapping[str, str],
    folder: Path,
    progress: bool | None = None,
    *,
    timeout_s: float = 30.0,
    max_bytes: int = MAX_BYTES,
) -> None:
    """Make sure that a folder holds the named files with the right content.

    Files that are right are kept and cost no request. Every other file is fetched from its start
    into the subfolder `.incomplete`, is checked, and is then moved to its place. A transfer that
    fails is tried four times. One process downloads into a folder while the others wait.

    Args:
        url_base: The address that the names are appended to.
        names_and_sha256: File name to hexadecimal SHA-256.
        folder: Where the files go. It is made if it is missing.
        progress: Whether to show a bar on standard error; `None` shows it on a terminal.
        timeout_s: How long the server may be silent.
        max_bytes: The largest size of a file. A longer answer is cut off there and refused.

    Raises:
        InputError: A file cannot be fetched or written, is too large, or has another SHA-256.

    Example:
        >>> download_files("https://example.org/db", {"a.dat": "b2…"}, Path("db"))  # doctest: +SKIP
    """
    folder = Path(folder)
    _make_folder(folder)
    if all(_is_right(folder / name, sha256) for name, sha256 in names_and_sha256.items()):
        return  # without the lock: jobs that find every file need not wait for each other
    shown = sys.stderr.isatty() if progress is None else progress
    with one_at_a_time(folder) as alone, _incomplete(folder, alone) as scratch:
        fetcher = _Fetcher(url_base, names_and_sha256, scratch, timeout_s, max_bytes)
        _fetch_all(fetcher, names_and_sha256, folder, shown)


def _is_right(path: Path, sha256: str) -> bool:
    return path.is_file() and sha256_of(path) == sha256


@contextlib.contextmanager
def _incomplete(folder: Path, alone: bool) -> Iterator[Path]:
    """The subfolder where files arrive. A killed process leaves it, the next one removes it."""
    incomplete = folder.absolute() / INCOMPLETE
    if alone:  # without a lock, another process may be using it
        shutil.rmtree(incomplete, ignore_errors=True)
    _make_folder(incomplete)
    try:
        with tempfile.TemporaryDirectory(dir=incomplete) as scratch:
            yield Path(scratch)
    finally:
        with contextlib.suppress(OSError):
            incomplete.rmdir()


def _fetch_all(
    fetcher: "_Fetcher", names_and_sha256: Mapping[str, str], folder: Path, shown: bool
) -> None:
    """Fetch the files that are missing or wrong, with a bar on standard error."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    text = TextColumn("{task.description}")
    columns = (text, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as bar:
        task = bar.add_task("downloading", total=len(names_and_sha256))
        for name, sha256 in names_and_sha256.items():
            bar.update(task, description=name)
            if not _is_right(folder / name, sha256):
                fetcher.fetch(name, folder / name)
            bar.advance(task)


class _Fetcher:
    """Single files from one address, fetched with pooch, which tries again, checks and renames."""

    def __init__(
        self,
        url_base: str,
        names_and_sha256: Mapping[str, str],
        scratch: Path,
        timeout_s: float,
        max_bytes: int,
    ) -> None:
        import pooch

        self.url_base = url_base.rstrip("/") + "/"
        self.timeout_s, self.max_bytes = timeout_s, max_bytes
        self.pooch = pooch.create(
            path=scratch,
            base_url=self.url_base,
            registry=dict(names_and_sha256),
            urls={name: self.url_base + urllib.parse.quote(name) for name in names_and_sha256},
            retry_if_failed=_TRIES - 1,
        )

    def fetch(self, name: str, target: Path) -> None:
        """Fetch one file and put it in its place."""
        import requests

        url = self.pooch.get_url(name)
        try:
            with _quiet_pooch():
                path = Path(self.pooch.fetch(name, downloader=self._transfer))
            path.replace(target)
        except requests.RequestException as error:
            raise InputError(
                url,
                expected="the file",
                found=f"{_network_reason(error)}, {_TRIES} times",
                hint="check the network and repeat the command, which keeps the complete files",
            ) from error
        except ValueError as error:
            raise InputError(
                url,
                expected=f"a file with SHA-256 {self.pooch.registry[name]}",
                found=f"another content, {_TRIES} times",
                hint="check the address or try again later",
            ) from error
        except OSError as error:
            raise InputError(
                f"{target}",
                expected="a place to write the file",
                found=_reason(error),
                hint="free some space or choose another folder, and repeat the command",
            ) from error

    def _transfer(self, url: str, output: str, _: Any, *, check_only: bool | None = None) -> None:
        """Make one request; called by pooch, which repeats it after a `RequestException`."""
        import requests

        headers = {"User-Agent": f"ecg-lightning/{__version__}", "Accept-Encoding": "identity"}
        try:
            with (
                requests.get(url, headers=headers, timeout=self.timeout_s, stream=True) as response,
                open(output, "wb") as file,
            ):
                self._refuse_status(response)
                for chunk in response.iter_content(_CHUNK_BYTES):
                    self._refuse_length(url, file.tell() + len(chunk))
                    file.write(chunk)
        except requests.RequestException as error:
            self._refuse_what_stays_wrong(url, error)
            raise

    def _refuse_status(self, response: "requests.Response") -> None:
        if response.status_code in _RETRY_STATUS:
            response.raise_for_status()
        if response.status_code != http.HTTPStatus.OK:
            raise InputError(
                response.url,
                expected="the file",
                found=f"HTTP status {response.status_code} {response.reason}",
                hint="check the address",
            )

    def _refuse_length(self, url: str, length: int) -> None:
        if length > self.max_bytes:
            raise InputError(
                url,
                expected=f"a file of at most {self.max_bytes:,} bytes",
                found="a longer one",
                hint="check the address",
            )

    def _refuse_what_stays_wrong(self, url: str, error: Exception) -> None:
        root = _root(error)
        if isinstance(root, ssl.SSLCertVerificationError):
            raise InputError(
                url,
                expected="a valid certificate",
                found=root.verify_message,
                hint="check the address, the clock and the proxy; "
                "REQUESTS_CA_BUNDLE may name a file of certificates",
            ) from error
        if isinstance(error, ValueError):  # no scheme, no host, an unknown scheme
            raise InputError(
                self.url_base,
                expected="an address such as https://host/folder/",
                found=_reason(error),
                hint="check the address",
            ) from error


@contextlib.contextmanager
def _quiet_pooch() -> Iterator[None]:
    """Keep pooch from printing what it does."""
    import pooch

    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel("CRITICAL")
    try:
        yield
    finally:
        logger.setLevel(level)


def _root(error: BaseException) -> BaseException:
    """The first cause of an error: requests and urllib3 wrap it several times."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error


def _network_reason(error: Exception) -> str:
    """What went wrong in one request, in a few words."""
    response, root = getattr(error, "response", None), _root(error)
    if response is not None:
        return f"HTTP status {response.status_code} {response.reason}"
    if isinstance(root, TimeoutError):
        return "no answer in time"
    if isinstance(root, http.client.IncompleteRead) and root.expected is not None:
        received = int(root.partial)  # type: ignore[call-overload]  # urllib3 counts the bytes
        return f"a connection cut after {received} of {received + root.expected} bytes"
    return _reason(root)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error, "a folder to download into") from error


def _reason(error: object) -> str:
    text = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
    return str(text)[:200]
