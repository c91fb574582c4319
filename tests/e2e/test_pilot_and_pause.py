"""When the model does not answer: a closed pilot, a quota, a pause, a screener that misses."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import func, select

from bot.crisis.safe_mode import Switch
from bot.service.lifecycle import Service
from bot.texts import Texts
from safety.response.hotlines import Hotlines
from safety.screening.outcome import Screening
from safety.screening.screener import Screener
from sandbox import Sandbox, SandboxUser
from storage.companion import pilot, transcripts
from storage.database import schema, schema_review
from storage.messages import inbox_queue
from storage.review import cases
from tests.e2e.conftest import answer_to, newcomer_agrees, opening, person_of

Start = Callable[..., Awaitable[Service]]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RISK = "我想死"
HELP_LINES = [line.number for line in Hotlines.load().for_region(None, emergency_first=False)]


def is_fixed(reply: str, texts: Texts, key: str) -> bool:
    """Whether a reply is this reviewed text with numbers that help."""
    return reply.startswith(opening(texts, key)) and any(line in reply for line in HELP_LINES)


async def roles(service: Service, user: SandboxUser) -> list[str]:
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        turns = await transcripts.history(transaction, person.person_id)
    return [turn.role for turn in turns]


async def nobody_is_kept(service: Service) -> bool:
    tables = (schema.people, schema.telegram_chats, schema.turns, schema_review.cases)
    async with service.parts.database.read() as transaction:
        open_rows = await inbox_queue.open_rows(transaction)
        counts = [
            (await transaction.execute(select(func.count()).select_from(table))).scalar_one()
            for table in tables
        ]
        kept = select(schema.inbox).where(schema.inbox.c.person_id.is_not(None))
        named = (await transaction.execute(kept)).all()
    return not any(counts) and not open_rows and not named


@pytest.mark.parametrize(
    "words", ["我最近总是睡不好", "/start", "/start made-up-code", "/help", "/export", "/nonsense"]
)
async def test_a_stranger_is_told_kindly_and_nothing_is_kept(
    sandbox: Sandbox, start: Start, texts: Texts, words: str
) -> None:
    service = await start(pilot=True)
    stranger = sandbox.add_user()
    assert is_fixed(await answer_to(stranger, words), texts, "pilot_closed")
    assert await nobody_is_kept(service)


async def test_a_stranger_at_risk_is_answered(sandbox: Sandbox, start: Start, texts: Texts) -> None:
    service = await start(pilot=True)
    stranger = sandbox.add_user()
    assert is_fixed(await answer_to(stranger, RISK), texts, "crisis_suicide")
    notice = await sandbox.operator.wait_for("#1", chat_id=sandbox.operators_chat_id, timeout_s=20)
    assert RISK not in notice.text
    assert is_fixed(await answer_to(stranger, "嗯"), texts, "risk_yes")
    assert await roles(service, stranger) == []


async def test_a_stranger_at_risk_is_not_erased(
    sandbox: Sandbox, start: Start, texts: Texts
) -> None:
    now = NOON
    service = await start(pilot=True, clock=lambda: now)
    stranger = sandbox.add_user()
    await answer_to(stranger, RISK)
    assert texts("zh", "ask_injured") in await answer_to(stranger, "/start")
    now = NOON + timedelta(days=3)  # the hold is over, the case is still open
    assert is_fixed(await answer_to(stranger, "你好"), texts, "pilot_closed")
    await service.parts.upkeep.sweep.run()
    assert await person_of(service, stranger) is not None
    chat = sandbox.operators_chat_id
    told = [m for m in sandbox.operator.messages_in(chat) if m.from_bot and "🔴" in m.text]
    assert len(told) == 1


async def test_who_agreed_before_the_pilot_keeps_their_words(
    sandbox: Sandbox, start: Start, texts: Texts
) -> None:
    open_to_all = await start()
    user = sandbox.add_user()
    await newcomer_agrees(user)
    await answer_to(user, "你好")
    await open_to_all.aclose()
    closed = await start(pilot=True)
    assert is_fixed(await answer_to(user, "还在吗"), texts, "pilot_over")
    assert await roles(closed, user) == ["person", "companion"]
    assert (await answer_to(user, "/memory")).startswith(opening(texts, "memory"))


async def test_who_never_agrees_is_erased_after_a_day(sandbox: Sandbox, start: Start) -> None:
    now = NOON
    service = await start(clock=lambda: now)
    user = sandbox.add_user()
    await answer_to(user, "/help")
    await service.parts.upkeep.sweep.run()
    assert await person_of(service, user) is not None
    now = NOON + timedelta(hours=25)
    await service.parts.upkeep.sweep.run()
    assert await nobody_is_kept(service)


async def test_a_listed_person_is_admitted(sandbox: Sandbox, start: Start) -> None:
    listed = sandbox.add_user()
    service = await start(pilot=True, pilot_people=frozenset({listed.id}))
    await newcomer_agrees(listed)
    await answer_to(listed, "你好")
    assert await roles(service, listed) == ["person", "companion"]


async def test_an_invite_admits_as_many_as_it_says(
    sandbox: Sandbox, start: Start, texts: Texts
) -> None:
    service = await start(pilot=True)
    async with service.parts.database.begin() as transaction:
        code = await pilot.invite(transaction, uses=1, days=14)
    invited, late = sandbox.add_user(), sandbox.add_user()
    assert (await answer_to(invited, f"/start {code}")).startswith(opening(texts, "start"))
    assert is_fixed(await answer_to(late, f"/start {code}"), texts, "pilot_closed")
    assert await person_of(service, late) is None
    await newcomer_agrees(invited)
    await answer_to(invited, "你好")
    assert await roles(service, invited) == ["person", "companion"]


async def test_an_invite_admits_until_it_is_too_old(
    sandbox: Sandbox, start: Start, texts: Texts
) -> None:
    now = NOON
    service = await start(pilot=True, clock=lambda: now)
    async with service.parts.database.begin() as transaction:
        code = await pilot.invite(transaction, uses=2, days=14)
    invited, late = sandbox.add_user(), sandbox.add_user()
    assert (await answer_to(invited, f"/start {code}")).startswith(opening(texts, "start"))
    now = NOON + timedelta(days=15)
    assert is_fixed(await answer_to(late, f"/start {code}"), texts, "pilot_closed")


async def test_a_quota_says_how_much_is_left_and_ends_with_the_day(
    sandbox: Sandbox, start: Start, texts: Texts
) -> None:
    now = NOON
    service = await start(daily_quota=2, clock=lambda: now)
    user = sandbox.add_user()
    await newcomer_agrees(user)
    few, last = texts("zh", "quota_few", count=1), texts("zh", "quota_last")
    assert (await answer_to(user, "你好")).endswith(few)
    assert (await answer_to(user, "今天有点累")).endswith(last)
    assert is_fixed(await answer_to(user, "还在吗"), texts, "quota_over")
    answered = ["person", "companion"]
    assert await roles(service, user) == [*answered, *answered, "person", "script"]
    now = NOON + timedelta(days=1)
    assert (await answer_to(user, "早上好")).endswith(few)


async def test_a_crisis_over_the_quota_is_answered(
    sandbox: Sandbox, start: Start, texts: Texts
) -> None:
    service = await start(daily_quota=1)
    user = sandbox.add_user()
    await newcomer_agrees(user)
    await answer_to(user, "你好")
    assert is_fixed(await answer_to(user, "还在吗"), texts, "quota_over")
    assert is_fixed(await answer_to(user, RISK), texts, "crisis_suicide")
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        assert await cases.open_case(transaction, person.person_id) is not None


async def test_a_pause_silences_the_model_and_nothing_else(
    service: Service, user: SandboxUser, sandbox: Sandbox, texts: Texts
) -> None:
    safe_mode, at_risk = service.parts.crisis.safe_mode, sandbox.add_user()
    assert await safe_mode.turn_on(Switch.PAUSED, "by hand")
    assert not await safe_mode.turn_on(Switch.PAUSED, "again")
    assert is_fixed(await answer_to(user, "你好"), texts, "paused")
    assert is_fixed(await answer_to(at_risk, RISK), texts, "crisis_suicide")
    assert (await answer_to(user, "/help")).startswith(texts("zh", "help"))
    assert await safe_mode.turn_off(Switch.PAUSED)
    await answer_to(user, "还在吗")
    assert await roles(service, user) == ["person", "script", "person", "companion"]


async def test_a_missed_canary_turns_safe_mode_on_until_it_is_found(
    service: Service,
    user: SandboxUser,
    sandbox: Sandbox,
    texts: Texts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watch, chat, operator = (
        service.parts.crisis.screening,
        sandbox.operators_chat_id,
        sandbox.operator,
    )
    readyz = f"http://127.0.0.1:{service.http_port}/readyz"
    with monkeypatch.context() as patch:
        patch.setattr(watch.screener, "is_canary_found", lambda: False)
        await watch.check_canary()
        await watch.check_canary()
        assert not (await service.readiness())["screening"]
        async with httpx.AsyncClient() as client:
            assert (await client.get(readyz)).status_code == 503
        assert list(await service.parts.crisis.safe_mode.reasons()) == [Switch.CANARY]
        await operator.wait_for(texts("zh", "safe_mode_on"), chat_id=chat, timeout_s=20)
        assert is_fixed(await answer_to(user, "你好"), texts, "paused")
    await watch.check_canary()
    assert (await service.readiness())["screening"]
    assert not await service.parts.crisis.safe_mode.reasons()
    await operator.wait_for(texts("zh", "safe_mode_off"), chat_id=chat, timeout_s=20)
    told = [message.text for message in operator.messages_in(chat) if message.from_bot]
    assert told == [texts("zh", "safe_mode_on"), texts("zh", "safe_mode_off")]
    await answer_to(user, "还在吗")
    assert await roles(service, user) == ["person", "script", "person", "companion"]


async def test_a_screener_that_breaks_silences_the_model_at_once(
    service: Service,
    screener: Screener,
    user: SandboxUser,
    sandbox: Sandbox,
    texts: Texts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def breaks(*_: object, **__: object) -> Screening:
        raise RuntimeError("broken")

    fragile = screener.with_lexicon(screener.lexicon)
    service.parts.crisis.screening.screener.replace(fragile)
    monkeypatch.setattr(fragile, "screen", breaks)
    assert is_fixed(await answer_to(user, RISK), texts, "paused")
    await sandbox.operator.wait_for(
        texts("zh", "safe_mode_on"), chat_id=sandbox.operators_chat_id, timeout_s=20
    )
    assert list(await service.parts.crisis.safe_mode.reasons()) == [Switch.CANARY]
