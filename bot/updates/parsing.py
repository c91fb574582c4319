"""The parsing of an update: its kind, its sender and its text.

An update that cannot be parsed is an outcome too. Any text found in it is still screened.
"""

import unicodedata
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from telegram import Message, Update

WORDS = frozenset({"退出", "结束对话", "停止", "stop", "quit", "exit"})
COMMAND = "/stop"
# Most messages are longer than any of these words with its punctuation.
LONGEST = 40


def is_stop(text: str) -> bool:
    """Return whether a message says only that the person leaves."""
    if text.startswith("/"):
        return text.split(None, 1)[0].split("@", maxsplit=1)[0].casefold() == COMMAND
    if len(text) > LONGEST:
        return False
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(filter(str.isalnum, folded)) in WORDS


# The data of buttons under a case start with this.
CASE = "case:"
# The data of buttons that ask for a human or for numbers start with this.
REQUEST = "ask:"
REQUEST_COMMANDS = ("/human", "/sos")


class UpdateKind(StrEnum):
    """What an update means to this service."""

    WORDS = "words"
    COMMAND = "command"  # includes a bare word such as 退出, which means /stop
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
    """A parsed update.

    Attributes:
        telegram_id: the private chat, or None for groups and unknown chats.
        text: the text to screen, perhaps empty.
    """

    kind: UpdateKind
    telegram_id: int | None = None
    text: str = ""
    language_code: str | None = None


def parse(update: Update, operators_chat: int | None = None) -> ParsedUpdate:
    """Parse an update.

    Args:
        update: the library's update.
        operators_chat: the operators' group, whose messages are not kept as a person's text.

    Raises:
        ValueError: a field has a type that Telegram never sends. The library does not check.
    """
    reading = _read(update, operators_chat)
    if not isinstance(reading.text, str):
        raise ValueError("text must be a string")
    reading = replace(reading, text=without_surrogates(reading.text))
    language = reading.language_code
    if not (language is None or isinstance(language, str)):
        raise ValueError("language_code must be a string")
    if reading.telegram_id is not None and not _is_id(reading.telegram_id):
        raise ValueError("chat.id must be a Telegram id")
    return reading


def _read(update: Update, operators_chat: int | None) -> ParsedUpdate:
    if update.callback_query is not None:
        query = update.callback_query
        if is_case(update):  # an operator's action, in any chat
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
        )  # a live location is edited all the time
    if message.text and (message.text.startswith("/") or is_stop(message.text)):
        return UpdateKind.COMMAND
    return UpdateKind.WORDS if text.strip() else UpdateKind.UNREADABLE


def is_case(update: Update) -> bool:
    """Return whether a button under a case was pressed."""
    return update.callback_query is not None and (update.callback_query.data or "").startswith(CASE)


def is_request(update: Update) -> bool:
    """Return whether the update asks for a human or for numbers by a command or a button."""
    if update.callback_query is not None:
        return (update.callback_query.data or "").startswith(REQUEST)
    text = (update.message.text or "") if update.message is not None else ""
    return text.startswith("/") and text.split(None, 1)[0].split("@")[0] in REQUEST_COMMANDS


def is_wordless(update: Update) -> bool:
    """Return whether the update is a message without text or caption."""
    message = update.message
    return message is not None and not (message.text or message.caption or "").strip()


def _is_act(message: Message) -> bool:
    """Return whether operators address the bot: with a command, or with a reply to its message.

    Every message of a topic replies to the topic's first message, which does not count.
    """
    answered = message.reply_to_message
    return (message.text or message.caption or "").startswith("/") or (
        answered is not None
        and answered.from_user is not None
        and answered.from_user.is_bot
        and answered.forum_topic_created is None
    )


def parse_leniently(raw: object) -> ParsedUpdate:
    """Find the chat and the text in an update that the library cannot parse."""
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
    """Return the update's id, or None if it has no usable one."""
    value = _dict(raw).get("update_id")
    usable = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63
    return value if usable else None


def without_surrogates(text: str) -> str:
    """Replace lone surrogates, which JSON can carry but UTF-8 cannot."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _is_id(value: object) -> bool:
    """Return whether a value can be a person's Telegram id, which has at most 52 bits."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**52


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
