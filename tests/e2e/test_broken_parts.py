"""Parts of updates that nobody can read: the rest of the message is read, and nothing is silent."""

import itertools
import time
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from storage.companion import transcripts
from storage.database.schema import inbox
from tests.e2e.conftest import answer_to, newcomer_agrees, person_of
from tests.e2e.operators_cast import GRAVE, told
from tests.e2e.test_malformed_updates import anything, scalars
from tests.e2e.test_unheard import FILE, POLL, SIZE
from tests.support.waiting import at_rest

WORDS = "今天有点难过，想聊聊"
numbers = itertools.count(6_000_000)
# `test_a03` holds the example of the list; the others are of its kind.
BROKEN: dict[str, dict[str, Any]] = {
    "a_reply_to_a_poll_without_ids": {
        "reply_to_message": {
            "message_id": 1,
            "date": 1,
            "chat": {"id": 1, "type": "private"},
            "poll": {**POLL, "options": [{"text": "a", "voter_count": 1}]},
        }
    },
    "an_entity_without_length": {"entities": [{"type": "bold", "offset": 0}]},
    "an_entity_of_text": {"entities": [{"type": "bold", "offset": "0", "length": "2"}]},
    "a_quote_without_position": {"quote": {"text": "昨天说的"}},
    "a_date_in_milliseconds": {"date": int(time.time() * 1000)},
    "a_date_of_text": {"date": "yesterday"},
    "a_preview_of_text": {"link_preview_options": "no"},
    "a_markup_of_text": {"reply_markup": {"inline_keyboard": "x"}},
    "a_sender_without_name": {"from": {"id": 0}},
    "a_topic_of_text": {"message_thread_id": "general"},
    "a_forward_without_date": {"forward_origin": {"type": "user"}},
    "a_bot_without_name": {"via_bot": {"id": 7}},
}
WORDLESS: dict[str, dict[str, Any]] = {
    "a_poll_without_fields": {"poll": {"id": "1", "question": "?"}},
    "a_photo_without_sizes": {"photo": [{"file_id": "x"}]},
    "a_video_without_length": {"video": {**FILE, **SIZE}},
    "a_text_of_numbers": {"text": 5},
    "a_text_of_nothing": {"text": None},
}


def message_of(user: SandboxUser, **fields: Any) -> dict[str, Any]:
    person = {"id": user.id, "is_bot": False, "first_name": "x", "language_code": "zh"}
    chat = {"id": user.id, "type": "private", "first_name": "x"}
    message = {"message_id": next(numbers), "date": int(time.time()), "chat": chat, "from": person}
    if "from" in fields and isinstance(fields["from"], dict) and fields["from"].get("id") == 0:
        fields = {**fields, "from": {"id": user.id}}
    return {**message, **fields}


async def heard(service: Service, user: SandboxUser) -> list[str]:
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        turns = await transcripts.history(transaction, person.person_id)
    return [turn.text for turn in turns if turn.role == "person"]


async def answer_to_raw(user: SandboxUser, sandbox: Sandbox, **fields: Any) -> str:
    last = user.messages[-1].message_id
    sandbox.send_raw_update({"message": message_of(user, **fields)})
    return (await user.wait_for(None, after=last, timeout_s=30)).text


async def test_a03_a_broken_part_costs_no_words(
    service: Service, user: SandboxUser, sandbox: Sandbox
) -> None:
    for number, fields in enumerate(BROKEN.values()):
        await answer_to_raw(user, sandbox, text=f"{WORDS} {number}", **fields)
        await at_rest(service, sandbox)
    kept = [text.split("\n")[-1] for text in await heard(service, user)]  # a quote stands above
    assert kept == [f"{WORDS} {number}" for number in range(len(BROKEN))]


async def test_a03_without_words_it_is_said(
    service: Service, user: SandboxUser, sandbox: Sandbox, texts: Texts
) -> None:
    for name, fields in WORDLESS.items():
        reply = await answer_to_raw(user, sandbox, **fields)
        assert reply in {texts("zh", "unreadable"), texts("zh", "unreadable_empty")}, name
        await at_rest(service, sandbox)


async def test_a03_a_command_without_its_mark_is_obeyed(
    user: SandboxUser, sandbox: Sandbox, texts: Texts
) -> None:
    for entities in (None, "bold", [{"type": "bot_command", "offset": "0"}]):
        reply = await answer_to_raw(user, sandbox, text="/help", entities=entities)
        assert reply == texts("zh", "help")


async def test_a03_a_slash_before_words_is_no_command(
    service: Service, user: SandboxUser, sandbox: Sandbox, texts: Texts
) -> None:
    assert await answer_to(user, "/ 今天好累") != texts("zh", "unreadable")
    assert await heard(service, user) == ["/ 今天好累"]


async def test_a03_a_crisis_and_a_takeover_are_not_cut_off(
    service: Service, user: SandboxUser, sandbox: Sandbox, texts: Texts
) -> None:
    last = user.messages[-1].message_id
    broken = {"entities": [{"type": "bold"}], "quote": {"position": 3}}
    sandbox.send_raw_update({"message": message_of(user, text=GRAVE, **broken)})
    reply = await user.wait_for(None, after=last, timeout_s=30)
    assert reply.text.startswith(texts("zh", "crisis_suicide")[:8])
    chat, operator = sandbox.operators_chat_id, sandbox.operator
    await operator.wait_for(told("case_opened", case=1), chat_id=chat, timeout_s=20)
    await operator.press_in_group(chat, "case:1:takeover")
    await user.wait_for(texts("zh", "human_joined"), timeout_s=20)
    sandbox.send_raw_update({"message": message_of(user, text=WORDS, **broken)})
    await operator.wait_for(WORDS, chat_id=chat, timeout_s=20)


