"""A group that cannot be written to: said once, to those on duty in private, and nothing waits."""

from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from bot.cli.doctor.findings import Grade
from bot.cli.doctor.operators import check_operators
from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from tests.e2e.conftest import answer_to, newcomer_agrees
from tests.e2e.operators_cast import GRAVE, told
from tests.support.waiting import at_rest, until


async def gauge(service: Service) -> str:
    url = f"http://127.0.0.1:{service.http_port}/metrics"
    async with httpx.AsyncClient(trust_env=False) as client:
        page = (await client.get(url)).text
    (line,) = [x for x in page.splitlines() if x.startswith("pica_operators_chat_waiting ")]
    return line.split()[1]


REFUSALS: list[dict[str, Any]] = [
    {"status": 400, "description": "Bad Request: TOPIC_CLOSED"},
    {"status": 400, "description": "Bad Request: CHAT_RESTRICTED"},
    {"status": 403, "description": "Forbidden: bot was kicked from the supergroup chat"},
    {"status": 400, "description": "Bad Request: not enough rights to send text messages"},
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=[r["description"] for r in REFUSALS])
async def test_a04_it_is_said_once_and_blocks_nothing(
    service: Service, user: SandboxUser, sandbox: Sandbox, texts: Texts, refusal: dict[str, Any]
) -> None:
    chat, operator, other = sandbox.operators_chat_id, sandbox.operator, sandbox.add_user()
    await newcomer_agrees(other)
    await operator.say("/start")
    await at_rest(service, sandbox)
    for method in ("sendMessage", "createForumTopic", "sendChatAction"):
        sandbox.faults.add(method, "refusal", times=10_000, chat_id=chat, **refusal)
    with capture_logs() as logs:
        for person in (user, other):
            await answer_to(person, GRAVE)
        page = await operator.wait_for(told("page_group_closed"), timeout_s=40)
        assert GRAVE not in page.text
        await answer_to(user, "/help")

        async def are_counted() -> bool:
            return float(await gauge(service)) >= 1

        await until(are_counted, within_s=60)
        (finding,) = [
            f
            for f in await check_operators(service.parts.context.settings)
            if f.name == "operators' chat" and "not taken" in f.what
        ]
        assert finding.grade is Grade.BAD
        probe = await check_operators(service.parts.context.settings)
        assert any("cannot be written to" in f.what for f in probe)
    sandbox.faults.clear()
    for case in (1, 2):
        await operator.wait_for(told("case_opened", case=case), chat_id=chat, timeout_s=90)
    assert [log["event"] for log in logs].count("operators_chat_unreachable") == 1
    pages = [m for m in operator.messages if m.text.startswith(told("page_group_closed"))]
    assert len(pages) == 1


async def test_a04_a_group_that_works_has_no_such_finding(
    service: Service, user: SandboxUser, sandbox: Sandbox
) -> None:
    await answer_to(user, GRAVE)
    await at_rest(service, sandbox)
    assert await gauge(service) == "0.0"
    findings = await check_operators(service.parts.context.settings)
    assert not any(f.grade is Grade.BAD for f in findings)
