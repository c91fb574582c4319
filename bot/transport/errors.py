"""The meaning of Telegram's errors for a message: a table of descriptions and its reader.

A description that is not in the table never counts as final, because Telegram adds new ones and may
accept tomorrow what it refuses today.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from bot.transport.api_answers import AnswerError


class Failure(StrEnum):
    """What a failed attempt means."""

    UNKNOWN = "unknown"  # it may have arrived
    LATER = "later"  # nothing was sent, so try again
    NOT_NOW = "not_now"  # Telegram refuses this call, perhaps only for now
    BLOCKED = "blocked"  # the person blocked the bot
    UNREACHABLE = "unreachable"  # the chat does not exist, or the bot may not write in it
    REFUSED = "refused"  # Telegram will never accept this text
    MOVED = "moved"  # the group has a new id
    NO_THREAD = "no_thread"  # the topic is gone
    NO_TOPICS = "no_topics"  # the group has no topics, or the bot may not manage them


@dataclass(eq=False)
class SendError(Exception):
    """A failed attempt to send.

    Attributes:
        failure: what the failure means.
        name: the library's name of the error, with Telegram's reason if it is a constant.
        retry_after_s: how long Telegram asks to wait, if it does.
        moved_to: the group's new id, if it moved.
    """

    failure: Failure
    name: str
    retry_after_s: float | None = None
    moved_to: int | None = None


# How Telegram's descriptions begin, in lower case and without "Bad Request: " or "Forbidden: ".
DESCRIPTIONS: dict[Failure, tuple[str, ...]] = {
    Failure.BLOCKED: (
        "bot was blocked by the user",
        "user is deactivated",
        "bot can't initiate conversation with a user",
        "user_is_blocked",
        "input_user_deactivated",
    ),
    Failure.UNREACHABLE: (
        "chat not found",
        "user not found",
        "bot was kicked from the ",
        "bot is not a member of the ",
        "the group chat was deleted",
        "group chat was deactivated",
        "bots can't send messages to bots",
        "the bot can't send messages to the bot",
        "not enough rights",
        "need administrator rights",
        "have no rights to send a message",
        "chat_write_forbidden",
    ),
    Failure.NO_THREAD: (
        "message thread not found",
        "topic_id_invalid",
        "topic_deleted",
        "topic_closed",
    ),
    Failure.REFUSED: (
        "message text is empty",
        "text must be non-empty",
        "message is too long",
        "message_too_long",
        "message caption is too long",
        "media_caption_too_long",
        "text must be encoded in utf-8",
        "strings must be encoded in utf-8",
        "can't parse entities",
        "entities_too_long",
        "can't parse inline keyboard",
        "reply markup is too long",
        "inline keyboard expected",
        "text buttons are unallowed in the inline keyboard",
        "button_data_invalid",
        "button_type_invalid",
        "button_url_invalid",
        "there is no document in the request",
        "there is no photo in the request",
        "file must be non-empty",
        "photo_invalid_dimensions",
        "image_process_failed",
        "request entity too large",
    ),
}
# Why a call about topics fails: the group has no topics, or the bot may not manage them.
NO_TOPICS = (
    "the chat is not a forum",
    "not enough rights",
    "need administrator rights",
    "chat_admin_required",
    "channel_forum_missing",
)
# These texts of the library prove that nothing was sent.
NOT_SENT = ("Bad Gateway", "Internal Server Error", "Service Unavailable", "(503)")
# Without a connection nothing was sent either.
NOT_CONNECTED = ("ConnectError", "ConnectTimeout")
KIND = re.compile(r"^(?:bad request|forbidden|unauthorized|not found|internal server error): ")
# A reason that is one constant, such as CHAT_RESTRICTED, holds no message text.
CODE = re.compile(r"[a-z]+(?:_[a-z0-9]+)+")
LONGEST_NAME = 64


def read(error: TelegramError) -> SendError:
    """Return what an error of the library means."""
    if isinstance(error, RetryAfter):
        after = error.retry_after
        wait_s = after.total_seconds() if isinstance(after, timedelta) else float(after)
        return SendError(Failure.LATER, type(error).__name__, retry_after_s=wait_s)
    if isinstance(error, ChatMigrated):
        return SendError(Failure.MOVED, type(error).__name__, moved_to=error.new_chat_id)
    # A wrong token or a second service can be fixed, and says nothing about the message.
    if isinstance(error, InvalidToken | Conflict):
        return SendError(Failure.LATER, type(error).__name__)
    if isinstance(error, AnswerError):
        return _read_answer(error)
    if isinstance(error, BadRequest | Forbidden):
        return _known(error, str(error)) or SendError(Failure.NOT_NOW, _name(error, str(error)))
    unknown = _may_have_arrived(error)
    return SendError(Failure.UNKNOWN if unknown else Failure.LATER, type(error).__name__)


def read_topic(error: TelegramError) -> SendError:
    """Return what an error of a call about topics means, with `NO_TOPICS` told apart."""
    if isinstance(error, BadRequest | Forbidden):
        reason = _reason(str(error))
        if reason.startswith(NO_TOPICS):
            return SendError(Failure.NO_TOPICS, _name(error, str(error)))
    return read(error)


def _read_answer(error: AnswerError) -> SendError:
    failure = Failure.UNKNOWN if error.may_have_arrived else Failure.LATER
    if error.description is not None and 400 <= error.code <= 499:
        known = _known(error, error.description)
        if known is not None:
            return known
        failure = Failure.NOT_NOW
    return SendError(failure, f"{type(error).__name__}:{error.code}")


def _known(error: TelegramError, description: str) -> SendError | None:
    reason = _reason(description)
    for failure, beginnings in DESCRIPTIONS.items():
        if reason.startswith(beginnings):
            return SendError(failure, _name(error, description))
    return None


def _reason(description: str) -> str:
    return KIND.sub("", description.lower())


def _name(error: TelegramError, description: str) -> str:
    """Return the error's name for the record, with Telegram's reason if it is a constant."""
    code = CODE.match(_reason(description))
    name = type(error).__name__ + (f":{code.group()}" if code else "")
    return name[:LONGEST_NAME]


def _may_have_arrived(error: TelegramError) -> bool:
    text = str(error)
    # Only the cause of a time-out tells whether it happened while connecting.
    if type(error.__cause__).__name__ in NOT_CONNECTED:
        return False
    if isinstance(error, TimedOut):
        return "Pool timeout" not in text
    if isinstance(error, NetworkError):
        return not any(sign in text for sign in (*NOT_SENT, *NOT_CONNECTED))
    return False
