"""The methods that edit a message."""

from typing import Any

from sandbox.account import BotAccount
from sandbox.errors import NOT_MODIFIED, bad_request
from sandbox.keyboards import ChatKeyboard
from sandbox.methods.compose import read_keyboard, read_text
from sandbox.model import ChatMessage
from sandbox.parameters import Parameters
from sandbox.text import Entity


async def edit_message_text(account: BotAccount, parameters: Parameters) -> dict[str, Any]:
    """Replace the text and the keyboard."""
    text, entities = read_text(parameters, too_long="MESSAGE_TOO_LONG")
    message = _own_message(account, parameters)
    if message.attachment is not None:
        raise bad_request("there is no text in the message to edit")
    return _apply(account, message, text, entities, read_keyboard(parameters))


async def edit_message_reply_markup(account: BotAccount, parameters: Parameters) -> dict[str, Any]:
    """Replace the keyboard alone."""
    message = _own_message(account, parameters)
    return _apply(account, message, message.text, message.entities, read_keyboard(parameters))


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
    "editMessageReplyMarkup": edit_message_reply_markup,
}
