"""Serve `annotate` over HTTP: a recording in, its beats out.

    python serve_annotate.py 8000
    curl --data-binary @night.edf http://127.0.0.1:8000/
    curl --data-binary @lead.csv "http://127.0.0.1:8000/?fs_hz=250&unit=uV"

It answers 200 and JSON with the beats; 400 where the body is no recording, 413 where it is too
large. Each row of `p` has the probabilities of N, S, V, F and Q. One request at a time, for this
machine only: for others, put a server with TLS and a login before it.
"""

import argparse
import contextlib
import json
import re
import tempfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import ecg_lightning as ecg

MOST_BYTES = 64 << 20
annotator = ecg.Annotator.from_pretrained()


class Handler(BaseHTTPRequestHandler):
    """Annotates the body of a POST."""

    timeout = 60  # seconds without a byte from the client

    def do_POST(self) -> None:
        """Answer with the beats, or with one line that says what is wrong."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            return self.answer(411, error="body: expected the header Content-Length")
        if len(length) > 15 or int(length) > MOST_BYTES:
            return self.answer(413, error=f"body: expected at most {MOST_BYTES:,} bytes")
        body = self.rfile.read(int(length))
        if len(body) < int(length):  # the client broke off; half a recording is no recording
            return self.answer(400, error=f"body: expected {length} bytes, found {len(body)}")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "recording"
            path.write_bytes(body)
            try:
                asked = dict(parse_qsl(urlsplit(self.path).query))
                rate = asked.pop("fs_hz", "")
                if rate and not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", rate):
                    return self.answer(400, error=f"fs_hz: expected a number, found {rate!r:.40}")
                if other := asked.keys() - {"unit"}:
                    return self.answer(400, error=f"expected fs_hz, unit; found {min(other)!r:.40}")
                beats = annotator.annotate(
                    path, float(rate) if rate else None, unit=asked.get("unit")
                )
            except (ecg.InputError, ValueError) as error:
                return self.answer(400, error=str(error).replace(f"{folder}/", ""))
        times_s, p = beats.samples / beats.fs_hz, beats.probabilities.astype(float).round(4)
        notes = [note.text.replace(f"{folder}/", "") for note in beats.notes]
        columns = {"times_s": times_s.tolist(), "classes": beats.classes.tolist(), "p": p.tolist()}
        if beats.unsure is not None:
            columns["unsure"] = beats.unsure.tolist()
        return self.answer(200, **columns, notes=notes)

    def answer(self, status: int, **content: object) -> None:
        """Send JSON."""
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Serve annotate over HTTP.")
    parser.add_argument("port", type=int, nargs="?", default=8000)
    server = HTTPServer(("127.0.0.1", parser.parse_args().port), Handler)
    with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C ends it
        print(f"serving on http://127.0.0.1:{server.server_port}/", flush=True)
        server.serve_forever()
