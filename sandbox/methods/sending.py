"""Methods that send something new.

They check in Telegram's order: words, chat, topic. The limits count only what passes.
"""

import struct
from typing import Any

from sandbox.account import BotAccount
from sandbox.errors import bad_request
from sandbox.methods.compose import read_caption, read_keyboard, read_reply, read_text
from sandbox.model import Attachment, ChatMessage, MessageDraft
from sandbox.parameters import Parameters
from sandbox.text import MAX_TEXT_UNITS, units

MAX_PHOTO_BYTES = 10 * 1024 * 1024
MAX_FILE_BYTES = 50 * 1024 * 1024
_ACTIONS = frozenset(
    [
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    ]
)


async def send_message(account: BotAccount, parameters: Parameters) -> dict[str, Any]:
    """Send text, which replaces the draft of a private chat."""
    text, entities = read_text(parameters)
    return _send(account, parameters, text=text, entities=entities)


async def send_message_draft(account: BotAccount, parameters: Parameters) -> bool:
    """Show a reply that the bot is still writing."""
    draft_id = parameters.integer("draft_id")
    if draft_id == 0:
        raise bad_request("RANDOM_ID_INVALID")
    text = parameters.text("text")
    if text:
        text, _ = read_text(parameters)
    if units(text) > MAX_TEXT_UNITS:
        raise bad_request("message is too long")
    chat = account.writable_chat(parameters)
    if not chat.is_private:
        raise bad_request("chat must be private to use message drafts")
    account.topic(parameters, chat)
    account.flood_control.charge_signal(chat.id)
    chat.draft = MessageDraft(draft_id, text, account.world.now())
    chat.draft_history.append(text)
    account.world.changes.publish()
    return True


async def send_document(account: BotAccount, parameters: Parameters) -> dict[str, Any]:
    """Send a file."""
    return _send_file(account, parameters, "document", MAX_FILE_BYTES)


async def send_photo(account: BotAccount, parameters: Parameters) -> dict[str, Any]:
    """Send a picture."""
    return _send_file(account, parameters, "photo", MAX_PHOTO_BYTES)


async def send_chat_action(account: BotAccount, parameters: Parameters) -> bool:
    """Show that the bot is busy."""
    action = parameters.text("action")
    if action not in _ACTIONS:
        raise bad_request("wrong parameter action in request")
    chat = account.writable_chat(parameters)
    account.topic(parameters, chat)
    account.flood_control.charge_signal(chat.id)
    chat.action, chat.action_at = action, account.world.now()
    account.world.changes.publish()
    return True


async def answer_callback_query(account: BotAccount, parameters: Parameters) -> bool:
    """Answer a press with a notice or silently."""
    text = parameters.text("text")
    if units(text) > 200:
        raise bad_request("MESSAGE_TOO_LONG")
    person_id = account.world.presses.get(parameters.text("callback_query_id"))
    if person_id is None:
        raise bad_request("query is too old and response timeout expired or query ID is invalid")
    if text:
        person = account.world.people[person_id]
        account.world.show_toast(person, text, alert=parameters.boolean("show_alert"))
    return True


def _send(account: BotAccount, parameters: Parameters, **fields: Any) -> dict[str, Any]:
    chat = account.writable_chat(parameters)
    topic = account.topic(parameters, chat)
    keyboard = read_keyboard(parameters)
    reply_to = read_reply(parameters, chat)
    account.flood_control.charge_send(chat.id, group=not chat.is_private)
    chat.draft, chat.action = None, ""
    message: ChatMessage = account.world.add_message(
        chat,
        int(account.world.bot["id"]),
        keyboard=keyboard,
        thread_id=topic.thread_id if topic else None,
        reply_to=reply_to,
        **fields,
    )
    return account.world.message_json(message)


def _send_file(
    account: BotAccount, parameters: Parameters, kind: str, most_bytes: int
) -> dict[str, Any]:
    caption, entities = read_caption(parameters)
    account.writable_chat(parameters)
    attachment = _attachment(account, parameters, kind, most_bytes)
    return _send(account, parameters, text=caption, entities=entities, attachment=attachment)


def _attachment(
    account: BotAccount, parameters: Parameters, kind: str, most_bytes: int
) -> Attachment:
    named = parameters.text(kind)
    upload = parameters.files.get(named.removeprefix("attach://") if named else kind)
    if upload is None:
        if not named:
            raise bad_request(f"there is no {kind} in the request")
        if named not in account.world.files:
            raise bad_request("wrong file identifier/HTTP URL specified")
        return account.world.files[named]
    if not upload.content:
        raise bad_request("file must be non-empty")
    if len(upload.content) > most_bytes:
        raise bad_request(f"file of size {len(upload.content)} bytes is too big for a {kind}")
    size = {}
    if kind == "photo":
        width, height = picture_size(upload.content)
        size = {"width": width, "height": height}
    return account.world.keep_file(
        kind, upload.filename, upload.content_type, upload.content, **size
    )


def picture_size(content: bytes) -> tuple[int, int]:
    """Read the width and height of a PNG, or guess those of other pictures.

    Raises:
        ApiError: this is not a picture.
    """
    if content.startswith(b"\x89PNG\r\n\x1a\n") and len(content) >= 24:
        width, height = struct.unpack(">II", content[16:24])
        return int(width), int(height)
    if content.startswith((b"\xff\xd8\xff", b"GIF8")) or content[8:12] == b"WEBP":
        return 640, 480
    raise bad_request("IMAGE_PROCESS_FAILED")


METHODS = {
    "sendMessage": send_message,
    "sendMessageDraft": send_message_draft,
    "sendDocument": send_document,
    "sendPhoto": send_photo,
    "sendChatAction": send_chat_action,
    "answerCallbackQuery": answer_callback_query,
}