async def test_a03_dropped_parts_are_counted(
    service: Service, user: SandboxUser, sandbox: Sandbox
) -> None:
    sandbox.send_raw_update({"message": message_of(user, text="/help", quote=5, novelty={"a": 1})})
    await at_rest(service, sandbox)
    counted = service.parts.context.metrics.dropped_parts
    assert counted.labels("quote")._value.get() == 1
    assert {sample.labels["part"] for m in counted.collect() for sample in m.samples} == {"quote"}


# The Bot API's own message, of which a field is missing, null, of another type or unknown.
SCHEMA: dict[str, Any] = {
    "message_id": 7,
    "date": 1_790_000_000,
    "edit_date": 1_790_000_000,
    "message_thread_id": 3,
    "is_topic_message": True,
    "media_group_id": "9",
    "caption": "看图",
    "entities": [{"type": "bold", "offset": 0, "length": 2}],
    "reply_to_message": {
        "message_id": 5,
        "date": 1_790_000_000,
        "chat": {"id": 1, "type": "private"},
        "text": "早",
    },
    "quote": {"text": "早", "position": 0, "is_manual": True},
    "photo": [{**FILE, **SIZE}],
    "video": {**FILE, **SIZE, "duration": 5},
    "voice": {**FILE, "duration": 5},
    "sticker": {**FILE, **SIZE, "type": "regular", "is_animated": False, "is_video": False},
    "poll": POLL,
    "contact": {"phone_number": "1", "first_name": "x"},
    "location": {"latitude": 1.0, "longitude": 2.0},
    "venue": {"location": {"latitude": 1.0, "longitude": 2.0}, "title": "x", "address": "y"},
    "checklist": {"title": "x", "tasks": [{"id": 1, "text": "y"}]},
    "link_preview_options": {"is_disabled": True},
    "forward_origin": {"type": "hidden_user", "date": 1, "sender_user_name": "x"},
    "external_reply": {"origin": {"type": "hidden_user", "date": 1, "sender_user_name": "x"}},
    "reply_markup": {"inline_keyboard": [[{"text": "a", "callback_data": "b"}]]},
    "via_bot": {"id": 7, "is_bot": True, "first_name": "x"},
    "pinned_message": {"message_id": 5, "date": 0, "chat": {"id": 1, "type": "private"}},
    "users_shared": {"request_id": 1, "users": [{"user_id": 1}]},
}


@st.composite
def damaged(draw: st.DrawFn, value: Any) -> Any:
    """A value with damage somewhere inside it."""
    if isinstance(value, dict) and value and draw(st.booleans()):
        name = draw(st.sampled_from(sorted(value)))
        if draw(st.booleans()):
            return {k: v for k, v in value.items() if k != name}
        return {**value, name: draw(damaged(value[name])), **draw(st.just({}) | UNKNOWN)}
    if isinstance(value, list) and value and draw(st.booleans()):
        return [draw(damaged(entry)) for entry in value]
    return draw(anything)


UNKNOWN = st.dictionaries(st.sampled_from(["novelty", "extra_set"]), scalars, max_size=1)
parts = st.lists(st.sampled_from(sorted(SCHEMA)), max_size=4, unique=True).flatmap(
    lambda names: st.fixed_dictionaries(
        {name: st.just(SCHEMA[name]) | damaged(SCHEMA[name]) for name in names}
    )
)


@settings(
    max_examples=400 if settings.get_current_profile_name() == "thorough" else 12,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(batch=st.lists(parts, min_size=10, max_size=10))
async def test_a03_random_messages_keep_their_text(
    batch: list[dict[str, Any]], sandbox: Sandbox, service: Service, user: SandboxUser
) -> None:
    intake = service.parts.receiving.intake
    for fields in batch:
        update_id = next(numbers)
        update = {"update_id": update_id, "message": message_of(user, text=WORDS)}
        update["message"].update({k: v for k, v in fields.items() if k != "caption"})
        read = await intake._reader.read(update)
        assert read is not None and read.update is not None
        assert (read.parsed.kind, read.parsed.telegram_id) == ("words", user.id)
        assert read.parsed.text.startswith(WORDS)


async def test_a03_random_senders_and_chats_keep_the_text(service: Service) -> None:
    """Whoever can be found in one of the two is found."""
    reader = service.parts.receiving.intake._reader
    person = {"id": 7, "is_bot": False, "first_name": "x"}
    chat = {"id": 7, "type": "private", "first_name": "x"}
    odd: list[Any] = [None, 5, "x", [], {}, {"id": None}, {"id": "7"}, {"id": 1.5}, {"id": True}]
    for part in odd:
        for fields in ({"from": part, "chat": chat}, {"from": person, "chat": part}):
            message = {"message_id": 1, "date": 1, "text": WORDS, **fields}
            read = await reader.read({"update_id": next(numbers), "message": message})
            assert read is not None
            assert (read.parsed.telegram_id, read.parsed.text) == (7, WORDS), fields


async def test_a03_a_newcomer_is_read_too(service: Service, sandbox: Sandbox) -> None:
    stranger = sandbox.add_user()
    await newcomer_agrees(stranger)
    last = stranger.messages[-1].message_id
    sandbox.send_raw_update({"message": message_of(stranger, text=WORDS, chat={"id": "x"})})
    await stranger.wait_for(None, after=last, timeout_s=30)
    async with service.parts.database.read() as transaction:
        kinds = (await transaction.execute(select(inbox.c.kind, inbox.c.ended_as))).all()
    assert ("malformed", "dead") not in [tuple(row) for row in kinds]
