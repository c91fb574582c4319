"""A sentence, a name and a token are planted; nothing that the service writes may hold them."""

import io
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest
import structlog

from bot import logs
from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from storage.upkeep import backup
from tests.e2e.conftest import newcomer_agrees

Start = Callable[..., Awaitable[Service]]
SENTENCE = "灰灰今天在窗台上睡了一整天"
RISK = "我想死，灰灰也救不了我"
NAME = "Przybysława"


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Everything logged, at the most talkative level."""
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level, configured = root.handlers[:], root.level, structlog.get_config()
    logs.configure("debug", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**configured)


async def _provoke(sandbox: Sandbox, user: SandboxUser, texts: Texts) -> None:
    """Say the secrets while sends are refused, and answers to them lost."""
    sandbox.faults.add("sendMessage", "500")
    sandbox.faults.add("sendMessageDraft", "502")
    sent = await user.say(SENTENCE)
    await user.wait_for(None, after=sent, timeout_s=60)
    sandbox.faults.add("sendMessage", "lost_answer")
    sent = await user.say(RISK)
    await user.wait_for(texts("zh", "crisis_suicide")[:8], after=sent, timeout_s=60)
    await sandbox.operator.wait_for("#1", chat_id=sandbox.operators_chat_id, timeout_s=60)


def _dumped(folder: Path) -> str:
    """The database as SQL and as bytes, with what stands beside it."""
    with sqlite3.connect(folder / "pica.db") as connection:
        text = "\n".join(connection.iterdump())
    connection.close()
    files = (path for path in folder.rglob("*") if path.is_file())
    return text + "".join(path.read_bytes().decode("utf-8", "replace") for path in files)


async def test_nothing_written_holds_a_word_a_name_or_the_token(
    sandbox: Sandbox, start: Start, texts: Texts, tmp_path: Path, logged: io.StringIO
) -> None:
    service = await start()
    user = sandbox.add_user(first_name=NAME)
    await newcomer_agrees(user)
    await _provoke(sandbox, user, texts)
    async with httpx.AsyncClient() as client:
        address = f"http://127.0.0.1:{service.http_port}"
        metrics = (await client.get(f"{address}/metrics")).text
        pages = [await client.get(f"{address}/{path}") for path in ("readyz", "healthz", "no")]
    assert await backup.write_backup(service.parts.database, tmp_path / "1.backup")
    assert await backup.write_keys(service.parts.database, tmp_path / "keys.pica")
    written = {
        "logs": logged.getvalue(),
        "metrics": metrics,
        "pages": "".join(page.text for page in pages),
        "files": _dumped(tmp_path),
    }
    secret_key = service.parts.context.settings.secret_key
    assert secret_key is not None
    assert written["logs"]
    for place, text in written.items():
        for secret in (SENTENCE, "灰灰", NAME, sandbox.token, secret_key.get_secret_value()):
            assert secret not in text, f"a secret stands in the {place}"
            escaped = secret.encode("ascii", "backslashreplace").decode()
            assert escaped not in text, f"a secret stands in the {place}"
