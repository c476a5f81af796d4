"""A server on this machine that answers with the files of a folder."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


@dataclass
class Server:
    """Its folder, its address, and the names that it was asked for."""

    folder: Path
    url: str = ""
    asked: list[str] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    state: Server

    def do_GET(self) -> None:
        name = self.path.removeprefix("/db/")
        self.state.asked.append(name)
        content = (self.state.folder / name).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        pass


def served(folder: Path) -> Iterator[Server]:
    """Yield a server, which ends with the test."""
    state = Server(folder)
    handler = type("OwnHandler", (Handler,), {"state": state})
    with (
        pytest.MonkeyPatch.context() as patch,
        ThreadingHTTPServer(("127.0.0.1", 0), handler) as server,
    ):
        patch.setenv("no_proxy", "127.0.0.1")
        patch.setattr("time.sleep", lambda _: None)  # the pauses between attempts
        state.url = f"http://127.0.0.1:{server.server_port}/db/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        server.shutdown()
        thread.join()
