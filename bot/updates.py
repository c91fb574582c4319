"""Reading an update: what kind it is, who sent it, what words it holds.

Knows nothing of storage or of what follows. Pure: an update that cannot be read is
an outcome like any other, and its words, if some can be found, are still screened.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from telegram import Message, Update

from bot.stop_words import is_stop


class Kind(StrEnum):
    """What an update means to this service."""

    WORDS = "words"
    COMMAND = "command"  # also a bare word such as 退出, which means /stop
    BUTTON = "button"
    EDIT = "edit"
    UNREADABLE = "unreadable"  # sticker, voice, picture without a caption ...
    MEMBERSHIP = "membership"  # blocked, unblocked, added to a group
    GROUP = "group"
    OTHER = "other"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class Reading:
    """An update as read.

    Attributes:
        telegram_id: the private chat it belongs to; None for groups and the unknown.
        text: words to screen; empty where there are none.
    """

    kind: Kind
    telegram_id: int | None = None
    text: str = ""
    language_code: str | None = None


def read(update: Update) -> Reading:
    """Say what an update is.

    Raises:
        ValueError: a field is of a type that Telegram never sends; the library does not look.
    """
    reading = _read(update)
    if not isinstance(reading.text, str):
        raise ValueError("a text that is none")
    reading = replace(reading, text=without_surrogates(reading.text))
    language = reading.language_code
    if not (language is None or isinstance(language, str)):
        raise ValueError("a language that is none")
    if reading.telegram_id is not None and not _is_id(reading.telegram_id):
        raise ValueError("a chat without an id")
    return reading


def _read(update: Update) -> Reading:
    if update.callback_query is not None:
        query = update.callback_query
        private = query.message is None or query.message.chat.type == "private"
        return Reading(
            Kind.BUTTON,
            query.from_user.id if private else None,
            language_code=query.from_user.language_code,
        )
    if update.my_chat_member is not None:
        change = update.my_chat_member
        private = change.chat.type == "private"
        return Reading(Kind.MEMBERSHIP, change.chat.id if private else None)
    message = update.message or update.edited_message
    if message is None or message.from_user is None:
        return Reading(Kind.OTHER)
    if message.chat.type != "private":
        return Reading(Kind.GROUP)
    text = message.text or message.caption or ""
    return Reading(
        _kind(update, message, text), message.chat.id, text, message.from_user.language_code
    )


def _kind(update: Update, message: Message, text: str) -> Kind:
    if update.edited_message is not None:
        return Kind.EDIT
    if message.text and (message.text.startswith("/") or is_stop(message.text)):
        return Kind.COMMAND
    return Kind.WORDS if text.strip() else Kind.UNREADABLE


def salvage(raw: object) -> Reading:
    """Find the chat and the words in an update that the library cannot parse."""
    message = _dict(_dict(raw).get("message")) or _dict(_dict(raw).get("edited_message"))
    chat = _dict(message.get("chat"))
    text = message.get("text") or message.get("caption") or ""
    telegram_id = chat.get("id")
    private = chat.get("type") == "private"
    return Reading(
        Kind.MALFORMED,
        telegram_id if private and _is_id(telegram_id) else None,
        without_surrogates(text) if isinstance(text, str) else "",
    )


def update_id_of(raw: object) -> int | None:
    """The update's id, or None where it has no usable one."""
    value = _dict(raw).get("update_id")
    usable = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63
    return value if usable else None


def without_surrogates(text: str) -> str:
    """Replace halves of characters, which JSON can carry and nothing can encode."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _is_id(value: object) -> bool:
    """Whether it can be a person's Telegram id: they have at most 52 significant bits."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**52


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
