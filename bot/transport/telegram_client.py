"""The calls that send message parts and manage topics, with `SendError` for every failure."""

import io
from collections.abc import Awaitable

import structlog
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup
from telegram.error import BadRequest, TelegramError

from bot.transport.errors import Failure, SendError, read, read_topic
from bot.transport.text_split import split
from storage.messages.body import MessageBody

log = structlog.get_logger(__name__)


def parts_of(body: MessageBody) -> list[str]:
    """Return the texts of the messages that a body becomes. A file is one message."""
    return [body.text] if body.document else split(body.text)


async def send_part(
    bot: Bot,
    chat_id: int,
    body: MessageBody,
    part: int,
    *,
    preview_message_id: int | None = None,
    thread_id: int | None = None,
    needs_thread: bool = False,
) -> int:
    """Send one part and return its message id.

    Args:
        bot: the library's bot.
        chat_id: the chat to send to.
        body: the message. Its buttons go under the last part.
        part: the index of the part, from 0.
        preview_message_id: a message to edit into the first part. If that fails, a new one is sent.
        thread_id: the topic, or None for the general one.
        needs_thread: whether to fail if the topic is gone. Otherwise the general one is used.

    Raises:
        SendError: the call failed, or may have failed.
    """
    try:
        return await _send_part(bot, chat_id, body, part, preview_message_id, thread_id)
    except SendError as error:
        if error.failure is not Failure.NO_THREAD or thread_id is None or needs_thread:
            raise
    return await _send_part(bot, chat_id, body, part, preview_message_id, None)


async def _send_part(
    bot: Bot,
    chat_id: int,
    body: MessageBody,
    part: int,
    preview_message_id: int | None,
    thread_id: int | None,
) -> int:
    texts = parts_of(body)
    markup = _keyboard(body) if part == len(texts) - 1 else None
    try:
        if body.document is not None:
            return await _send_document(bot, chat_id, body, markup, thread_id)
        edits = preview_message_id if part == 0 else None
        if edits is not None and await _edit(bot, chat_id, edits, texts[part], markup):
            return edits
        sent = await bot.send_message(
            chat_id,
            texts[part],
            reply_markup=markup,
            disable_notification=body.silent or None,
            message_thread_id=thread_id,
        )
        return sent.message_id
    except TelegramError as error:
        failed = read(error)
        if failed.failure is Failure.NO_THREAD and thread_id is None:
            failed.failure = Failure.NOT_NOW  # the general topic is closed and cannot be replaced
        raise failed from error
    except (UnicodeError, ValueError) as error:  # no request can hold this text
        raise SendError(Failure.REFUSED, type(error).__name__) from error
    except (TypeError, LookupError, AttributeError) as error:  # accepted, but the answer is odd
        raise SendError(Failure.UNKNOWN, type(error).__name__) from error


async def remove_keyboard(bot: Bot, chat_id: int, message_id: int) -> bool:
    """Remove the buttons under a message, and return False if that failed.

    It is tried once, because an old button does no harm: each press is checked again.
    """
    try:
        await bot.edit_message_reply_markup(chat_id=chat_id, message_id=message_id)
    except (TelegramError, TypeError, LookupError, AttributeError) as error:
        log.info("keyboard_not_removed", error=type(error).__name__)
        return False
    return True


async def open_topic(bot: Bot, chat_id: int, name: str) -> int:
    """Create a topic and return its id.

    Raises:
        SendError: the call failed, but the topic may exist.
    """
    try:
        return (await bot.create_forum_topic(chat_id, name)).message_thread_id
    except TelegramError as error:
        failed = read_topic(error)
        if failed.failure is Failure.NO_THREAD:
            failed.failure = Failure.NOT_NOW  # there was no topic yet that could be gone
        raise failed from error


async def rename_topic(bot: Bot, chat_id: int, thread_id: int, name: str) -> None:
    """Rename a topic. Succeeds if it already has the name or no longer exists.

    Raises:
        SendError: the call failed.
    """
    await _change_topic(bot.edit_forum_topic(chat_id, thread_id, name=name))


async def close_topic(bot: Bot, chat_id: int, thread_id: int) -> None:
    """Close a topic. Succeeds if it is already closed or no longer exists.

    Raises:
        SendError: the call failed.
    """
    await _change_topic(bot.close_forum_topic(chat_id, thread_id))


async def _change_topic(change: Awaitable[bool]) -> None:
    try:
        await change
    except TelegramError as error:
        read_as = read_topic(error)
        if read_as.failure is not Failure.NO_THREAD and "not_modified" not in str(error).lower():
            raise read_as from error


async def delete_topic(bot: Bot, chat_id: int, thread_id: int) -> None:
    """Delete a topic with all its messages. Succeeds if it no longer exists.

    Raises:
        SendError: the call failed.
    """
    try:
        await bot.delete_forum_topic(chat_id, thread_id)
    except TelegramError as error:
        read_as = read_topic(error)
        if read_as.failure is not Failure.NO_THREAD:
            raise read_as from error


async def _send_document(
    bot: Bot,
    chat_id: int,
    body: MessageBody,
    markup: InlineKeyboardMarkup | None,
    thread_id: int | None,
) -> int:
    assert body.document is not None
    content = body.document.content
    data = content.encode() if isinstance(content, str) else content
    caption, name = body.text or None, body.document.filename
    if body.document.is_picture:
        sent = await bot.send_photo(
            chat_id,
            data,
            filename=name,
            caption=caption,
            reply_markup=markup,
            message_thread_id=thread_id,
        )
    else:
        sent = await bot.send_document(
            chat_id,
            io.BytesIO(data),
            filename=name,
            caption=caption,
            reply_markup=markup,
            message_thread_id=thread_id,
        )
    return sent.message_id


async def _edit(
    bot: Bot, chat_id: int, message_id: int, text: str, markup: InlineKeyboardMarkup | None
) -> bool:
    """Edit a message, and return False if it was deleted or is too old to edit."""
    try:
        await bot.edit_message_text(
            text, chat_id=chat_id, message_id=message_id, reply_markup=markup
        )
    except BadRequest as error:
        return "not modified" in str(error)
    return True


def _keyboard(body: MessageBody) -> InlineKeyboardMarkup | None:
    if not body.buttons:
        return None
    return InlineKeyboardMarkup(
        [
            [InlineKeyboardButton(label, callback_data=data) for label, data in row]
            for row in body.buttons
        ]
    )
