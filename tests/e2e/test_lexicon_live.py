"""A changed lexicon in the running service: two people take it into use, one takes it back."""

import asyncio
import json
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from bot.__main__ import app
from bot.service.http_server import SECRET_HEADER, WEBHOOK_PATH
from bot.service.lifecycle import Service
from bot.texts import Texts
from review.lexicon.live_lexicon import LiveLexicon
from review.operators import roster
from review.operators.access import RefusedError
from safety.screening.canary import CANARIES
from safety.screening.levels import Level
from safety.screening.screener import Screener
from sandbox import Sandbox, SandboxUser
from storage.review import audit, audit_check, cases, evidence, operators
from storage.review.cases import Case
from storage.review.operators import Operator, OperatorRole
from tests.e2e.conftest import SECRET_KEY, answer_to, newcomer_agrees, opening, person_of
from tests.support.scripted_model import ScriptedModel
from tests.support.waiting import until

Start = Callable[..., Awaitable[Service]]
SAID = "我要去咕噜星球了"
CHANGE = """
why: a made-up word
add:
  - id: zh.suicide.made_up
    level: 3
    category: suicide
    patterns: [去咕噜星球]
    match: [我要去咕噜星球]
    no_match: [咕噜星球很远]
"""
LONGEST_PAUSE_S = 0.5


async def newcomer(sandbox: Sandbox) -> SandboxUser:
    user = sandbox.add_user()
    await newcomer_agrees(user)
    return user


async def case_of(service: Service, user: SandboxUser) -> Case | None:
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        return await cases.open_case(transaction, person.person_id)


async def team(service: Service) -> tuple[Operator, Operator, Operator]:
    """The admin whom the settings name, a second one, and a reviewer."""
    async with service.parts.database.begin() as transaction:
        first = (await operators.listed(transaction))[0]
        second, reviewer = [
            await roster.add(transaction, first, number, role=role, name="", language="zh")
            for number, role in ((70001, OperatorRole.ADMIN), (70002, OperatorRole.REVIEWER))
        ]
    return first, second, reviewer


async def answered_by_the_model(sandbox: Sandbox, service: Service, texts: Texts) -> bool:
    user = await newcomer(sandbox)
    reply = await answer_to(user, SAID)
    return not reply.startswith(opening(texts, "crisis_suicide")) and not await case_of(
        service, user
    )


async def test_a_made_up_word_goes_live_and_is_taken_back(
    start: Start, sandbox: Sandbox, texts: Texts
) -> None:
    service = await start()
    policy, (ann, bo, rae) = service.parts.crisis.lexicon, await team(service)
    shipped = service.parts.crisis.lexicon.live.version
    assert await answered_by_the_model(sandbox, service, texts)
    number = await policy.propose(ann, CHANGE)
    with pytest.raises(RefusedError, match="replay_missing"):
        await policy.approve(bo, number)
    pauses = asyncio.create_task(longest_pause())
    counts = await policy.replay(ann, number)
    pauses.cancel()
    assert await pauses < LONGEST_PAUSE_S  # people are answered meanwhile
    assert counts["total"]["lost"]["total"] == 0
    with pytest.raises(RefusedError, match="own_change"):
        await policy.approve(ann, number)
    with pytest.raises(RefusedError, match="not_allowed"):
        await policy.approve(rae, number)
    assert await answered_by_the_model(sandbox, service, texts)
    await policy.approve(bo, number)
    version = policy.live.version
    assert version != shipped

    at_risk = await newcomer(sandbox)
    assert (await answer_to(at_risk, SAID)).startswith(opening(texts, "crisis_suicide"))
    case = await case_of(service, at_risk)
    assert case is not None
    async with service.parts.database.read() as transaction:
        why = await evidence.of_case(transaction, case.case_id)
    found = {(each.span.rule, each.span.level, each.lexicon) for each in why}
    assert found == {("zh.suicide.made_up", 3, version)}
    assert version in await answer_to(await newcomer(sandbox), "/safety")

    await service.aclose()
    service = await start()  # after a restart it is still in use
    policy = service.parts.crisis.lexicon
    assert policy.live.version == version
    at_risk = await newcomer(sandbox)
    assert (await answer_to(at_risk, SAID)).startswith(opening(texts, "crisis_suicide"))
    await policy.withdraw(ann, number)
    assert policy.live.version == shipped
    assert await answered_by_the_model(sandbox, service, texts)
    assert shipped in await answer_to(await newcomer(sandbox), "/safety")
    async with service.parts.database.read() as transaction:
        assert (await audit_check.verify(transaction)).broken_at is None


async def longest_pause() -> float:
    """Until it is cancelled: how long the loop left somebody waiting who wanted nothing of it."""
    longest = 0.0
    try:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - began - 0.01)
    except asyncio.CancelledError:
        return longest


async def proposed(service: Service, ann: Operator, text: str) -> int:
    """A proposal with a replay that somebody else made up: here it is not what is tested."""
    policy = service.parts.crisis.lexicon

    async def run(*_: Any, **__: Any) -> dict[str, Any]:
        none = {"total": 0}
        total = {"messages": 0, "gained": none, "lost": none}
        counts = {"before": policy.live.version, "total": total}
        return {"counts": counts, "examples": {}, "broken": []}

    policy.replays.run = run
    number = await policy.propose(ann, text)
    await policy.replay(ann, number)
    return number


