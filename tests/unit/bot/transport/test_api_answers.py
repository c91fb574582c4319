"""What may answer in Telegram's place, and what each answer means for a message."""

import json
from typing import Any

import httpx
import pytest
from telegram.error import InvalidToken, TelegramError

from bot.transport.api_answers import AnswerError, TelegramRequest
from bot.transport.errors import Failure, SendError, read

PAGE = b"<html><body><h1>Not here</h1></body></html>"
WORDS = "somebody's words"


def own(code: int, description: str, **more: Any) -> bytes:
    """A refusal in the Bot API's form."""
    answer = {"ok": False, "error_code": code, "description": description, **more}
    return json.dumps(answer).encode()


async def error_of(code: int, payload: bytes) -> TelegramError:
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(code, content=payload)

    request = TelegramRequest(httpx_kwargs={"transport": httpx.MockTransport(answer)})
    try:
        await request.post("https://telegram.test/bot1:x/sendMessage")
    except TelegramError as error:
        return error
    finally:
        await request.shutdown()
    raise AssertionError("it was taken for a success")


async def meaning(code: int, payload: bytes) -> SendError:
    return read(await error_of(code, payload))


@pytest.mark.parametrize(
    "code", [400, 401, 402, 403, 404, 405, 407, 409, 413, 418, 429, 451, 500, 502, 503, 520, 521]
)
@pytest.mark.parametrize(
    "payload",
    [
        PAGE,
        b"",
        b"null",
        b"[]",
        b'"Forbidden"',
        b"{}",
        b'{"error":"forbidden"}',
        b'{"ok":true,"result":{}}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
async def test_what_is_not_telegrams_is_tried_again(code: int, payload: bytes) -> None:
    assert (await meaning(code, payload)).failure is Failure.LATER


@pytest.mark.parametrize(
    "changes",
    [
        {"ok": "false"},
        {"ok": 0},
        {"ok": None},
        {"error_code": 400},
        {"error_code": "403"},
        {"error_code": None},
        {"description": None},
        {"description": ["Forbidden: bot was blocked by the user"]},
        {"parameters": "x"},
        {"parameters": {"retry_after": "soon"}},
        {"parameters": {"migrate_to_chat_id": True}},
    ],
)
async def test_almost_a_refusal_blocks_nobody(changes: dict[str, Any]) -> None:
    answer = json.loads(own(403, "Forbidden: bot was blocked by the user")) | changes
    assert (await meaning(403, json.dumps(answer).encode())).failure is Failure.LATER


@pytest.mark.parametrize(
    ("code", "description", "failure"),
    [
        (403, "Forbidden: bot was blocked by the user", Failure.BLOCKED),
        (403, "Forbidden: user is deactivated", Failure.BLOCKED),
        (403, "Forbidden: bot can't initiate conversation with a user", Failure.BLOCKED),
        (403, "Forbidden: bot was kicked from the supergroup chat", Failure.UNREACHABLE),
        (403, "Forbidden: bot is not a member of the supergroup chat", Failure.UNREACHABLE),
        (403, "Forbidden: the group chat was deleted", Failure.UNREACHABLE),
        (400, "Bad Request: chat not found", Failure.UNREACHABLE),
        (400, "Bad Request: CHAT_WRITE_FORBIDDEN", Failure.UNREACHABLE),
        (
            400,
            "Bad Request: not enough rights to send text messages to the chat",
            Failure.UNREACHABLE,
        ),
        (400, "Bad Request: message thread not found", Failure.NO_THREAD),
        (400, "Bad Request: TOPIC_CLOSED", Failure.NO_THREAD),
        (400, "Bad Request: message is too long", Failure.REFUSED),
        (400, "Bad Request: text must be non-empty", Failure.REFUSED),
        (400, "Bad Request: can't parse entities: unsupported start tag", Failure.REFUSED),
        (413, "Request Entity Too Large", Failure.REFUSED),
        (400, "Bad Request: CHAT_RESTRICTED", Failure.NOT_NOW),
        (400, "Bad Request: something new", Failure.NOT_NOW),
        (403, "Forbidden: something new", Failure.NOT_NOW),
        (403, "Forbidden", Failure.NOT_NOW),
        (406, "Not Acceptable: something new", Failure.NOT_NOW),
        (400, "", Failure.NOT_NOW),
        (401, "Unauthorized", Failure.LATER),
        (404, "Not Found", Failure.LATER),
        (409, "Conflict: terminated by other getUpdates request", Failure.LATER),
        (429, "Too Many Requests", Failure.LATER),
        (500, "Internal Server Error", Failure.LATER),
        (500, "Internal Server Error: restart", Failure.LATER),
        (504, "Gateway Timeout", Failure.UNKNOWN),
    ],
)
async def test_what_telegram_says(code: int, description: str, failure: Failure) -> None:
    assert (await meaning(code, own(code, description))).failure is failure


async def test_its_parameters_are_kept() -> None:
    flood = own(429, "Too Many Requests: retry after 7", parameters={"retry_after": 7})
    assert (await meaning(429, flood)).retry_after_s == 7
    moved = own(400, "Bad Request: upgraded", parameters={"migrate_to_chat_id": -100123})
    found = await meaning(400, moved)
    assert (found.failure, found.moved_to) == (Failure.MOVED, -100123)


@pytest.mark.parametrize("code", [401, 404])
async def test_a_wrong_token_is_known_by_telegrams_own_word(code: int) -> None:
    assert isinstance(await error_of(code, own(code, "Unauthorized")), InvalidToken)
    assert not isinstance(await error_of(code, PAGE), InvalidToken)


@pytest.mark.parametrize("code", [504, 524, 598])
async def test_after_a_gateways_time_out_nothing_is_known(code: int) -> None:
    assert (await meaning(code, PAGE)).failure is Failure.UNKNOWN


@pytest.mark.parametrize(
    ("payload", "failure"),
    [
        (PAGE, Failure.LATER),
        (b"", Failure.LATER),
        (b"[]", Failure.LATER),
        (own(403, "Forbidden: bot was blocked by the user"), Failure.LATER),
        (b'{"ok":true,"result":{"message_id":7,', Failure.UNKNOWN),
        (b'{"ok": true}', Failure.UNKNOWN),
    ],
)
async def test_a_success_that_is_none(payload: bytes, failure: Failure) -> None:
    assert (await meaning(200, payload)).failure is failure


@pytest.mark.parametrize(
    ("code", "payload", "name"),
    [
        (400, own(400, "Bad Request: CHAT_RESTRICTED"), "BadRequest:chat_restricted"),
        (400, own(400, f"Bad Request: can't parse entities: {WORDS}"), "BadRequest"),
        (403, own(403, f"Forbidden: {WORDS}"), "Forbidden"),
        (407, PAGE, "AnswerError:407"),
        (406, own(406, f"Not Acceptable: {WORDS}"), "AnswerError:406"),
    ],
)
async def test_the_record_holds_no_words(code: int, payload: bytes, name: str) -> None:
    found = await meaning(code, payload)
    assert found.name == name
    assert len((await meaning(400, own(400, "A_" * 999 + "A"))).name) <= 64


def test_an_odd_answer_says_its_status() -> None:
    assert str(AnswerError(403, description=WORDS)) == "unexpected answer with status 403"
