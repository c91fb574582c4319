"""One message part or topic to Telegram, and what its answer means. The only reader of its errors.

Knows nothing of rows, order or pace. Every failure is turned into one `SendError` that
carries the decision: whether the words may have arrived, whether to try again and when.
"""

import io
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from bot.splitting import split
from storage.body import Body

# How python-telegram-bot words an answer of the server that proves nothing was sent. A
# gateway's time-out (504) is not among them: the server behind it may have gone on.
NOT_SENT = ("Bad Gateway", "Internal Server Error", "Service Unavailable", "(503)")
# Nor did anything leave where no connection came about.
NOT_CONNECTED = ("ConnectError", "ConnectTimeout")


# How Telegram words a chat that is not there or closed to the bot.
NO_CHAT = (
    "chat not found",
    "not enough rights",
    "need administrator rights",
    "chat_write_forbidden",
)
# How it words a topic that is gone, or that only those may write in who may manage topics.
NO_THREAD = ("thread not found", "topic_id_invalid", "topic_deleted", "topic_closed")
# Why no topic can be made: the group has none, or the bot may not.
NO_TOPICS = ("not a forum", "not enough rights", "need administrator rights", "chat_admin_required")


class Failure(StrEnum):
    """What a failed attempt means."""

    UNKNOWN = "unknown"  # it may have arrived
    LATER = "later"  # nothing was sent; try again
    BLOCKED = "blocked"  # the person blocked the bot
    UNREACHABLE = "unreachable"  # the chat is not there, or the bot may not write in it
    REFUSED = "refused"  # Telegram will never take these words
    MOVED = "moved"  # the group has a new id
    NO_THREAD = "no_thread"  # the topic is gone
    NO_TOPICS = "no_topics"  # the group has no topics, or the bot may not manage them


@dataclass(eq=False)
class SendError(Exception):
    """An attempt failed.

    Attributes:
        failure: what that means.
        name: the library's name of the error, for the record.
        retry_after_s: how long Telegram asks to wait, where it does.
        moved_to: the group's new id, where it moved.
    """

    failure: Failure
    name: str
    retry_after_s: float | None = None
    moved_to: int | None = None


def parts_of(body: Body) -> list[str]:
    """The texts of the messages that a body becomes; a file is one."""
    return [body.text] if body.document else split(body.text)


async def send_part(
    bot: Bot,
    chat_id: int,
    body: Body,
    part: int,
    *,
    preview_message_id: int | None = None,
    thread_id: int | None = None,
) -> int:
    """Send one part; return its message id.

    Args:
        bot: the library's bot.
        chat_id: to whom.
        body: what is said; its buttons go under the last part.
        part: which part, from 0.
        preview_message_id: a message that becomes the first part by an edit.
        thread_id: the topic of a group; None for the general one.

    Raises:
        SendError: it failed, or may have.
    """
    texts = parts_of(body)
    markup = _keyboard(body) if part == len(texts) - 1 else None
    try:
        if body.document is not None:
            return await _send_document(bot, chat_id, body, markup)
        if part == 0 and preview_message_id is not None:
            return await _edit(bot, chat_id, preview_message_id, texts[part], markup)
        sent = await bot.send_message(
            chat_id,
            texts[part],
            reply_markup=markup,
            disable_notification=body.silent or None,
            message_thread_id=thread_id,
        )
        return sent.message_id
    except TelegramError as error:
        raise read(error) from error
    except (UnicodeError, ValueError) as error:  # words that cannot even be put into a request
        raise SendError(Failure.REFUSED, type(error).__name__) from error


async def open_topic(bot: Bot, chat_id: int, name: str) -> int:
    """Make a topic; return its id.

    Raises:
        SendError: it failed, or a topic may have been made.
    """
    try:
        return (await bot.create_forum_topic(chat_id, name)).message_thread_id
    except TelegramError as error:
        raise _read_topic(error) from error


async def rename_topic(bot: Bot, chat_id: int, thread_id: int, name: str) -> None:
    """Give a topic another name; one that has it already, or is gone, is well.

    Raises:
        SendError: it failed.
    """
    await _change_topic(bot.edit_forum_topic(chat_id, thread_id, name=name))


