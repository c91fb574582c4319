"""A reply whose sending was cut off leaves nobody in silence, and nothing is sent twice."""

from collections.abc import Awaitable, Callable

import pytest

from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from tests.support.waiting import until


def after(user: SandboxUser, message_id: int) -> list[str]:
    return [m.text for m in user.messages if m.from_bot and m.message_id > message_id]


async def lose_a_reply(user: SandboxUser, sandbox: Sandbox, texts: Texts) -> tuple[int, str]:
    """Lose the answer of a send, and return the id of the message with the offer and the reply."""
    sandbox.faults.add(method="sendMessage", kind="lost_answer", times=1)
    sent = await user.say("今天有点累")
    offer = await user.wait_for(texts("zh", "reply_lost"), after=sent, timeout_s=60)
    (reply, _) = after(user, sent)
    return offer.message_id, reply


async def test_a_reply_that_was_lost_is_shown_again_by_a_button(
    service: Service, user: SandboxUser, sandbox: Sandbox, texts: Texts
) -> None:
    offered, reply = await lose_a_reply(user, sandbox, texts)
    await user.press(texts("zh", "again"))
    shown = await user.wait_for(None, after=offered, timeout_s=30)
    await service.idle()
    assert reply.startswith(shown.text)
    assert len(after(user, offered)) == 1


async def test_a_death_while_a_send_is_under_way_ends_in_an_offer(
    sandbox: Sandbox,
    start: Callable[..., Awaitable[Service]],
    user: SandboxUser,
    service: Service,
    texts: Texts,
) -> None:
    before = len(sandbox.method_calls("sendMessage"))
    sandbox.faults.add(method="sendMessage", kind="slow", delay_s=60)
    sent = await user.say("今天有点累")
    await until(lambda: len(sandbox.method_calls("sendMessage")) > before)
    await service.aclose()  # cuts the send off
    again = await start()
    offer = await user.wait_for(texts("zh", "reply_lost"), after=sent, timeout_s=60)
    await user.press(texts("zh", "again"), message_id=offer.message_id)
    await user.wait_for(None, after=offer.message_id, timeout_s=30)
    await again.idle()


async def test_an_offer_that_is_lost_makes_no_other(
    service: Service, user: SandboxUser, sandbox: Sandbox, texts: Texts
) -> None:
    sandbox.faults.add(method="sendMessage", kind="lost_answer", times=2)
    sent = await user.say("今天有点累")
    await user.wait_for(texts("zh", "reply_lost"), after=sent, timeout_s=60)
    await service.idle()
    assert len(after(user, sent)) == 2


@pytest.mark.parametrize("number", ["", "x", "9" * 17, "9" * 40, "-1", "1 OR 1=1"])
async def test_a_button_that_names_no_turn_of_theirs_shows_nothing(
    number: str, service: Service, user: SandboxUser, sandbox: Sandbox, texts: Texts
) -> None:
    offered, _ = await lose_a_reply(user, sandbox, texts)
    offer = next(m for m in user.messages if m.message_id == offered)
    forged = {
        "id": "1",
        "from": {"id": user.id, "is_bot": False, "first_name": "x"},
        "chat_instance": "1",
        "data": f"again:{number}",
        "message": {
            "message_id": offered,
            "date": 1_800_000_000,
            "chat": {"id": user.id, "type": "private", "first_name": "x"},
            "text": offer.text,
        },
    }
    sandbox.send_raw_update({"update_id": 900_001, "callback_query": forged})
    await user.wait_for(texts("zh", "retry_gone"), after=offered, timeout_s=30)
    assert len(after(user, offered)) == 1
