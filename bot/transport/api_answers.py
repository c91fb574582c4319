"""The check that an answer comes from Telegram and not from a proxy in between.

The library reads an answer by its HTTP status. It would take a proxy's page with status 403 for a
person who blocked the bot, and one with 404 for a wrong token. So only answers in the Bot API's own
form reach the library. All others become an `AnswerError`.
"""

import json
import re
from typing import Any

from telegram.error import NetworkError
from telegram.request import HTTPXRequest

# For these statuses the library raises an error that tells what Telegram meant.
READ_BY_LIBRARY = frozenset({400, 401, 403, 404, 409, 429})
# A gateway gave up waiting, but the server behind it may have continued.
TIME_OUTS = frozenset({504, 524, 598})
PARAMETERS = ("retry_after", "migrate_to_chat_id")
ACCEPTED = re.compile(rb'\s*\{\s*"ok"\s*:\s*true\b')


class AnswerError(NetworkError):
    """An answer that is not Telegram's, or that the library cannot read.

    Attributes:
        code: its HTTP status.
        description: Telegram's description, if the answer has the form of a refusal.
        may_have_arrived: whether Telegram may have carried out the call.
    """

    def __init__(
        self, code: int, *, description: str | None = None, may_have_arrived: bool = False
    ) -> None:
        super().__init__(f"unexpected answer with status {code}")
        self.code = code
        self.description = description
        self.may_have_arrived = may_have_arrived


class TelegramRequest(HTTPXRequest):
    """The library's HTTP client, which lets only Telegram's own answers through."""

    async def do_request(
        self, url: str, method: str, *args: Any, **values: Any
    ) -> tuple[int, bytes]:
        """Do a request as the library does, and check the answer.

        Raises:
            AnswerError: the answer is not Telegram's, or has a status the library cannot read.
        """
        code, payload = await super().do_request(url, method, *args, **values)
        if method == "POST":  # a downloaded file has no form to check
            check(code, payload)
        return code, payload


def check(code: int, payload: bytes) -> None:
    """Check that the library reads an answer correctly.

    Raises:
        AnswerError: it does not.
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
    """Return the description of a refusal, or None if it does not have Telegram's form."""
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
    # Telegram always says how long to wait. Without it the library would assume success.
    return description if code != 429 or parameters.get("retry_after", 0) > 0 else None


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _object(payload: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(payload.decode(errors="replace"))
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}
