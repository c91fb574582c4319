"""A trusted contact, from the link to the message in a crisis, with two people at the keyboard."""

import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from storage.companion import trusted_contacts
from storage.companion.trusted_contacts import TrustedContact
from storage.messages.outbox import MessageKind
from tests.e2e.conftest import answer_to, newcomer_agrees, person_of
from tests.support.waiting import at_rest

Start = Callable[..., Awaitable[Service]]
NOON = datetime(2026, 11, 24, 4, tzinfo=UTC)
CALLED = {"zh": "表姐", "en": "my cousin"}
SHOWN = {"zh": "小美", "en": "Mei"}
GRAVE = {"zh": "我想自杀", "en": "I want to kill myself"}
# The answers to the script's questions, of which the last one names harm.
ANSWERS = {
    "zh": ("想过", "没有", "吃了几片药"),
    "en": ("yes", "no, not hurt", "i took some pills"),
}
NOW = {"zh": "我刚吞了一整瓶安眠药", "en": "I just swallowed a whole bottle of pills"}
REGION = {"zh": "CN", "en": "GB"}
EMERGENCY = {"zh": "120", "en": "999"}
LANGUAGES = ("zh", "en")


async def pressed(user: SandboxUser, button: str) -> str:
    last = user.last
    assert last is not None
    await user.press(button)
    return (await user.wait_for(None, after=last.message_id, timeout_s=20)).text


async def owner_in(sandbox: Sandbox, texts: Texts, language: str = "zh") -> SandboxUser:
    user = sandbox.add_user(language_code=language)
    await newcomer_agrees(user, language)
    await user.press(f"region:{REGION[language]}")
    await user.wait_for(texts(language, "region_saved"), timeout_s=20)
    return user


async def link_of(user: SandboxUser, texts: Texts, language: str = "zh") -> str:
    """The payload of a new link, made through /plan."""
    await answer_to(user, "/plan")
    await pressed(user, "contact:show")
    assert await pressed(user, "contact:add") == texts(language, "contact_ask_called")
    assert await answer_to(user, CALLED[language]) == texts(language, "contact_ask_shown_name")
    link = re.search(
        r"https://t\.me/\w+\?start=(contact_\S+)", await answer_to(user, SHOWN[language])
    )
    assert link is not None
    return link[1]


async def pair(
    sandbox: Sandbox, texts: Texts, language: str = "zh"
) -> tuple[SandboxUser, SandboxUser]:
    """A person, and the contact who agreed."""
    owner = await owner_in(sandbox, texts, language)
    payload = await link_of(owner, texts, language)
    friend = sandbox.add_user(language_code=language)
    await answer_to(friend, f"/start {payload}")
    await pressed(friend, "contact:yes:1")
    await owner.wait_for(texts(language, "contact_agreed_owner", called=CALLED[language]))
    return owner, friend


async def contact_of(service: Service, user: SandboxUser) -> TrustedContact | None:
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        return await trusted_contacts.of_person(transaction, person.person_id)


def messages_to(texts: Texts, friend: SandboxUser, language: str = "zh") -> list[str]:
    head = texts(language, "contact_message").split("\n")[0].format(name=SHOWN[language])
    return [m.text for m in friend.messages if m.from_bot and m.text.startswith(head)]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_from_the_link_to_the_message_and_its_end(
    sandbox: Sandbox, service: Service, texts: Texts, language: str
) -> None:
    owner = await owner_in(sandbox, texts, language)
    payload = await link_of(owner, texts, language)
    assert await answer_to(owner, f"/start {payload}") == texts(language, "contact_link_own")
    friend = sandbox.add_user(language_code=language)
    page = await answer_to(friend, f"/start {payload}")
    assert page == texts(language, "contact_page", name=SHOWN[language])
    other = "en" if language == "zh" else "zh"
    switched = await pressed(friend, f"contact:page:1:{other}")
    assert switched == texts(other, "contact_page", name=SHOWN[language])
    await pressed(friend, f"contact:page:1:{language}")
    third = sandbox.add_user(language_code=language)
    assert await answer_to(third, f"/start {payload}") == texts(language, "contact_link_gone")
    agreed = await pressed(friend, "contact:yes:1")
    assert agreed == texts(language, "contact_agreed", name=SHOWN[language])
    await owner.wait_for(texts(language, "contact_agreed_owner", called=CALLED[language]))

    await answer_to(owner, GRAVE[language])
    notice = await sandbox.operator.wait_for("#1", chat_id=sandbox.operators_chat_id, timeout_s=20)
    assert texts("zh", "case_contact_not_told") in notice.text
    assert CALLED[language] not in notice.text
    await owner.press("contact:tell")
    said = texts(language, "contact_telling", called=CALLED[language], words="@").split("@")[0]
    await owner.wait_for(said, timeout_s=20)
    await owner.wait_for(texts(language, "contact_told").split("{")[0].strip(), timeout_s=20)
    told = texts("zh", "case_contact_was_told", case=1)
    await sandbox.operator.wait_for(told, chat_id=sandbox.operators_chat_id, timeout_s=20)
    (message,) = messages_to(texts, friend, language)
    assert EMERGENCY[language] in message
    assert GRAVE[language] not in message
    shown = next(m.text for m in owner.messages if m.text.startswith(said[:-2]))
    assert message in shown
    again = await answer_to(owner, GRAVE[language])
    assert again
    assert owner.last is not None
    assert "contact:tell" not in str(owner.last.buttons)

    # A contact is no user: their words are a newcomer's, and what they agreed to stays.
    assert "AI" in await answer_to(friend, "hi")
    left = await answer_to(friend, "/contact")
    assert left == texts(language, "contact_for", name=SHOWN[language])
    gone = await pressed(friend, "contact:leave:1")
    assert gone == texts(language, "contact_left", name=SHOWN[language])
    await owner.wait_for(texts(language, "contact_left_owner", called=CALLED[language]))
    assert await contact_of(service, owner) is None


