"""`pica serve` as a process of its own says why it refuses, and before the model if it can.

That it outlives `kill -9` and ends when told is `test_crash.py`; each setting that can be missing
or wrong is in `test_cli_errors.py`.
"""

import asyncio
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path

from sandbox import DEMO_TOKEN, Sandbox
from storage import new_secret_key

ROOT = Path(__file__).parents[2]
NOBODY = "http://127.0.0.1:9"
SECRET_KEY = new_secret_key()
WORKS = {
    "PICA_TELEGRAM_TOKEN": DEMO_TOKEN,
    "PICA_TELEGRAM_API_URL": NOBODY,
    "PICA_SECRET_KEY": SECRET_KEY,
    "PICA_ALLOW_DEMO_MODEL": "1",
    "PICA_HTTP_PORT": "0",
}


async def refusal(folder: Path, **changes: str) -> str:
    """Start it with settings that do not work; return what it says to that."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PICA_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        "serve",
        cwd=folder,
        env={**own, "PYTHONPATH": str(ROOT), **WORKS, **changes},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, error = await asyncio.wait_for(process.communicate(), 60)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
    words = " ".join(error.decode().split())
    assert process.returncode == 1, words
    assert not out
    assert "Traceback" not in words
    assert "PICA is ready" not in words
    return words


async def test_what_is_missing_is_named(tmp_path: Path) -> None:
    words = await refusal(tmp_path, PICA_TELEGRAM_TOKEN="")
    assert "PICA_TELEGRAM_TOKEN is not set" in words
    assert SECRET_KEY not in words


async def test_a_token_that_telegram_refuses_is_said(sandbox: Sandbox, tmp_path: Path) -> None:
    wrong = f"{DEMO_TOKEN.partition(':')[0]}:no-such-bot"
    words = await refusal(
        tmp_path, PICA_TELEGRAM_TOKEN=wrong, PICA_TELEGRAM_API_URL=sandbox.api_url
    )
    assert "Telegram refuses the token. Check PICA_TELEGRAM_TOKEN" in words
    assert wrong not in words


async def test_a_port_that_is_taken_is_said(sandbox: Sandbox, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words = await refusal(tmp_path, PICA_TELEGRAM_API_URL=sandbox.api_url, PICA_HTTP_PORT=port)
    assert f"PICA_HTTP_PORT: port {port} of 127.0.0.1 is taken by another program." in words


async def test_a_model_that_is_none_is_said(sandbox: Sandbox, tmp_path: Path) -> None:
    words = await refusal(
        tmp_path, PICA_TELEGRAM_API_URL=sandbox.api_url, PICA_MODEL=str(tmp_path / "nowhere")
    )
    assert "nowhere" in words
