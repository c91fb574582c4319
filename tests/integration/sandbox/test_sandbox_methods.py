"""Each method's answer parses in python-telegram-bot and means what it should."""

from __future__ import annotations

import datetime as dtm

import pytest
from telegram import (
    Bot,
    BotCommand,
    Chat,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputFile,
    MessageEntity,
    ReplyParameters,
)

from sandbox import Sandbox, SandboxUser
from sandbox.person import SAMPLE_PHOTO


@pytest.fixture
async def user(sandbox: Sandbox) -> SandboxUser:
    person = sandbox.add_user(4242, first_name="小雨")
    await person.say("/start")
    return person


async def test_get_me(bot: Bot, sandbox: Sandbox) -> None:
    me = await bot.get_me()
    assert me.is_bot
    assert me.id == int(sandbox.token.split(":")[0])
    assert me.can_read_all_group_messages


async def test_message_with_everything(bot: Bot, user: SandboxUser) -> None:
    first = await bot.send_message(user.id, "first")
    keys = InlineKeyboardMarkup([[InlineKeyboardButton("好", callback_data="ok:1")]])
    sent = await bot.send_message(
        user.id,
        "😀 bold",
        entities=[MessageEntity("bold", 3, 4)],
        reply_markup=keys,
        reply_parameters=ReplyParameters(first.message_id),
    )
    assert sent.chat.type == Chat.PRIVATE
    assert sent.parse_entities() == {sent.entities[0]: "bold"}
    assert sent.reply_to_message is not None
    assert sent.reply_to_message.message_id == first.message_id
    assert sent.reply_markup == keys
    assert abs(sent.date - dtm.datetime.now(dtm.UTC)) < dtm.timedelta(seconds=5)
    seen = user.messages[-1]
    assert (seen.text, seen.buttons, seen.reply_to) == ("😀 bold", [[("好", "ok:1")]], first.id)


async def test_white_space_is_trimmed_and_entities_move(bot: Bot, user: SandboxUser) -> None:
    sent = await bot.send_message(user.id, "  hi \n", entities=[MessageEntity("bold", 2, 2)])
    assert sent.text == "hi"
    assert (sent.entities[0].offset, sent.entities[0].length) == (0, 2)


async def test_draft_gives_way_to_the_final_message(bot: Bot, user: SandboxUser) -> None:
    assert await bot.send_message_draft(user.id, 7, "I am")
    assert await bot.send_message_draft(user.id, 7, "I am here")
    assert user.drafts == "I am here"
    await bot.send_message(user.id, "I am here.")
    assert user.drafts is None
    assert user.draft_history == ["I am", "I am here"]
    assert [m.text for m in user.messages if m.from_bot] == ["I am here."]


async def test_edits(bot: Bot, user: SandboxUser) -> None:
    keys = InlineKeyboardMarkup([[InlineKeyboardButton("a", callback_data="a")]])
    sent = await bot.send_message(user.id, "one", reply_markup=keys)
    edited = await bot.edit_message_text("two", user.id, sent.message_id)
    assert not isinstance(edited, bool)
    assert edited.text == "two"
    assert edited.edit_date is not None
    assert user.messages[-1].buttons == []
    assert user.messages[-1].edited


async def test_files(bot: Bot, user: SandboxUser) -> None:
    sent = await bot.send_document(user.id, InputFile(b"{}", "数据.json"), caption="export")
    assert sent.document is not None
    assert (sent.document.file_name, sent.document.file_size) == ("数据.json", 2)
    assert user.messages[-1].document == ("数据.json", b"{}")
    again = await bot.send_document(user.id, sent.document.file_id)
    assert again.document == sent.document
    photo = await bot.send_photo(user.id, SAMPLE_PHOTO.read_bytes(), caption="p")
    assert (photo.photo[0].width, photo.photo[0].height) == (360, 240)


