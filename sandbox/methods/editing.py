"""Methods that change or remove messages."""

from __future__ import annotations

from typing import Any

from sandbox.account import BotAccount
from sandbox.errors import NOT_MODIFIED, bad_request
from sandbox.keyboards import ChatKeyboard
from sandbox.methods.compose import read_caption, read_keyboard, read_text
from sandbox.model import ChatMessage
from sandbox.parameters import Parameters
from sandbox.text import Entity

MAX_DELETED_AT_ONCE = 100


async def edit_message_text(account: BotAccount, parameters: Parameters) -> dict[str, Any]:
    """Replace the text and the keyboard."""
    text, entities = read_text(parameters, too_long="MESSAGE_TOO_LONG")
    message = _own_message(account, parameters)
    if message.attachment is not None:
        raise bad_request("there is no text in the message to edit")
    return _apply(account, message, text, entities, read_keyboard(parameters))


async def edit_message_caption(account: BotAccount, parameters: Parameters) -> dict[str, Any]:
    """Replace the caption of a file."""
    caption, entities = read_caption(parameters)
    message = _own_message(account, parameters)
    if message.attachment is None:
        raise bad_request("there is no caption in the message to edit")
    return _apply(account, message, caption, entities, read_keyboard(parameters))


async def edit_message_reply_markup(account: BotAccount, parameters: Parameters) -> dict[str, Any]:
    """Replace the keyboard."""
    message = _own_message(account, parameters)
    keyboard = read_keyboard(parameters)
    return _apply(account, message, message.text, message.entities, keyboard)


async def delete_message(account: BotAccount, parameters: Parameters) -> bool:
    """Take a message away."""
    chat = account.writable_chat(parameters)
    message = account.message(parameters, chat, "message to delete not found")
    account.world.remove_message(chat, message.message_id)
    return True


async def delete_messages(account: BotAccount, parameters: Parameters) -> bool:
    """Take several messages away and skip the missing ones."""
    chat = account.writable_chat(parameters)
    wanted = parameters.json("message_ids")
    if not isinstance(wanted, list) or not wanted:
        raise bad_request("message identifiers are not specified")
    if len(wanted) > MAX_DELETED_AT_ONCE:
        raise bad_request("too many message identifiers specified")
    for message_id in wanted:
        if isinstance(message_id, int) and message_id in chat.messages:
            account.world.remove_message(chat, message_id)
    return True


def _own_message(account: BotAccount, parameters: Parameters) -> ChatMessage:
    chat = account.writable_chat(parameters)
    message = account.message(parameters, chat, "message to edit not found")
    if not message.from_bot or message.service:
        raise bad_request("message can't be edited")
    return message


def _apply(
    account: BotAccount,
    message: ChatMessage,
    text: str,
    entities: list[Entity],
    keyboard: ChatKeyboard,
) -> dict[str, Any]:
    before = (message.text, message.entities, message.keyboard)
    if before == (text, entities, keyboard):
        raise bad_request(NOT_MODIFIED)
    account.flood_control.charge_send(message.chat_id, group=message.chat_id < 0)
    if (text, entities) != before[:2]:
        message.edited_at = int(account.world.now())
    message.text, message.entities, message.keyboard = text, entities, keyboard
    account.world.touch(message)
    return account.world.message_json(message)


METHODS = {
    "editMessageText": edit_message_text,
    "editMessageCaption": edit_message_caption,
    "editMessageReplyMarkup": edit_message_reply_markup,
    "deleteMessage": delete_message,
    "deleteMessages": delete_messages,
}
