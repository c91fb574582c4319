"""The TLS context that every HTTP client of the process shares.

Reading the host's certificates takes longer than most requests, so it happens once.
"""

import ssl
from functools import cache
from typing import Any

import httpx

from bot.transport.api_answers import TelegramRequest


@cache
def tls_context() -> ssl.SSLContext:
    """Return the TLS context with the certificates that httpx trusts by default."""
    return httpx.create_ssl_context()


def telegram_request(**values: Any) -> TelegramRequest:
    """Return an HTTP client to Telegram. `values` are the arguments of `HTTPXRequest`."""
    return TelegramRequest(httpx_kwargs={"verify": tls_context()}, **values)