async def test_callback_query(bot: Bot, sandbox: Sandbox, user: SandboxUser) -> None:
    keys = InlineKeyboardMarkup([[InlineKeyboardButton("Yes", callback_data="y:12")]])
    sent = await bot.send_message(user.id, "well?", reply_markup=keys)
    await user.press("Yes")
    query = (await bot.get_updates())[-1].callback_query
    assert query is not None
    assert query.message is not None
    assert (query.data, query.message.message_id) == ("y:12", sent.message_id)
    assert query.from_user.id == user.id
    assert await bot.answer_callback_query(query.id, "thanks", show_alert=True)
    assert user.toasts == ["thanks"]
    with pytest.raises(LookupError):
        await user.press("No")


async def test_chats_and_members(bot: Bot, sandbox: Sandbox, user: SandboxUser) -> None:
    private = await bot.get_chat(user.id)
    assert (private.type, private.first_name) == ("private", "小雨")
    group = await bot.get_chat(sandbox.operators_chat_id)
    assert group.is_forum
    assert group.title == "PICA operators"
    me = await bot.get_chat_member(group.id, bot.id)
    assert me.status == "administrator"
    assert me.can_manage_topics  # type: ignore[attr-defined]
    operator = await bot.get_chat_member(group.id, sandbox.operator.id)
    assert operator.status == "creator"
    assert (await bot.get_chat_member(group.id, user.id)).status == "left"


async def test_topics(bot: Bot, sandbox: Sandbox) -> None:
    group = sandbox.operators_chat_id
    topic = await bot.create_forum_topic(group, "Case 1")
    sent = await bot.send_message(group, "hello", message_thread_id=topic.message_thread_id)
    assert sent.is_topic_message
    assert sent.message_thread_id == topic.message_thread_id
    assert await bot.edit_forum_topic(group, topic.message_thread_id, name="Case 1 done")
    assert sandbox.topics(group) == {topic.message_thread_id: "Case 1 done"}
    assert await bot.close_forum_topic(group, topic.message_thread_id)
    assert await bot.delete_forum_topic(group, topic.message_thread_id)
    assert sandbox.operator.messages_in(group) == []


async def test_group_messages_carry_their_topic(bot: Bot, sandbox: Sandbox) -> None:
    group = sandbox.operators_chat_id
    topic = await bot.create_forum_topic(group, "Case 1")
    await sandbox.operator.say_in_group(group, "take over", thread_id=topic.message_thread_id)
    message = (await bot.get_updates())[-1].message
    assert message is not None
    assert (message.chat.type, message.chat.is_forum) == ("supergroup", True)
    assert message.message_thread_id == topic.message_thread_id
    assert message.reply_to_message is not None
    assert message.reply_to_message.forum_topic_created is not None
    keys = InlineKeyboardMarkup([[InlineKeyboardButton("Claim", callback_data="c")]])
    await bot.send_message(group, "case", reply_markup=keys)
    await sandbox.operator.press_in_group(group, "Claim")
    assert (await bot.get_updates())[-1].callback_query is not None


async def test_commands_actions_and_leaving(bot: Bot, sandbox: Sandbox, user: SandboxUser) -> None:
    commands = [BotCommand("start", "begin"), BotCommand("help", "帮助")]
    assert await bot.set_my_commands(commands, language_code="zh")
    assert await bot.send_chat_action(user.id, "typing")
    assert user.chat_action == "typing"
    assert await bot.leave_chat(sandbox.operators_chat_id)


async def test_what_people_send_parses(bot: Bot, user: SandboxUser) -> None:
    await bot.get_updates(offset=-1)
    said = await user.say("see https://a.example and /help 😀")
    await user.edit(said, "see /help")
    await user.send_sticker()
    await user.send_voice("v")
    await user.send_photo("p")
    await user.send_document()
    await user.send_location()
    await user.send_contact()
    await user.block()
    await user.unblock()
    updates = (await bot.get_updates())[1:]
    assert updates[1].edited_message is not None
    assert updates[1].edited_message.edit_date is not None
    messages = [update.message for update in updates if update.message is not None]
    assert [entity.type for entity in messages[0].entities] == ["url", "bot_command"]
    assert messages[1].sticker is not None
    assert messages[2].voice is not None
    assert messages[3].caption == "p"
    assert messages[4].document is not None
    assert messages[5].location is not None
    assert messages[6].contact is not None
    changes = [u.my_chat_member for u in updates if u.my_chat_member is not None]
    assert [c.new_chat_member.status for c in changes] == ["kicked", "member"]
