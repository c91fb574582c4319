"""The parsing of an update: its kind, its sender and its text.

An update that cannot be parsed is an outcome too. Any text found in it is still screened.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from telegram import Message, Update

from bot.updates.quotes import Quote, quote_of
from storage.messages.inbox import SourceMessage
from storage.messages.sent import KINDS

WORDS = frozenset({"退出", "结束对话", "停止", "stop", "quit", "exit"})
COMMAND = "/stop"
# Most messages are longer than any of these words with its punctuation.
LONGEST = 40
# What Telegram takes for a command at the start of a text.
_COMMAND = re.compile(r"/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{1,64})?(?![A-Za-z0-9_])")
# Letters that show nothing, though Unicode counts them as letters or symbols.
FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0\ufffc")
# Categories of characters that show nothing by themselves.
UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Mn", "Me", "Zs", "Zl", "Zp"})


def command_length(text: str) -> int:
    """Return the length of the command at the start of a text, or 0."""
    command = _COMMAND.match(text)
    return command.end() if command else 0


def is_blank(text: str) -> bool:
    """Return whether nothing of a text can be seen."""
    return all(c in FILLERS or unicodedata.category(c) in UNSEEN for c in text)


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
# The data of buttons of trusted contacts start with this.
CONTACT = "contact:"
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
        source: the message of a private chat.
        quote: what the message quotes or replies to.
    """

    kind: UpdateKind
    telegram_id: int | None = None
    text: str = ""
    language_code: str | None = None
    source: SourceMessage | None = None
    quote: Quote | None = None


def parse(update: Update, operators_chat: int | None = None, raw: object = None) -> ParsedUpdate:
    """Parse an update.

    Args:
        update: the library's update.
        operators_chat: the operators' group, whose messages are not kept as a person's text.
        raw: the update as Telegram sent it, which names parts that the library does not know.
    """
    if update.callback_query is not None:
        query = update.callback_query
        if is_case(update):  # an operator's action, in any chat
            return ParsedUpdate(UpdateKind.BUTTON)
        private = query.message is None or query.message.chat.type == "private"
        return ParsedUpdate(
            UpdateKind.BUTTON,
            query.from_user.id if private else None,
            language_code=query.from_user.language_code,
            source=_thread_only(query.message) if private else None,
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
    text = without_surrogates(message.text or message.caption or "")
    text = "" if is_blank(text) else text
    return ParsedUpdate(
        _kind(update, raw, text),
        message.chat.id,
        text,
        message.from_user.language_code,
        _source(message),
        quote_of(raw),
    )


def _kind(update: Update, raw: object, text: str) -> UpdateKind:
    is_command = bool(text) and (command_length(text) > 0 or is_stop(text))
    if update.edited_message is not None:
        if not text:  # a live location is edited all the time
            return UpdateKind.OTHER
        return UpdateKind.COMMAND if is_stop(update.edited_message.text or "") else UpdateKind.EDIT
    assert update.message is not None
    if is_command and update.message.text:
        return UpdateKind.COMMAND
    if text:
        return UpdateKind.WORDS
    return UpdateKind.OTHER if _is_service(raw) else UpdateKind.UNREADABLE


def _source(message: Message) -> SourceMessage:
    thread_id = message.message_thread_id if message.is_topic_message is not False else None
    return SourceMessage(message.message_id, thread_id, message.media_group_id)


def _thread_only(message: object) -> SourceMessage | None:
    """Return the topic of a message with a button. The message is not the person's own."""
    thread_id = message.message_thread_id if isinstance(message, Message) else None
    return SourceMessage(None, thread_id) if thread_id is not None else None


# Parts of a message that a person sends, beside those that an operator is told by name.
CONTENT = (*KINDS, "checklist", "game", "invoice", "live_photo", "paid_media", "story")
# Service messages whose names do not end with what happened.
SERVICE = frozenset(
    {
        "delete_chat_photo",
        "gift",
        "giveaway",
        "giveaway_winners",
        "left_chat_member",
        "new_chat_members",
        "new_chat_photo",
        "new_chat_title",
        "passport_data",
        "pinned_message",
        "unique_gift",
        "web_app_data",
        "connected_website",
    }
)
# What happened, at the end of a name beside "changed" or "closed". Newer ones are read by it too.
HAPPENED = frozenset(
    {"set", "left", "sent", "done", "hidden", "unhidden", "given", "paid", "payment", "taken"}
)


def _is_service(raw: object) -> bool:
    """Return whether a message only tells that something happened in the chat."""
    message = _dict(_dict(raw).get("message"))
    names = {name for name, value in message.items() if value is not None}
    return names.isdisjoint(CONTENT) and any(map(_is_event, names))


def _is_event(name: str) -> bool:
    end = name.rpartition("_")[2]
    return name in SERVICE or ("_" in name and (end.endswith("ed") or end in HAPPENED))


def is_edited_command(update: Update) -> bool:
    """Return whether a message was edited into a command, which is not carried out."""
    message = update.edited_message
    return message is not None and command_length(message.text or "") > 0


def is_case(update: Update) -> bool:
    """Return whether a button under a case was pressed."""
    return update.callback_query is not None and (update.callback_query.data or "").startswith(CASE)


def is_contact(update: Update) -> bool:
    """Return whether the update is a button or the command of trusted contacts."""
    query, message = update.callback_query, update.message
    if query is not None:
        return (query.data or "").startswith(CONTACT)
    text = (message.text or "") if message is not None else ""
    return text.split("@")[0].strip() == "/contact"


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
        telegram_id if private and is_telegram_id(telegram_id) else None,
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


def is_telegram_id(value: object) -> bool:
    """Return whether a value can be a person's Telegram id, which has at most 52 bits."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**52


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
