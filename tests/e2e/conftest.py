"""The whole service over HTTP: sandbox, python-telegram-bot, demo model, SQLite."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.cli.demo import demo_settings
from bot.service.lifecycle import Service
from bot.texts import Texts
from bot.transport.rate_limit import RateLimiter
from inference import InferenceWorker, ModelSource
from safety.screening.screener import Screener
from sandbox import Limits, Sandbox, SandboxUser
from storage import Clock, new_secret_key, utc_now
from storage.companion import people
from tests.support.planned_runner import PlannedRunner

TEXTS = Texts()
SECRET_KEY = new_secret_key()
SLOW_S = 0.05


class Unpaced(RateLimiter):
    """No waiting: for tests that are about something else."""

    async def wait(self, chat_id: int) -> None:
        pass

    def may_draft(self, chat_id: int) -> bool:
        return True


@pytest.fixture(scope="session")
def texts() -> Texts:
    return TEXTS


@pytest.fixture(scope="session", autouse=True)
def one_screener(screener: Screener) -> Iterator[None]:
    """Every service gets the same one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Screener, "load", lambda: screener)
        yield


@pytest.fixture(scope="session")
def runner() -> PlannedRunner:
    """The runner of the demo model, whose passes a test may slow down or break."""
    return PlannedRunner()


@pytest.fixture(scope="session")
def loaded(runner: PlannedRunner) -> Iterator[InferenceWorker]:
    """The demo model, loaded once."""
    worker = asyncio.run(InferenceWorker.start(ModelSource(), wrap_runner=runner.wrap))
    yield worker
    asyncio.run(worker.aclose(grace_s=0))


@pytest.fixture
async def worker(loaded: InferenceWorker, runner: PlannedRunner) -> AsyncIterator[InferenceWorker]:
    yield loaded
    runner.mend()
    # What was cut short ends first; the worker has no event for it.
    while loaded.health().running or loaded.health().waiting:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


@pytest.fixture
async def slow(worker: InferenceWorker, runner: PlannedRunner) -> asyncio.Event:
    """A model that takes its time; the event says that it is writing."""
    writing, loop = asyncio.Event(), asyncio.get_running_loop()
    runner.slow_down(SLOW_S, lambda: loop.call_soon_threadsafe(writing.set))
    return writing


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(limits=Limits.off()) as sandbox:
        yield sandbox


@pytest.fixture
async def start(
    sandbox: Sandbox, worker: InferenceWorker, tmp_path: Path, sqlite_template: Path
) -> AsyncIterator[Callable[..., Awaitable[Service]]]:
    """Start a service on the test's data folder; may be called again after `aclose`."""
    services: list[Service] = []

    async def begin(clock: Clock = utc_now, **overrides: Any) -> Service:
        values = {
            "burst_window_s": 0.15,
            "max_new_tokens": 16,
            "secret_key": SecretStr(SECRET_KEY),
            **overrides,
        }
        folder = values.pop("data_dir", tmp_path)
        every_s = values.pop("every_s", None)
        model = values.pop("model", worker)
        limiter = values.pop("limiter", None) or Unpaced()
        if not (folder / "pica.db").exists():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(sqlite_template, folder / "pica.db")
        settings = demo_settings(sandbox, folder, **values)
        service = Service(settings, model, clock=clock, limiter=limiter, every_s=every_s)
        services.append(service)
        # A busy machine may take long over a change: its worker has the lowest priority.
        service.parts.crisis.lexicon.limit_s = service.parts.crisis.lexicon.screen_limit_s = 600.0
        await service.start()
        return service

    yield begin
    for service in services:
        await service.aclose()


@pytest.fixture
async def service(start: Callable[..., Awaitable[Service]]) -> Service:
    return await start()


async def newcomer_agrees(user: SandboxUser, language: str = "zh") -> None:
    """The first minutes, by buttons."""
    await user.say("/start")
    await user.wait_for("AI", timeout_s=20)
    await user.press("consent:yes")
    await user.wait_for(TEXTS(language, "ask_age"), timeout_s=20)
    await user.press("age:adult")
    await user.wait_for(TEXTS(language, "ready"), timeout_s=20)


@pytest.fixture
async def user(sandbox: Sandbox, service: Service) -> SandboxUser:
    """A person who has agreed."""
    person = sandbox.add_user()
    await newcomer_agrees(person)
    return person


async def person_of(service: Service, user: SandboxUser) -> people.Person | None:
    async with service.parts.database.read() as transaction:
        return await people.by_telegram_id(transaction, user.id)


async def close_case(sandbox: Sandbox, case: int, verdict: str = "helped") -> None:
    """Close a case as the operator does: the button, then how it ended."""
    chat, operator = sandbox.operators_chat_id, sandbox.operator
    await operator.wait_for(f"#{case} ", chat_id=chat, timeout_s=20)
    await operator.press_in_group(chat, f"case:{case}:resolve")
    await operator.wait_for(TEXTS("zh", "resolve_ask", case=case), chat_id=chat, timeout_s=20)
    await operator.press_in_group(chat, f"case:{case}:{verdict}")


def opening(texts: Texts, key: str) -> str:
    """A text up to the first place that is filled in."""
    return texts("zh", key).split("{", 1)[0]


async def answer_to(user: SandboxUser, words: str) -> str:
    """Say something and read what comes back."""
    sent = await user.say(words)
    return (await user.wait_for(None, after=sent, timeout_s=60)).text
