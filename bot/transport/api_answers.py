"""Telegram's answers, told from whatever else may stand in their place on the way.

The library reads an answer by its HTTP status. A proxy's page with 403 would be a person who
blocked the bot, and one with 404 a wrong token. So only an answer in the Bot API's own form
reaches the library; all others become an `AnswerError`, which says nothing about anybody.
"""

import json
import re
from typing import Any

from telegram.error import NetworkError
from telegram.request import HTTPXRequest

READ_BY_LIBRARY = frozenset({400, 401, 403, 404, 409, 429})
"""The statuses of which the library makes an error that tells what Telegram meant."""
TIME_OUTS = frozenset({504, 524, 598})
"""A gateway gave up waiting: the server behind it may have gone on."""
PARAMETERS = ("retry_after", "migrate_to_chat_id")
ACCEPTED = re.compile(rb'\s*\{\s*"ok"\s*:\s*true\b')


class AnswerError(NetworkError):
    """An answer that is not Telegram's, or that the library cannot tell from others.

    Attributes:
        code: its HTTP status.
        description: Telegram's own, where the answer has the form of a refusal.
        may_have_arrived: whether the call may have been carried out all the same.
    """

    def __init__(
        self, code: int, *, description: str | None = None, may_have_arrived: bool = False
    ) -> None:
        super().__init__(f"an answer with status {code}")
        self.code = code
        self.description = description
        self.may_have_arrived = may_have_arrived


class TelegramRequest(HTTPXRequest):
    """The library's HTTP client; lets nothing but Telegram's own answers through."""

    async def do_request(
        self, url: str, method: str, *args: Any, **values: Any
    ) -> tuple[int, bytes]:
        """As the library's.

        Raises:
            AnswerError: something else answered, or Telegram did with a status of its own.
        """
        code, payload = await super().do_request(url, method, *args, **values)
        if method == "POST":  # a file that is fetched has no form
            check(code, payload)
        return code, payload


def check(code: int, payload: bytes) -> None:
    """Let an answer pass that the library reads right.

    Raises:
        AnswerError: it is another.
    """
    answer = _object(payload)
    if 200 <= code <= 299:
        if answer.get("ok") is not True or "result" not in answer:
            raise AnswerError(code, may_have_arrived=bool(ACCEPTED.match(payload)))
        return
    description = _refusal(code, answer)
    if description is None or code not in READ_BY_LIBRARY:
        raise AnswerError(code, description=description, may_have_arrived=code in TIME_OUTS)


def _refusal(code: int, answer: dict[str, Any]) -> str | None:
    """The description of a refusal in Telegram's form; None: it is not one."""
    description, parameters = answer.get("description"), answer.get("parameters", {})
    if (
        answer.get("ok") is not False
        or not _is_number(answer.get("error_code"))
        or answer["error_code"] != code
        or not isinstance(description, str)
        or not isinstance(parameters, dict)
        or not all(_is_number(parameters.get(name, 0)) for name in PARAMETERS)
    ):
        return None
    # Telegram always says how long: without it the library would take the words as sent.
    return description if code != 429 or parameters.get("retry_after", 0) > 0 else None


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _object(payload: bytes) -> dict[str, Any]:
    try:
        found = json.loads(payload.decode(errors="replace"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
