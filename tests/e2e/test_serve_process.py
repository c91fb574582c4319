"""`pica serve` as a process of its own: it outlives `kill -9`, ends when told, says why it refuses.

Only what comes before the model refuses fast; the model is loaded as seldom as may be.
"""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks import crash
from bot.demo import consent
from bot.sandbox import DEMO_TOKEN, Sandbox, SandboxMessage, SandboxUser
from bot.texts import Texts
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


@pytest.fixture
async def process(sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[crash.Victim]:
    victim = crash.Victim(sandbox, tmp_path)
    yield victim
    with suppress(ProcessLookupError):  # it ended by itself
        await victim.kill()


async def begin(process: crash.Victim) -> None:
    await process.start()
    await asyncio.wait_for(process.ready.wait(), 60)


def answers(user: SandboxUser, after: int) -> list[SandboxMessage]:
    return [each for each in user.messages if each.from_bot and each.message_id > after]


async def refusal(folder: Path, **changes: str) -> str:
    """Start it with settings that do not work; return what it says to that."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PICA_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "serve",
        cwd=folder, env={**own, "PYTHONPATH": str(ROOT), **WORKS, **changes},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
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


async def test_what_is_said_while_it_is_dead_is_answered_once(
    process: crash.Victim, sandbox: Sandbox, texts: Texts
) -> None:
    await begin(process)
    user = sandbox.add_user()
    await consent(user, texts)
    sent = await user.say("今天有点累")
    await user.wait_for(None, after=sent, timeout_s=60)
    await process.kill()
    sent = await user.say("你还在吗")
    assert sandbox.pending_updates
    await begin(process)
    await user.wait_for(None, after=sent, timeout_s=60)
    assert await asyncio.wait_for(process.stop(), 30) == 0
    assert len(answers(user, sent)) == 1
    assert not sandbox.pending_updates


@pytest.mark.parametrize(
    ("variable", "missing"),
    [
        ("PICA_TELEGRAM_TOKEN", "PICA_TELEGRAM_TOKEN"),
        ("PICA_SECRET_KEY", "PICA_SECRET_KEY"),
        ("PICA_ALLOW_DEMO_MODEL", "PICA_MODEL"),
    ],
)
async def test_what_is_missing_is_named(variable: str, missing: str, tmp_path: Path) -> None:
    words = await refusal(tmp_path, **{variable: ""})
    assert f"{missing} is not set" in words
    assert DEMO_TOKEN not in words
    assert SECRET_KEY not in words


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PICA_SECRET_KEY", SECRET_KEY[:-6]),
        ("PICA_DATABASE_URL", "postgresql//pica:hush@host/pica"),
    ],
    ids=["key", "address"],
)
async def test_a_key_or_an_address_that_is_none_is_named_and_not_shown(
    variable: str, value: str, tmp_path: Path
) -> None:
    words = await refusal(tmp_path, **{variable: value})
    assert f"{variable} is no " in words
    assert value not in words
    assert "hush" not in words


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
    assert f"Port {port} of 127.0.0.1 cannot be used. Set PICA_HTTP_PORT" in words


async def test_a_model_that_is_none_is_said(sandbox: Sandbox, tmp_path: Path) -> None:
    words = await refusal(
        tmp_path, PICA_TELEGRAM_API_URL=sandbox.api_url, PICA_MODEL=str(tmp_path / "nowhere")
    )
    assert "nowhere" in words
