"""Albums get one answer, service messages none, and text that nobody can see is said so."""

from typing import Any

import pytest
from sqlalchemy import select

from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from storage.database.schema import inbox
from tests.e2e.conftest import answer_to
from tests.e2e.operators_cast import GRAVE, told
from tests.e2e.test_unheard import SENT
from tests.support.waiting import at_rest

INVISIBLE = (
    "\ufffc",
    "\u2062\u2063",
    "\u2800\u3164",
    "\ufe0f\u200d",
    "\u00ad\u2060 \u180e",
    "\U000e0041",
)
CHAT = {"id": 5, "type": "private"}
SERVICE: dict[str, Any] = {
    "message_auto_delete_timer_changed": {"message_auto_delete_time": 86400},
    "refunded_payment": {"currency": "XTR"},
    "pinned_message": {"message_id": 5, "date": 0, "chat": CHAT},
    "chat_background_set": {"type": {"type": "fill"}},
    "write_access_allowed": {"from_request": True},
    "users_shared": {"request_id": 1, "users": [{"user_id": 7}]},
    "proximity_alert_triggered": {"distance": 3},
    "video_chat_started": {},
    "something_newer_changed": {"by": 1},
    "gift": {"gift": {}},
}


def said(user: SandboxUser) -> list[str]:
    return [m.text for m in user.messages if m.from_bot]


@pytest.mark.parametrize(
    ("kind", "count", "caption"),
    [("photo", 4, 0), ("photo", 10, None), ("video", 3, 2), ("document", 5, None), ("audio", 3, 0)],
)
async def test_a07_an_album_gets_one_answer(
    service: Service,
    user: SandboxUser,
    sandbox: Sandbox,
    texts: Texts,
    kind: str,
    count: int,
    caption: int | None,
) -> None:
    before = said(user)
    for number in range(count):
        words = {"caption": "这是今天"} if number == caption else {}
        await user.send(**SENT[kind], media_group_id="a", **words)
    await at_rest(service, sandbox)
    answers = said(user)[len(before) :]
    assert len(answers) == 1
    assert (answers == [texts("zh", "unreadable")]) is (caption is None)


async def test_a07_another_album_gets_its_own_answer(
    service: Service, user: SandboxUser, sandbox: Sandbox
) -> None:
    before = len(said(user))
    for album in "aabbb":
        await user.send(**SENT["photo"], media_group_id=album)
        await at_rest(service, sandbox)
    assert len(said(user)) - before == 2


async def test_a07_an_album_in_a_takeover_is_one_line(
    service: Service, user: SandboxUser, sandbox: Sandbox, texts: Texts
) -> None:
    await answer_to(user, GRAVE)
    chat, operator = sandbox.operators_chat_id, sandbox.operator
    await operator.wait_for(told("case_opened", case=1), chat_id=chat, timeout_s=20)
    await operator.press_in_group(chat, "case:1:takeover")
    await user.wait_for(texts("zh", "human_joined"), timeout_s=20)
    await at_rest(service, sandbox)
    before = len(operator.messages_in(chat))
    for number in range(5):
        words = {"caption": "这是今天"} if number == 0 else {}
        await user.send(**SENT["photo"], media_group_id="a", **words)
    await at_rest(service, sandbox)
    lines = operator.messages_in(chat)[before:]
    assert len(lines) == 1
    assert "这是今天" in lines[0].text


async def test_a10_a_service_message_is_ignored(
    service: Service, user: SandboxUser, sandbox: Sandbox
) -> None:
    before = said(user)
    for name, value in SERVICE.items():
        await user.send(**{name: value})
    await at_rest(service, sandbox)
    assert said(user) == before
    newest = select(inbox).order_by(inbox.c.update_id.desc()).limit(len(SERVICE))
    async with service.parts.database.read() as transaction:
        rows = (await transaction.execute(newest)).all()
    ends = {(row.ended_as, row.person_id) for row in rows}
    assert ends == {("ignored", None)}  # no sign of life either


async def test_a10_an_operator_sees_no_service_message(
    service: Service, user: SandboxUser, sandbox: Sandbox, texts: Texts
) -> None:
    await answer_to(user, GRAVE)
    chat, operator = sandbox.operators_chat_id, sandbox.operator
    await operator.wait_for(told("case_opened", case=1), chat_id=chat, timeout_s=20)
    await operator.press_in_group(chat, "case:1:takeover")
    await user.wait_for(texts("zh", "human_joined"), timeout_s=20)
    await at_rest(service, sandbox)
    before = len(operator.messages_in(chat)), said(user)
    for name, value in SERVICE.items():
        await user.send(**{name: value})
    await at_rest(service, sandbox)
    assert (len(operator.messages_in(chat)), said(user)) == before


async def test_a10_content_of_a_newer_kind_is_no_service_message(
    user: SandboxUser, texts: Texts
) -> None:
    sent = await user.send(hologram={"file_id": "x"})
    reply = await user.wait_for(None, after=sent, timeout_s=30)
    assert reply.text == texts("zh", "unreadable_empty")


async def test_a12_text_that_nobody_sees_is_said_so(user: SandboxUser, texts: Texts) -> None:
    for text in INVISIBLE:
        assert await answer_to(user, text) == texts("zh", "unreadable_empty"), ascii(text)
    for text in ("❤️", "1️⃣", "？"):
        assert await answer_to(user, text) != texts("zh", "unreadable_empty"), text