async def test_a_change_with_which_a_canary_is_missed_is_refused(
    service: Service,
    sandbox: Sandbox,
    texts: Texts,
    screener: Screener,
) -> None:
    ann, bo, _ = await team(service)
    text = CANARIES[0][0]
    rules = sorted({m.rule for m in screener.screen(text).matches})
    change = json.dumps({"why": "no good", "disable": rules})
    number = await proposed(service, ann, change)
    version = service.parts.crisis.lexicon.live.version
    with pytest.raises(RefusedError, match="canary"):
        await service.parts.crisis.lexicon.approve(bo, number)
    assert service.parts.crisis.lexicon.live.version == version
    user = await newcomer(sandbox)
    assert (await answer_to(user, text)).startswith(opening(texts, "crisis_suicide"))
    await service.parts.crisis.screening.check_canary()
    assert (await service.readiness())["screening"]


async def test_the_guard_follows(start: Start, sandbox: Sandbox, texts: Texts) -> None:
    """A threat in the model's words is found with the lexicon in use."""
    words = "你们去咕噜星球吧"
    service = await start(model=ScriptedModel(default=words))
    ann, bo, _ = await team(service)
    user = await newcomer(sandbox)
    assert (await answer_to(user, "你好")).startswith(words)
    change = CHANGE.replace("category: suicide", "category: violence")
    change = change.replace("[去咕噜星球]", "[你们去咕噜星球]").replace(
        "[我要去咕噜星球]", "[你们去咕噜星球]"
    )
    number = await proposed(service, ann, change)
    await service.parts.crisis.lexicon.approve(bo, number)
    assert (await answer_to(user, "你好")).startswith(texts("zh", "guard_fallback"))
    await service.parts.crisis.lexicon.withdraw(bo, number)
    assert (await answer_to(user, "你好")).startswith(words)


async def test_the_host_takes_it_back_and_the_service_follows(
    start: Start,
    sandbox: Sandbox,
    texts: Texts,
    tmp_path: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = await start(every_s={"lexicon": 0.1})
    ann, bo, _ = await team(service)
    number = await proposed(service, ann, CHANGE)
    policy = service.parts.crisis.lexicon
    shipped = policy.live.version
    await policy.approve(bo, number)
    monkeypatch.setenv("PICA_SECRET_KEY", SECRET_KEY)
    monkeypatch.setenv("PICA_DATA_DIR", str(tmp_path))

    def pica(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["lexicon", *arguments])
        return done.exit_code, done.output

    status, listed = await asyncio.to_thread(pica, "list")
    assert (status, f"{number}  live" in listed) == (0, True)
    status, said = await asyncio.to_thread(pica, "withdraw", str(number))
    assert (status, "--yes" in said) == (1, True)
    assert policy.live.version != shipped
    status, said = await asyncio.to_thread(pica, "withdraw", "99", "--yes")
    assert (status, "Change 99 is neither" in said) == (1, True)
    status, said = await asyncio.to_thread(pica, "withdraw", str(number), "--yes")
    assert status == 0, said
    await until(lambda: policy.live.version == shipped)
    assert service.parts.crisis.screening.screener.screen(SAID).level == Level.NONE
    assert await answered_by_the_model(sandbox, service, texts)
    async with service.parts.database.read() as transaction:
        last = (await audit.page(transaction, act="lexicon_withdrawn"))[0]
    assert (last.operator_id, last.detail["by"], last.detail["was"]) == (None, "host", "live")


async def test_what_fits_no_longer_at_the_start_is_told_to_operators(
    start: Start,
    sandbox: Sandbox,
    texts: Texts,
    screener: Screener,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = await start()
    ann, bo, _ = await team(service)
    rule = screener.lexicon.entries[-1].id
    number = await proposed(service, ann, f"why: x\ndisable: [{rule}]\n")
    await service.parts.crisis.lexicon.approve(bo, number)
    await service.aclose()
    lexicon = screener.lexicon
    updated = screener.with_lexicon(
        replace(lexicon, version="2099.1+00000000", entries=lexicon.entries[:-1])
    )
    monkeypatch.setattr(Screener, "load", lambda: updated)
    chat, operator = sandbox.operators_chat_id, sandbox.operator
    told = texts("zh", "lexicon_left_out", changes=number)
    for _ in range(2):
        service = await start()
        assert list(service.parts.crisis.lexicon.live.present.left_out) == [number]
        await operator.wait_for(told, chat_id=chat, timeout_s=20)
        await service.aclose()
    said = [m.text for m in operator.messages_in(chat) if m.from_bot and m.text == told]
    assert len(said) == 1


async def test_no_update_is_taken_before_the_live_changes_are_in_use(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    statuses = []
    refresh = LiveLexicon.refresh

    async def asked_meanwhile(live: LiveLexicon) -> bool:
        async with httpx.AsyncClient() as client:
            address = f"http://127.0.0.1:{port}{WEBHOOK_PATH}"
            answer = await client.post(address, json={}, headers={SECRET_HEADER: "a-secret"})
        statuses.append(answer.status_code)
        return await refresh(live)

    monkeypatch.setattr(LiveLexicon, "refresh", asked_meanwhile)
    await start(
        webhook_url="http://127.0.0.1:9", webhook_secret=SecretStr("a-secret"), http_port=port
    )
    assert statuses[0] == 503  # Telegram asks again
