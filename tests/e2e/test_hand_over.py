"""A case goes from one named operator to another, in the topic and in private."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from bot.service.lifecycle import Service
from bot.texts import LANGUAGES, Texts
from review.operators import roster
from sandbox import Sandbox, SandboxUser
from storage.ids import CaseId
from storage.review import cases, operators
from tests.e2e.conftest import answer_to, newcomer_agrees
from tests.e2e.operators_cast import Group, told
from tests.support.clock import OffsetClock
from tests.support.waiting import at_rest, until

Start = Callable[..., Awaitable[Service]]
RISK = {"zh": "我想自杀", "en": "I want to kill myself"}
STEP = timedelta(minutes=10)


@pytest.fixture
def clock() -> OffsetClock:
    return OffsetClock()


@pytest.fixture
async def group(sandbox: Sandbox, start: Start, clock: OffsetClock) -> Group:
    """The group with Ann and Bo, who have written to the bot once."""
    bo = sandbox.add_user(901, first_name="Bo")
    service = await start(
        clock=clock, operators=frozenset({sandbox.operator.id, bo.id}), every_s={"escalation": 3600}
    )
    for operator in (sandbox.operator, bo):
        await operator.say("/start")
        await operator.wait_for("AI", timeout_s=20)
    async with service.parts.database.begin() as transaction:
        for telegram_id, name in ((sandbox.operator.id, "Ann"), (bo.id, "Bo")):
            found = await operators.by_telegram_id(transaction, telegram_id)
            assert found is not None
            await operators.change(transaction, found.operator_id, name=name)
            await roster.set_public_name(transaction, found, {"Ann": "林", "Bo": "周"}[name])
    eve = sandbox.add_user(first_name="Eve")
    return Group(sandbox, service, sandbox.operators_chat_id, sandbox.operator, bo, eve)


async def at_risk(group: Group, language: str = "zh") -> SandboxUser:
    user = group.sandbox.add_user(language_code=language)
    await newcomer_agrees(user, language)
    await answer_to(user, RISK[language])
    await group.sees(told("case_opened", case=1))
    await at_rest(group.service, group.sandbox)
    return user


async def case_of(group: Group) -> cases.Case:
    async with group.service.parts.database.read() as transaction:
        found = await cases.get(transaction, CaseId(1))
    assert found is not None
    return found


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_conversation_goes_to_a_named_colleague(
    group: Group, texts: Texts, language: str
) -> None:
    user = await at_risk(group, language)
    await group.presses(group.ann, "takeover")
    await user.wait_for(texts(language, "human_joined_named", name="林"), timeout_s=20)
    await group.sees(told("case_taken_over", operator="Ann", case=1), case=1)
    await group.presses(group.ann, "handover")
    asked = await group.sees(texts("zh", "hand_over_ask", case=1), case=1)
    ((label, data),) = [button for row in asked.buttons for button in row]
    assert label == "Bo" + texts("zh", "hand_over_on_duty")
    await group.ann.press_in_group(group.chat, data)
    offer = await group.sees(told("case_hand_over_talks", operator="Ann", receiver="Bo"), case=1)
    assert next(data for row in offer.buttons for _, data in row) == "case:1:claim"
    direct = await group.bo.wait_for("Ann 请您接下个案 #1 · 3 级", timeout_s=20)
    assert RISK[language] not in direct.text
    await group.writes(group.ann, "/reply 我还在")  # until then it stays with the giver
    await user.wait_for(texts(language, "human_said_named", name="林", words="我还在"))
    await group.bo.press("case:1:claim")
    line = await user.wait_for(texts(language, "human_changed_named", name="周"), timeout_s=20)
    await group.sees(told("case_handed_over", operator="Bo", giver="Ann"), case=1)
    await group.ann.wait_for(texts("zh", "handed_over_direct", operator="Bo", case=1), timeout_s=20)
    await group.writes(group.ann, "/reply 再说一句")
    await group.sees(told("not_yours", holder="Bo", case=1), case=1)
    await group.writes(group.bo, "/reply 我是小周")
    said = await user.wait_for(texts(language, "human_said_named", name="周", words="我是小周"))
    await at_rest(group.service, group.sandbox)
    later = [m for m in user.messages if m.from_bot and m.message_id >= line.message_id]
    assert [m.text for m in later] == [line.text, said.text]  # one line, and no other


async def test_a_claimed_case_goes_by_name_without_a_word_to_the_person(
    group: Group, texts: Texts
) -> None:
    user = await at_risk(group)
    before = [m.text for m in user.messages]
    await group.writes(group.ann, "/handover Bo")
    await group.sees(told("not_claimed", case=1), case=1)
    await group.writes(group.ann, "/claim")
    await group.sees(told("case_claimed", operator="Ann", case=1), case=1)
    await group.writes(group.ann, "/handover Nobody")
    await group.sees(texts("zh", "hand_over_ask", case=1), case=1)
    await group.writes(group.ann, "/handover  bo")
    await group.sees(told("case_hand_over", operator="Ann", receiver="Bo"), case=1)
    await group.writes(group.ann, "/claim")
    await group.bo.wait_for(texts("zh", "case_hand_over_kept_direct", operator="Ann", case=1))
    await group.writes(group.ann, "/handover Bo")
    await until(lambda: sum("请您接下" in m.text for m in group.bo.messages) == 2)
    await group.writes(group.bo, "/claim")
    await group.sees(told("case_handed_over", operator="Bo", giver="Ann"), case=1)
    await at_rest(group.service, group.sandbox)
    assert [m.text for m in user.messages] == before


async def test_an_offer_that_nobody_confirms_is_told_to_the_giver(
    group: Group, texts: Texts, clock: OffsetClock
) -> None:
    user = await at_risk(group)
    await group.writes(group.ann, "/claim")
    await group.sees(told("case_claimed", operator="Ann", case=1), case=1)
    await group.writes(group.ann, "/handover Bo")
    await group.sees(told("case_hand_over", operator="Ann", receiver="Bo"), case=1)
    clock.ahead = STEP + timedelta(minutes=1)
    await at_rest(group.service, group.sandbox, "escalation")
    await group.sees(told("case_hand_over_lapsed", receiver="Bo"), case=1)
    key = "case_hand_over_lapsed_direct"
    await group.ann.wait_for(texts("zh", key, receiver="Bo", case=1), timeout_s=20)
    assert (await case_of(group)).claimed_by is None
    before = len([m for m in user.messages if m.from_bot])
    await group.presses(group.ann, "takeover")
    await user.wait_for(texts("zh", "human_joined_named", name="林"), timeout_s=20)
    await group.writes(group.ann, "/handover Bo")
    await group.sees(told("case_hand_over_talks", operator="Ann", receiver="Bo"), case=1)
    await group.writes(group.ann, "/reply 我在")
    await user.wait_for("我在", timeout_s=20)
    clock.ahead += STEP - timedelta(minutes=1)
    await group.writes(group.ann, "/reply 还在")
    await user.wait_for("还在", timeout_s=20)
    clock.ahead += timedelta(minutes=2)
    await at_rest(group.service, group.sandbox, "escalation")
    await group.sees(told("case_hand_over_lapsed_talks", receiver="Bo"), case=1)
    assert (await case_of(group)).lease_until_at is not None
    later = [m.text for m in user.messages if m.from_bot][before:]
    assert [text[:2] for text in later] == ["林，", "👤 ", "👤 "]