async def close_topic(bot: Bot, chat_id: int, thread_id: int) -> None:
    """Close a topic; one that is closed or gone is well.

    Raises:
        SendError: it failed.
    """
    await _change_topic(bot.close_forum_topic(chat_id, thread_id))


async def _change_topic(change: Awaitable[bool]) -> None:
    try:
        await change
    except TelegramError as error:
        read_as = _read_topic(error)
        if read_as.failure is not Failure.NO_THREAD and "not_modified" not in str(error).lower():
            raise read_as from error


async def delete_topic(bot: Bot, chat_id: int, thread_id: int) -> None:
    """Delete a topic with everything in it; one that is gone is well.

    Raises:
        SendError: it failed.
    """
    try:
        await bot.delete_forum_topic(chat_id, thread_id)
    except TelegramError as error:
        read_as = _read_topic(error)
        if read_as.failure is not Failure.NO_THREAD:
            raise read_as from error


def _read_topic(error: TelegramError) -> SendError:
    """As `read`, for calls about topics: what is refused for want of rights can be told apart."""
    if isinstance(error, BadRequest) and any(sign in str(error).lower() for sign in NO_TOPICS):
        return SendError(Failure.NO_TOPICS, type(error).__name__)
    return read(error)


async def _send_document(
    bot: Bot, chat_id: int, body: Body, markup: InlineKeyboardMarkup | None
) -> int:
    assert body.document is not None
    content = body.document.content
    data = content.encode() if isinstance(content, str) else content
    caption, name = body.text or None, body.document.filename
    if body.document.is_picture:
        sent = await bot.send_photo(
            chat_id, data, filename=name, caption=caption, reply_markup=markup
        )
    else:
        sent = await bot.send_document(
            chat_id, io.BytesIO(data), filename=name, caption=caption, reply_markup=markup
        )
    return sent.message_id


async def _edit(
    bot: Bot, chat_id: int, message_id: int, text: str, markup: InlineKeyboardMarkup | None
) -> int:
    try:
        await bot.edit_message_text(
            text, chat_id=chat_id, message_id=message_id, reply_markup=markup
        )
    except BadRequest as error:
        if "not modified" in str(error):
            return message_id
        # The person deleted the preview, or it is too old to edit: the words still go out.
        return (await bot.send_message(chat_id, text, reply_markup=markup)).message_id
    return message_id


def _keyboard(body: Body) -> InlineKeyboardMarkup | None:
    if not body.buttons:
        return None
    return InlineKeyboardMarkup(
        [
            [InlineKeyboardButton(label, callback_data=data) for label, data in row]
            for row in body.buttons
        ]
    )


def read(error: TelegramError) -> SendError:
    """Say what an error of the library means."""
    name = type(error).__name__
    if isinstance(error, RetryAfter):
        after = error.retry_after
        wait_s = after.total_seconds() if isinstance(after, timedelta) else float(after)
        return SendError(Failure.LATER, name, retry_after_s=wait_s)
    if isinstance(error, ChatMigrated):
        return SendError(Failure.MOVED, name, moved_to=error.new_chat_id)
    if isinstance(error, Forbidden):
        return SendError(Failure.BLOCKED, name)
    if isinstance(error, BadRequest):
        return SendError(_refused(str(error).lower()), name)
    if isinstance(error, InvalidToken):
        return SendError(Failure.UNREACHABLE, name)
    return SendError(Failure.UNKNOWN if _may_have_arrived(error) else Failure.LATER, name)


def _refused(text: str) -> Failure:
    for failure, signs in ((Failure.NO_THREAD, NO_THREAD), (Failure.UNREACHABLE, NO_CHAT)):
        if any(sign in text for sign in signs):
            return failure
    return Failure.REFUSED


def _may_have_arrived(error: TelegramError) -> bool:
    text = str(error)
    # For a time-out only the cause tells whether it was in connecting.
    if type(error.__cause__).__name__ in NOT_CONNECTED:
        return False
    if isinstance(error, TimedOut):
        return "Pool timeout" not in text
    if isinstance(error, NetworkError):
        return not any(sign in text for sign in (*NOT_SENT, *NOT_CONNECTED))
    return False
