"""What each of the library's errors means for a message."""

from datetime import timedelta

import httpx
import pytest
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

from bot.transport.errors import Failure, read


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (RetryAfter(3), Failure.LATER),
        (NetworkError("Bad Gateway"), Failure.LATER),
        (NetworkError("Internal Server Error"), Failure.LATER),
        (NetworkError("httpx.ConnectError: refused"), Failure.LATER),
        (TimedOut("Pool timeout: all connections are occupied"), Failure.LATER),
        (TimedOut(), Failure.UNKNOWN),
        (NetworkError("httpx.ReadError"), Failure.UNKNOWN),
        (NetworkError("Gateway Timeout (504)"), Failure.UNKNOWN),
        (Forbidden("bot was blocked by the user"), Failure.BLOCKED),
        (Forbidden("user is deactivated"), Failure.BLOCKED),
        (BadRequest("Chat not found"), Failure.UNREACHABLE),
        (BadRequest("not enough rights to send text messages to the chat"), Failure.UNREACHABLE),
        (BadRequest("Message text is empty"), Failure.REFUSED),
        (BadRequest("message thread not found"), Failure.NO_THREAD),
        (BadRequest("TOPIC_CLOSED"), Failure.NO_THREAD),
        (ChatMigrated(-100123), Failure.MOVED),
        (InvalidToken(), Failure.LATER),
        (TelegramError("something new"), Failure.LATER),
    ],
)
def test_an_error_is_read(error: TelegramError, failure: Failure) -> None:
    assert read(error).failure is failure


@pytest.mark.parametrize(
    ("cause", "failure"),
    [(httpx.ConnectTimeout(""), Failure.LATER), (httpx.ReadTimeout(""), Failure.UNKNOWN)],
)
def test_a_time_out_in_connecting_sent_nothing(cause: Exception, failure: Failure) -> None:
    error = TimedOut()
    error.__cause__ = cause
    assert read(error).failure is failure


@pytest.mark.parametrize("after", [7, timedelta(seconds=7)])
def test_the_time_to_wait_is_kept(after: int | timedelta) -> None:
    assert read(RetryAfter(after)).retry_after_s == 7


def test_the_new_place_of_a_group_is_kept() -> None:
    assert read(ChatMigrated(-100123)).moved_to == -100123
