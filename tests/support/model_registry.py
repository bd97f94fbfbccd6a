"""A registry on loopback that a real Ollama pulls a model of our own making from, at a speed that can be watched."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MODEL = "application/vnd.ollama.image.model"
TEMPLATE = "application/vnd.ollama.image.template"
LICENSE = "application/vnd.ollama.image.license"
CONFIG = "application/vnd.docker.container.image.v1+json"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_PIECE = 32 * 1024


class _Served(ThreadingHTTPServer):
    daemon_threads = True
    blobs: dict[str, bytes]
    manifest: bytes
    bytes_per_s: float


class _Answer(BaseHTTPRequestHandler):
    server: _Served
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        if self.path.endswith("/manifests/latest") and "/library/tiny/" in self.path:
            self._send(200, self.server.manifest, MANIFEST, body=body)
        elif (blob := self.server.blobs.get(self.path.rpartition("/")[2])) is None:
            self._send(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}', "application/json", body=body)
        elif self.path.startswith("/v2/"):
            # Ollama fetches layers from another host only, as the public registry's stand in a store of their own
            there = {"Location": f"http://localhost:{self.server.server_port}/{self.path.rpartition('/')[2]}"}
            self._send(307, b"", "text/plain", there, body=body)
        else:
            self._send_part(blob, body=body)

    def _send_part(self, blob: bytes, *, body: bool) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None:
            self._send(200, blob, "application/octet-stream", body=body)
            return
        first, last = int(asked[1]), int(asked[2] or len(blob) - 1)
        more = {"Content-Range": f"bytes {first}-{last}/{len(blob)}"}
        self._send(206, blob[first : last + 1], "application/octet-stream", more, body=body)

    def _send(self, status: int, data: bytes, kind: str, more: dict[str, str] | None = None, *, body: bool) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if not body:
            return
        try:
            for at in range(0, len(data), _PIECE):
                piece = data[at : at + _PIECE]
                self.wfile.write(piece)
                time.sleep(len(piece) / self.server.bytes_per_s)
        except ConnectionError:
            self.close_connection = True  # the pull was paused

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _noise(size: int) -> bytes:
    """Bytes that no daemon has seen before."""
    return hashlib.shake_256(str(time.time_ns()).encode()).digest(size)


@contextmanager
def serving(gguf: Path, template: str, *, padding: int, bytes_per_s: float) -> Iterator[str]:
    """The name of a model to pull; `padding` bytes come with it that nobody needs, so that it takes its time."""
    blobs: dict[str, bytes] = {}

    def layer(kind: str, data: bytes) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        blobs[digest] = data
        return {"mediaType": kind, "digest": digest, "size": len(data)}

    layers = [
        layer(MODEL, gguf.read_bytes()),
        layer(TEMPLATE, template.encode()),
        layer(LICENSE, _noise(padding)),
    ]
    config = {
        "model_format": "gguf",
        "model_family": "llama",
        "model_families": ["llama"],
        "model_type": "68K",
        "file_type": "F32",
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [one["digest"] for one in layers]},
    }
    server = _Served(("127.0.0.1", 0), _Answer)
    server.blobs, server.bytes_per_s = blobs, bytes_per_s
    told = {"schemaVersion": 2, "mediaType": MANIFEST, "config": layer(CONFIG, json.dumps(config).encode())}
    server.manifest = json.dumps({**told, "layers": layers}).encode()
    thread = threading.Thread(target=server.serve_forever, name="registry", daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}/library/tiny:latest"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