async def test_a_second_tap_is_answered_honestly(
    sandbox: Sandbox, start: Start, texts: Texts
) -> None:
    clock = [NOON]
    service = await start(clock=lambda: clock[0])
    owner, friend = await pair(sandbox, texts)
    await answer_to(owner, GRAVE["zh"])
    crisis = next(m for m in reversed(owner.messages) if "contact:tell" in str(m.buttons))
    await owner.press("contact:tell", message_id=crisis.message_id)
    await owner.wait_for("已经发给表姐了（12:00）", timeout_s=20)
    person = await person_of(service, owner)
    assert person is not None
    async with service.parts.database.begin() as transaction:
        await service.parts.crisis.contact_alert.tell(transaction, person)
    await owner.wait_for(texts("zh", "contact_told_already").split("，")[0][:6], timeout_s=20)
    assert len(messages_to(texts, friend)) == 1
    await answer_to(owner, NOW["zh"])
    chat = sandbox.operators_chat_id
    raised = await sandbox.operator.wait_for("12:00 已告知", chat_id=chat, timeout_s=20)
    assert "表姐" not in raised.text
    assert "小美" not in raised.text
    clock[0] += timedelta(days=1)
    async with service.parts.database.begin() as transaction:
        await service.parts.crisis.contact_alert.tell(transaction, person)
    await at_rest(service, sandbox)
    assert len(messages_to(texts, friend)) == 2


@pytest.mark.parametrize("language", LANGUAGES)
async def test_by_itself_only_if_chosen_and_only_at_level_4(
    sandbox: Sandbox, service: Service, texts: Texts, language: str
) -> None:
    owner, friend = await pair(sandbox, texts, language)
    await answer_to(owner, NOW[language])
    await at_rest(service, sandbox)
    assert messages_to(texts, friend, language) == []  # off by default
    await answer_to(friend, "/stop")
    await owner.wait_for(texts(language, "contact_left_owner", called=CALLED[language]))

    owner = await owner_in(sandbox, texts, language)
    payload = await link_of(owner, texts, language)
    await answer_to(friend, f"/start {payload}")
    await pressed(friend, "contact:yes:2")
    await owner.wait_for(texts(language, "contact_agreed_owner", called=CALLED[language]))
    await answer_to(owner, "/contact")
    on = await pressed(owner, "contact:on")
    assert on == texts(language, "contact_turned_on", called=CALLED[language])
    await answer_to(owner, GRAVE[language])
    await at_rest(service, sandbox)
    assert messages_to(texts, friend, language) == []
    for answer in ANSWERS[language]:
        await answer_to(owner, answer)
    await owner.wait_for(texts(language, "contact_told").split("{")[0].strip(), timeout_s=20)
    assert len(messages_to(texts, friend, language)) == 1
    told = texts(language, "contact_telling_automatic", called=CALLED[language], words="@")
    assert any(m.text.startswith(told.split("@")[0][:-2]) for m in owner.messages)


