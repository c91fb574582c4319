"""One TLS context for every client of the process.

To read the host's certificates takes longer than most requests, and every client would do it again.
"""

import ssl
from functools import cache
from typing import Any

import httpx

from bot.transport.api_answers import TelegramRequest


@cache
def tls_context() -> ssl.SSLContext:
    """What httpx trusts by default: the host's or certifi's certificates, as at the first call."""
    return httpx.create_ssl_context()


def telegram_request(**values: Any) -> TelegramRequest:
    """The HTTP client to Telegram with this context; `values` as `HTTPXRequest` takes them."""
    return TelegramRequest(httpx_kwargs={"verify": tls_context()}, **values)
