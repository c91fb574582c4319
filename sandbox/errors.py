"""The refusals of the Bot API, with Telegram's own codes and words.

The descriptions are those the official server sends, because bots match on them. This
module knows neither HTTP nor why something was refused.
"""

from __future__ import annotations

from typing import Any

NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the "
    "same as a current content and reply markup of the message"
)


class ApiError(Exception):
    """A call that Telegram would answer with ``"ok": false``."""

    def __init__(self, code: int, description: str, *, retry_after: int | None = None) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.retry_after = retry_after

    def body(self) -> dict[str, Any]:
        """The JSON object that goes over the wire."""
        body: dict[str, Any] = {
            "ok": False,
            "error_code": self.code,
            "description": self.description,
        }
        if self.retry_after is not None:
            body["parameters"] = {"retry_after": self.retry_after}
        return body


def bad_request(words: str) -> ApiError:
    """400 with Telegram's prefix."""
    return ApiError(400, f"Bad Request: {words}")


def forbidden(words: str) -> ApiError:
    """403 with Telegram's prefix."""
    return ApiError(403, f"Forbidden: {words}")


def conflict(words: str) -> ApiError:
    """409 with Telegram's prefix."""
    return ApiError(409, f"Conflict: {words}")


def too_many_requests(retry_after: int) -> ApiError:
    """429 with the seconds to wait, in the text and in ``parameters``."""
    return ApiError(
        429, f"Too Many Requests: retry after {retry_after}", retry_after=max(1, retry_after)
    )


def unauthorized() -> ApiError:
    """401: a well-formed token of no bot."""
    return ApiError(401, "Unauthorized")


def not_found() -> ApiError:
    """404: a malformed token, or no such method."""
    return ApiError(404, "Not Found")