async def test_a_contact_who_blocked_the_bot(
    sandbox: Sandbox, service: Service, texts: Texts
) -> None:
    owner, friend = await pair(sandbox, texts)
    await friend.block()
    await owner.wait_for(texts("zh", "contact_unreachable_owner", called="表姐"), timeout_s=20)
    await answer_to(owner, GRAVE["zh"])
    await owner.press("contact:tell")
    failed = await owner.wait_for("没有送到", timeout_s=20)
    assert "12356" in failed.text
    contact = await contact_of(service, owner)
    assert contact is not None
    assert (contact.telling_at, contact.told_at) == (None, None)


async def test_a_message_is_dropped_if_the_contact_ends_before_it_goes(
    sandbox: Sandbox, service: Service, texts: Texts
) -> None:
    owner, friend = await pair(sandbox, texts)
    await answer_to(owner, GRAVE["zh"])
    person, contact = await person_of(service, owner), await contact_of(service, owner)
    assert person is not None
    assert contact is not None
    async with service.parts.database.begin() as transaction:  # both before the relay looks
        await service.parts.crisis.contact_alert.tell(transaction, person)
        await trusted_contacts.end(transaction, contact.contact_id)
    await at_rest(service, sandbox)
    assert messages_to(texts, friend) == []


async def test_export_and_the_erasure_of_each_side(
    sandbox: Sandbox, service: Service, texts: Texts
) -> None:
    owner, friend = await pair(sandbox, texts)
    await owner.say("/export")
    exported = await owner.wait_for(lambda m: m.document is not None, timeout_s=20)
    assert exported.document is not None
    yours = json.loads(exported.document[1])["trusted_contacts"]["yours"]
    assert (yours["called"], yours["your_name"], yours["state"]) == ("表姐", "小美", "agreed")
    await friend.say("/export")
    exported = await friend.wait_for(lambda m: m.document is not None, timeout_s=20)
    assert exported.document is not None
    theirs = json.loads(exported.document[1])["trusted_contacts"]["you_are_contact_of"]
    assert [row["name"] for row in theirs] == ["小美"]

    await answer_to(friend, "/forget")
    assert texts("zh", "contact_left_too") in await pressed(friend, "forget:yes")
    await owner.wait_for(texts("zh", "contact_left_owner", called="表姐"), timeout_s=20)
    payload = await link_of(owner, texts)
    await answer_to(friend, f"/start {payload}")
    await pressed(friend, "contact:yes:2")
    agreed = texts("zh", "contact_agreed_owner", called="表姐")
    await owner.wait_for(agreed, after=owner.messages[-1].message_id - 1, timeout_s=20)
    await answer_to(owner, "/forget")
    await pressed(owner, "forget:yes")
    ended = await friend.wait_for(texts("zh", "contact_ended_other", name="小美"), timeout_s=20)
    assert ended.text == texts("zh", "contact_ended_other", name="小美")


async def test_a_closed_pilot_lets_a_contact_agree_and_end(
    sandbox: Sandbox, start: Start, texts: Texts
) -> None:
    owner = sandbox.add_user()
    await start(pilot=True, pilot_people=frozenset({owner.id}))
    await newcomer_agrees(owner)
    payload = await link_of(owner, texts)
    friend = sandbox.add_user()
    await answer_to(friend, f"/start {payload}")
    assert await pressed(friend, "contact:yes:1") == texts("zh", "contact_agreed", name="小美")
    closed = await answer_to(friend, "你好")
    assert closed.startswith(texts("zh", "pilot_closed").split("\n")[0])
    assert await answer_to(friend, "/contact") == texts("zh", "contact_for", name="小美")


async def test_names_are_refused_or_given_up(
    sandbox: Sandbox, service: Service, texts: Texts
) -> None:
    owner = await owner_in(sandbox, texts)
    await answer_to(owner, "/contact")
    await pressed(owner, "contact:add")
    for name in ("x" * 41, "看 t.me/x", "a.b", "@someone"):
        assert await answer_to(owner, name) == texts("zh", "contact_name_unclear")
    crisis = await answer_to(owner, GRAVE["zh"])
    assert crisis.startswith(texts("zh", "crisis_suicide").split("{")[0])
    assert await answer_to(owner, "表姐") != texts("zh", "contact_ask_shown_name")
    contact = await contact_of(service, owner)
    assert contact is not None
    assert (contact.asks, contact.called) == (None, "")


def test_its_messages_go_before_all_others_and_are_sent_again() -> None:
    from bot.delivery.outcomes import AT_LEAST_ONCE
    from storage.messages.outbox import PRIORITIES

    assert PRIORITIES[MessageKind.CONTACT] == 0
    assert MessageKind.CONTACT in AT_LEAST_ONCE
