"""A model hub on this machine: the few addresses that the hub's client asks for."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "b1502f4f75c71499a3d566b14463edd62620ce9f"


class HubServer(ThreadingHTTPServer):
    """Serves one repository, `owner/model`, from a folder.

    A repository `errors/404-RepoNotFound` is answered with this status and the hub's own code.

    Attributes:
        folder: The repository's files.
        asked: Paths of requests, in order.
    """

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def files(self) -> list[str]:
        paths = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return [str(path.relative_to(self.folder)) for path in paths]


class _Handler(BaseHTTPRequestHandler):
    server: HubServer

    def log_message(self, *_: Any) -> None:
        """Write no log."""

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append(path)
        status, headers, body = self._found(path)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def _found(self, path: str) -> tuple[int, dict[str, str], bytes]:
        if "/errors/" in path:
            status, _, code = path.partition("/errors/")[2].partition("/")[0].partition("-")
            return int(status), {"X-Error-Code": code, "Retry-After": "0"}, b'{"error": "no"}'
        start = "/api/models/owner/model"
        if path.startswith(f"{start}/tree"):
            rows = [
                {"type": "file", "path": each, "oid": "0", "size": 1} for each in self.server.files
            ]
            return 200, {"Content-Type": "application/json"}, json.dumps(rows).encode()
        if path.startswith(start):
            siblings = [{"rfilename": each} for each in self.server.files]
            info = {"id": "owner/model", "sha": COMMIT, "siblings": siblings}
            return 200, {"Content-Type": "application/json"}, json.dumps(info).encode()
        name = path.removeprefix("/owner/model/resolve/").partition("/")[2]
        file = self.server.folder / name
        if not path.startswith("/owner/model/resolve/") or not file.is_file():
            return 404, {"X-Error-Code": "RepoNotFound"}, b""
        body = file.read_bytes()
        tag = hashlib.sha256(body).hexdigest()
        return 200, {"ETag": f'"{tag}"', "X-Repo-Commit": COMMIT}, body


@contextmanager
def serve_hub(folder: Path) -> Iterator[HubServer]:
    """Run a hub until the block ends."""
    server = HubServer(folder)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
