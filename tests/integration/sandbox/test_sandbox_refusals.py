"""What Telegram refuses, with its code and words, as the typed errors a bot sees."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from sandbox_cast import BotFactory
from telegram import (
    Bot,
    BotCommand,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    MessageEntity,
    ReplyParameters,
)
from telegram.error import BadRequest, Forbidden, InvalidToken

from sandbox import Sandbox, SandboxUser

Act = Callable[[Bot, int, int], Awaitable[Any]]


def _keys(data: str) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup([[InlineKeyboardButton("x", callback_data=data)]])


def _entity(kind: str, offset: int, length: int) -> list[MessageEntity]:
    return [MessageEntity(kind, offset, length)]


# What is done in a private chat `c` that holds the bot's message `m`, and Telegram's answer.
REFUSED: dict[str, tuple[Act, str]] = {
    "empty": (lambda b, c, m: b.send_message(c, ""), "Message text is empty"),
    "blank": (lambda b, c, m: b.send_message(c, " \n\u200b "), "Text must be non-empty"),
    "long": (lambda b, c, m: b.send_message(c, "x" * 4097), "Message is too long"),
    "long emoji": (lambda b, c, m: b.send_message(c, "😀" * 2049), "Message is too long"),
    "long edit": (lambda b, c, m: b.edit_message_text("x" * 4097, c, m), "Message_too_long"),
    "long caption": (
        lambda b, c, m: b.send_document(c, b"x", caption="😀" * 513),
        "Message caption is too long",
    ),
    "entity start": (
        lambda b, c, m: b.send_message(c, "hello", entities=_entity("bold", 100, 1)),
        "Entity begins after the end of the text at UTF-16 offset 100",
    ),
    "entity end": (
        lambda b, c, m: b.send_message(c, "hello", entities=_entity("bold", 0, 100)),
        "Entity beginning at UTF-16 offset 0 ends after the end of the text at UTF-16 offset 100",
    ),
    "entity negative": (
        lambda b, c, m: b.send_message(c, "hello", entities=_entity("bold", -1, 1)),
        "Receive an entity with incorrect offset -1",
    ),
    "entity in emoji": (
        lambda b, c, m: b.send_message(c, "😀x", entities=_entity("bold", 1, 1)),
        "Entity begins in a middle of a UTF-16 symbol at 1",
    ),
    "entity type": (
        lambda b, c, m: b.send_message(c, "hello", entities=_entity("shiny", 0, 1)),
        "Can't parse messageentity: unsupported type specified",
    ),
    "parse mode": (
        lambda b, c, m: b.send_message(c, "x", parse_mode="HTML"),
        "Unsupported parse_mode",
    ),
    "no chat": (lambda b, c, m: b.send_message(1, "x"), "Chat not found"),
    "named chat": (lambda b, c, m: b.send_message("@nobody", "x"), "Chat not found"),
    "empty chat": (lambda b, c, m: b.send_message("", "x"), "Chat_id is empty"),
    "button data": (
        lambda b, c, m: b.send_message(c, "x", reply_markup=_keys("好" * 22)),
        "Button_data_invalid",
    ),
    "button without data": (
        lambda b, c, m: b.send_message(c, "x", reply_markup=_keys("")),
        "Can't parse inline keyboard button: text buttons are unallowed in the inline keyboard",
    ),
    "same edit": (lambda b, c, m: b.edit_message_text("standing", c, m), "Message is not modified"),
    "edit nothing": (
        lambda b, c, m: b.edit_message_text("x", c, 9999),
        "Message to edit not found",
    ),
    "edit a person's": (
        lambda b, c, m: b.edit_message_text("x", c, m - 1),
        "Message can't be edited",
    ),
    "edit unnamed": (
        lambda b, c, m: b.edit_message_text("x", c),
        "Message identifier is not specified",
    ),
    "reply to nothing": (
        lambda b, c, m: b.send_message(c, "x", reply_parameters=ReplyParameters(9999)),
        "Message to be replied not found",
    ),
    "topic in private": (
        lambda b, c, m: b.send_message(c, "x", message_thread_id=5),
        "Message thread not found",
    ),
    "draft id": (lambda b, c, m: b.send_message_draft(c, 0, "x"), "Random_id_invalid"),
    "action": (
        lambda b, c, m: b.send_chat_action(c, "dancing"),
        "Wrong parameter action in request",
    ),
    "old query": (
        lambda b, c, m: b.answer_callback_query("5", "x"),
        "Query is too old and response timeout expired or query id is invalid",
    ),
    "no file": (
        lambda b, c, m: b.send_document(c, "unknown"),
        "Wrong file identifier/http url specified",
    ),
    "empty file": (lambda b, c, m: b.send_document(c, b""), "File must be non-empty"),
    "no picture": (lambda b, c, m: b.send_photo(c, b"text"), "Image_process_failed"),
    "command": (
        lambda b, c, m: b.set_my_commands([BotCommand("No Good", "x")]),
        "Bot_command_invalid",
    ),
    "member": (lambda b, c, m: b.get_chat_member(c, 77), "Participant_id_invalid"),
}


@pytest.fixture
async def user(sandbox: Sandbox) -> SandboxUser:
    person = sandbox.add_user()
    await person.say("/start")
    return person


@pytest.mark.parametrize("case", REFUSED)
async def test_refused(bot: Bot, user: SandboxUser, case: str) -> None:
    act, words = REFUSED[case]
    sent = await bot.send_message(user.id, "standing")
    before = user.messages
    with pytest.raises(BadRequest) as caught:
        await act(bot, user.id, sent.message_id)
    assert words.lower() in caught.value.message.lower()
    assert user.messages == before
    assert user.drafts is None


async def test_lengths_that_just_fit(bot: Bot, user: SandboxUser) -> None:
    await bot.send_message(user.id, "😀" * 2048)
    await bot.send_message(user.id, "x" * 4096 + "   ")
    await bot.send_document(user.id, b"x", caption="😀" * 512)
    await bot.send_message(user.id, "x", reply_markup=_keys("d" * 64))
    await bot.send_message(user.id, "😀x", entities=_entity("bold", 2, 1))


async def test_people_who_cannot_be_written_to(bot: Bot, sandbox: Sandbox) -> None:
    user = sandbox.add_user()
    with pytest.raises(Forbidden, match="bot can't initiate conversation with a user"):
        await bot.send_message(user.id, "x")
    await user.say("hi")
    await bot.send_message(user.id, "x")
    await user.block()
    for act in (
        bot.send_message(user.id, "x"),
        bot.send_message_draft(user.id, 1, "x"),
        bot.send_chat_action(user.id, "typing"),
        bot.send_document(user.id, b"x"),
        bot.edit_message_text("y", user.id, 2),
    ):
        with pytest.raises(Forbidden, match="bot was blocked by the user"):
            await act
    await user.unblock()
    await bot.send_message(user.id, "x")


async def test_topics(bot: Bot, sandbox: Sandbox) -> None:
    group = sandbox.operators_chat_id
    topic = (await bot.create_forum_topic(group, "t")).message_thread_id
    plain = sandbox.add_group("plain", [sandbox.operator])
    refusals: list[tuple[Awaitable[Any], str]] = [
        (bot.send_message_draft(group, 1, "x"), "private"),
        (bot.send_message(group, "x", message_thread_id=999), "thread not found"),
        (bot.close_forum_topic(group, 999), "thread not found"),
        (bot.edit_forum_topic(group, topic, name="t"), "TOPIC_NOT_MODIFIED"),
        (bot.create_forum_topic(group, "x" * 129), "TOPIC_TITLE_TOO_LONG"),
        (bot.create_forum_topic(group, " "), "TOPIC_TITLE_EMPTY"),
        (bot.create_forum_topic(plain, "x"), "not a forum"),
    ]
    for act, words in refusals:
        with pytest.raises(BadRequest, match=f"(?i){words}"):
            await act
    await bot.delete_forum_topic(group, topic)
    with pytest.raises(BadRequest, match=r"(?i)message thread not found"):
        await bot.send_message(group, "x", message_thread_id=topic)
    await bot.leave_chat(plain)
    with pytest.raises(Forbidden, match="not a member of the supergroup"):
        await bot.send_message(plain, "x")


async def test_tokens_and_methods(sandbox: Sandbox, make_bot: BotFactory) -> None:
    with pytest.raises(InvalidToken):
        async with make_bot(sandbox, token="1:wrong"):
            pass
    async with httpx.AsyncClient(verify=False, base_url=sandbox.api_url) as client:
        wrong = await client.get("/bot1:wrong/getMe")
        assert (wrong.status_code, wrong.json()) == (
            401,
            {"ok": False, "error_code": 401, "description": "Unauthorized"},
        )
        assert (await client.get("/botnonsense/getMe")).status_code == 404
        missing = await client.get(f"/bot{sandbox.token}/getNothing")
        assert (missing.status_code, missing.json()["error_code"]) == (404, 404)
        assert (await client.get(f"/bot{sandbox.token}/GETME")).json()["ok"]
