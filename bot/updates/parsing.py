"""Reading an update: what kind it is, who sent it, what words it holds.

Pure: an update that cannot be read is an outcome like any other, and its words, if some can be
found, are still screened.
"""

import unicodedata
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from telegram import Message, Update

WORDS = frozenset({"退出", "结束对话", "停止", "stop", "quit", "exit"})
COMMAND = "/stop"
LONGEST = 40  # most messages are longer than any such word with its punctuation


def is_stop(text: str) -> bool:
    """Whether a whole message says nothing but that the person leaves."""
    if text.startswith("/"):
        return text.split(None, 1)[0].split("@", maxsplit=1)[0].casefold() == COMMAND
    if len(text) > LONGEST:
        return False
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(filter(str.isalnum, folded)) in WORDS


CASE = "case:"
"""How the data of buttons under a case begin."""


class UpdateKind(StrEnum):
    """What an update means to this service."""

    WORDS = "words"
    COMMAND = "command"  # also a bare word such as 退出, which means /stop
    BUTTON = "button"
    EDIT = "edit"
    UNREADABLE = "unreadable"  # sticker, voice, picture without a caption ...
    MEMBERSHIP = "membership"  # blocked, unblocked, added to a group
    OPERATORS = "operators"  # a command or an answer in the operators' chat
    GROUP = "group"
    OTHER = "other"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class ParsedUpdate:
    """An update as read.

    Attributes:
        telegram_id: the private chat it belongs to; None for groups and the unknown.
        text: words to screen; empty where there are none.
    """

    kind: UpdateKind
    telegram_id: int | None = None
    text: str = ""
    language_code: str | None = None


def parse(update: Update, operators_chat: int | None = None) -> ParsedUpdate:
    """Say what an update is.

    Args:
        update: as the library reads it.
        operators_chat: the operators' group; what they say among themselves is nobody's words.

    Raises:
        ValueError: a field is of a type that Telegram never sends; the library does not look.
    """
    reading = _read(update, operators_chat)
    if not isinstance(reading.text, str):
        raise ValueError("a text that is none")
    reading = replace(reading, text=without_surrogates(reading.text))
    language = reading.language_code
    if not (language is None or isinstance(language, str)):
        raise ValueError("a language that is none")
    if reading.telegram_id is not None and not _is_id(reading.telegram_id):
        raise ValueError("a chat without an id")
    return reading


def _read(update: Update, operators_chat: int | None) -> ParsedUpdate:
    if update.callback_query is not None:
        query = update.callback_query
        if is_case(update):  # an operator's act, wherever they press
            return ParsedUpdate(UpdateKind.BUTTON)
        private = query.message is None or query.message.chat.type == "private"
        return ParsedUpdate(
            UpdateKind.BUTTON,
            query.from_user.id if private else None,
            language_code=query.from_user.language_code,
        )
    if update.my_chat_member is not None:
        change = update.my_chat_member
        private = change.chat.type == "private"
        return ParsedUpdate(UpdateKind.MEMBERSHIP, change.chat.id if private else None)
    message = update.message or update.edited_message
    if message is None or message.from_user is None:
        return ParsedUpdate(UpdateKind.OTHER)
    if message.chat.type != "private":
        acts = message.chat.id == operators_chat and _is_act(message)
        return ParsedUpdate(UpdateKind.OPERATORS if acts else UpdateKind.GROUP)
    text = message.text or message.caption or ""
    return ParsedUpdate(
        _kind(update, message, text), message.chat.id, text, message.from_user.language_code
    )


def _kind(update: Update, message: Message, text: str) -> UpdateKind:
    if update.edited_message is not None:
        return (
            UpdateKind.EDIT if text.strip() else UpdateKind.OTHER
        )  # a live location moves every moment
    if message.text and (message.text.startswith("/") or is_stop(message.text)):
        return UpdateKind.COMMAND
    return UpdateKind.WORDS if text.strip() else UpdateKind.UNREADABLE


def is_case(update: Update) -> bool:
    """Whether a button under a case was pressed."""
    return update.callback_query is not None and (update.callback_query.data or "").startswith(CASE)


def is_wordless(update: Update) -> bool:
    """Whether it is a message without text or caption."""
    message = update.message
    return message is not None and not (message.text or message.caption or "").strip()


def _is_act(message: Message) -> bool:
    """Whether operators ask the bot for something: a command, or an answer to its words.

    The first message of a topic is the bot's, and everything in the topic answers it.
    """
    answered = message.reply_to_message
    return (message.text or message.caption or "").startswith("/") or (
        answered is not None
        and answered.from_user is not None
        and answered.from_user.is_bot
        and answered.forum_topic_created is None
    )


def parse_leniently(raw: object) -> ParsedUpdate:
    """Find the chat and the words in an update that the library cannot parse."""
    message = _dict(_dict(raw).get("message")) or _dict(_dict(raw).get("edited_message"))
    chat = _dict(message.get("chat"))
    text = message.get("text") or message.get("caption") or ""
    telegram_id = chat.get("id")
    private = chat.get("type") == "private"
    return ParsedUpdate(
        UpdateKind.MALFORMED,
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
