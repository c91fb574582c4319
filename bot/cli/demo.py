"""The whole service on embedded defaults: a local Bot API server, the demo model and SQLite."""

import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bot.service.connections import load_model
from bot.service.lifecycle import Service
from bot.settings import Settings
from bot.texts import Texts
from review.operators import sign_in
from sandbox import Sandbox, SandboxUser
from storage import new_secret_key
from storage.review import operators


@asynccontextmanager
async def running(
    *, port: int = 0, progress: Callable[[int, int], None] | None = None, **overrides: Any
) -> AsyncIterator[tuple[Sandbox, Service]]:
    """Run the sandbox and the service, then close both and keep nothing."""
    with tempfile.TemporaryDirectory(prefix="pica-demo-") as folder:
        sandbox = Sandbox(port=port)
        await sandbox.start()
        service = None
        worker = None
        try:
            settings = demo_settings(sandbox, Path(folder), **overrides)
            worker = await load_model(settings, progress)
            service = Service(settings, worker)
            await service.start()
            yield sandbox, service
        finally:
            if service is not None:
                await service.aclose()
            if worker is not None:
                await worker.aclose()
            await sandbox.stop()


def demo_settings(sandbox: Sandbox, data_dir: Path, **overrides: Any) -> Settings:
    """Return settings that reach nothing outside this machine and ignore the environment."""
    values: dict[str, Any] = {
        "telegram_token": SecretStr(sandbox.token),
        "telegram_api_url": sandbox.api_url,
        "data_dir": data_dir,
        "secret_key": SecretStr(new_secret_key()),
        "database_url": None,
        "redis_url": None,
        "model": None,
        "prefix": None,
        "allow_demo_model": True,
        "operators": frozenset({sandbox.operator.id}),
        "operators_chat": sandbox.operators_chat_id,
        "webhook_url": None,
        "webhook_secret": None,
        "http_port": 0,
        "max_new_tokens": 160,
        **overrides,
    }
    return Settings(_env_file=None, **values)


async def console_link(sandbox: Sandbox, service: Service) -> str:
    """Return a sign-in link to the console for the sandbox's operator."""
    console, database = service.parts.console.console, service.parts.database
    if console is None:
        raise ValueError("PICA_CONSOLE is 0, so the service has no console. Set it to 1.")
    async with database.begin() as transaction:
        operator = await operators.by_telegram_id(transaction, sandbox.operator.id)
        assert operator is not None
        token = await sign_in.offer(transaction, operator, way="host", holds=sign_in.SESSION_HOLDS)
    return console.address.sign_in(token)


async def consent(user: SandboxUser, texts: Texts, language: str = "zh") -> None:
    """Give consent as a newcomer."""
    await user.say("/start")
    await user.wait_for("AI", timeout_s=30)
    await user.press("consent:yes")
    await user.wait_for(texts(language, "ask_age"), timeout_s=30)
    await user.press("age:adult")
    await user.wait_for(texts(language, "ready"), timeout_s=30)


async def say(words: Sequence[str], *, timeout_s: float = 120) -> AsyncIterator[dict[str, Any]]:
    """Send each text as one Telegram user, and yield the reply to each."""
    async with running(burst_window_s=0.1) as (sandbox, service):
        user = sandbox.add_user()
        await consent(user, service.texts)
        for text in words:
            started = time.monotonic()
            sent = await user.say(text)
            reply = await user.wait_for(None, after=sent, timeout_s=timeout_s)
            yield {
                "say": text,
                "reply": reply.text,
                "drafts": len(user.draft_history),
                "seconds": round(time.monotonic() - started, 2),
            }
