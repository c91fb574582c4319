"""An operator sends canned replies from the topic with one tap, and takes a wrong one back."""

from collections.abc import Awaitable, Callable

import pytest

from bot.service.lifecycle import Service
from bot.texts import LANGUAGES, Texts
from review.cases import canned_replies as kept
from review.cases.takeover import TAKE_BACK_WITHIN
from sandbox import Sandbox, SandboxUser
from sandbox.screen import SandboxMessage
from storage.companion import transcripts
from storage.review import audit, audit_check, operators
from tests.e2e.conftest import answer_to, newcomer_agrees, person_of
from tests.e2e.operators_cast import Group, told
from tests.support.clock import OffsetClock
from tests.support.waiting import at_rest, until

Start = Callable[..., Awaitable[Service]]
RISK = {"zh": "我想自杀", "en": "I want to kill myself"}


@pytest.fixture
def clock() -> OffsetClock:
    return OffsetClock()


@pytest.fixture
async def group(sandbox: Sandbox, start: Start, clock: OffsetClock) -> Group:
    bo = sandbox.add_user(901, first_name="Bo")
    service = await start(
        clock=clock, operators=frozenset({sandbox.operator.id, bo.id}), every_s={"escalation": 3600}
    )
    eve = sandbox.add_user(first_name="Eve")
    return Group(sandbox, service, sandbox.operators_chat_id, sandbox.operator, bo, eve)


async def taken_over(group: Group, texts: Texts, language: str) -> SandboxUser:
    """A person whose conversation Ann has taken over."""
    user = group.sandbox.add_user(language_code=language)
    await newcomer_agrees(user, language)
    await answer_to(user, RISK[language])
    await group.sees(told("case_opened", case=1))
    await group.presses(group.ann, "takeover")
    await user.wait_for(texts(language, "human_joined"), timeout_s=20)
    return user


def sends(listing: SandboxMessage) -> list[str]:
    """The data of the buttons that send, without `case:1:`."""
    return [data.removeprefix("case:1:") for row in listing.buttons for _, data in row]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_one_tap_sends_in_the_language_of_the_person(
    group: Group, clock: OffsetClock, texts: Texts, language: str
) -> None:
    service = group.service
    async with service.parts.database.begin() as transaction:
        ann = await operators.by_telegram_id(transaction, group.ann.id)
        assert ann is not None
        await operators.change(transaction, ann.operator_id, language="en")
    user = await taken_over(group, texts, language)
    notice = await group.sees(told("case_taken_over", operator="Operator", case=1), case=1)
    assert "case:1:replies" in [data for row in notice.buttons for _, data in row]
    await group.presses(group.ann, "replies")
    here = kept.brought()["here"]
    listing = await group.sees(here["en"], case=1)  # the list is in the operator's language
    assert texts("en", f"language_{language}") in listing.text
    assert len(sends(listing)) == len(kept.brought()) + 1
    clock.stop()
    await group.presses(group.ann, sends(listing)[0])
    await until(lambda: texts("en", "reply_goes") in group.ann.toasts)
    await group.presses(group.ann, sends(listing)[1])  # while one waits, another does not go out
    await until(lambda: texts("en", "reply_waits") in group.ann.toasts)
    await group.writes(group.ann, "/reply ...")
    await at_rest(service, group.sandbox)
    assert not any(m.text.startswith("👤") for m in user.messages)
    clock.ahead = TAKE_BACK_WITHIN
    said = await user.wait_for(here[language], timeout_s=20)
    assert said.text == texts(language, "human_said", words=here[language])
    later = await user.wait_for(texts(language, "human_said", words="..."), timeout_s=20)
    assert said.message_id < later.message_id  # what was typed after it came after it
    await group.sees(told("relay_sent", case=1) + said.text, case=1)
    await group.presses(group.ann, "takeback")
    await until(lambda: texts("en", "reply_sent") in group.ann.toasts)
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        turns = await transcripts.history(transaction, person.person_id)
        said_acts = await audit.page(transaction, act="operator_said")
    assert [t.text for t in turns if t.role == "operator"] == [here[language], "..."]
    assert [act.detail.get("canned") for act in said_acts] == [None, 1]


async def test_a_wrong_tap_is_taken_back(group: Group, clock: OffsetClock, texts: Texts) -> None:
    user = await taken_over(group, texts, "zh")
    await group.writes(group.ann, "/replies")
    end = kept.brought()["end_of_talk"]["zh"]
    listing = await group.sees(end[:10], case=1)
    number = list(kept.brought()).index("end_of_talk")
    clock.stop()
    await group.presses(group.ann, sends(listing)[number])
    await group.presses(group.ann, sends(listing)[-1])
    await group.sees(told("case_taken_back", operator="Operator", case=1), case=1)
    clock.ahead = TAKE_BACK_WITHIN
    await group.presses(group.ann, sends(listing)[0])  # and the right one goes out
    await until(lambda: group.ann.toasts.count(texts("zh", "reply_goes")) == 2)
    clock.ahead = 2 * TAKE_BACK_WITHIN
    await user.wait_for(kept.brought()["here"]["zh"], timeout_s=20)
    await at_rest(group.service, group.sandbox)
    assert not any(end in m.text for m in user.messages)
    person = await person_of(group.service, user)
    assert person is not None
    async with group.service.parts.database.read() as transaction:
        turns = await transcripts.history(transaction, person.person_id)
    assert [t.text for t in turns if t.role == "operator"] == [kept.brought()["here"]["zh"]]
    async with group.service.parts.database.read() as transaction:
        verdict = await audit_check.verify(transaction)
        acts = [each.act for each in await audit.page(transaction, operator_id=None, limit=4)]
    assert verdict.broken_at is None
    assert acts[:3] == ["operator_said", "taken_back", "operator_said"]


async def test_who_does_not_have_the_conversation_cannot_send(
    group: Group, texts: Texts, clock: OffsetClock
) -> None:
    user = await taken_over(group, texts, "zh")
    await group.sees(told("case_taken_over", operator="Operator", case=1), case=1)
    await group.presses(group.ann, "replies")
    await group.sees(kept.brought()["here"]["zh"], case=1)
    for press in ("replies", "say:1", "takeback"):
        group.bo.toasts.clear()
        await group.presses(group.bo, press)
        await until(lambda: bool(group.bo.toasts))
        assert group.bo.toasts == [texts("zh", "not_yours", holder="Operator", case=1)]
    await group.presses(group.stranger, "say:1")
    async with group.service.parts.database.begin() as transaction:
        ann = await operators.by_telegram_id(transaction, group.ann.id)
        assert ann is not None
        (first, *_) = await kept.canned_replies.listed(transaction)
        await kept.edit(transaction, ann, first.reply_id, zh="我在这里", en="I am here")
    await group.presses(group.ann, "say:1")  # an old list names a text that was changed since
    await until(lambda: texts("zh", "reply_gone") in group.ann.toasts)
    clock.ahead = TAKE_BACK_WITHIN
    await at_rest(group.service, group.sandbox)
    assert not any(m.text.startswith("👤") for m in user.messages)
