"""The webhook: updates posted to the bot's loopback URL, one after another.

An update is retried until its answer is 2xx. Unlike the real server, this one posts one update at
a time and does not run methods in the answer.
"""

import asyncio
import json
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from sandbox.updates import UpdateQueue

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - a header's name
ANSWER_TIMEOUT_S = 10.0
FIRST_RETRY_S = 0.1
LONGEST_RETRY_S = 5.0
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(slots=True)
class Webhook:
    """The URL that updates go to, and the last error there."""

    updates: UpdateQueue
    clock: Callable[[], float]
    url: str = ""
    secret: str = ""
    last_error_at: int | None = None
    last_error: str = ""
    _task: asyncio.Task[None] | None = None

    def set(self, url: str, secret: str) -> None:
        """Start to post to a URL, or stop with an empty one."""
        self.stop()
        self.url, self.secret = url, secret
        self.last_error_at, self.last_error = None, ""
        if url:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        """Stop posting."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def info(self) -> dict[str, Any]:
        """Build a `WebhookInfo`."""
        shown: dict[str, Any] = {
            "url": self.url,
            "has_custom_certificate": False,
            "pending_update_count": self.updates.pending,
        }
        if self.url:
            shown["max_connections"] = 1
        if self.updates.allowed:
            shown["allowed_updates"] = self.updates.allowed
        if self.last_error_at is not None:
            shown["last_error_date"] = self.last_error_at
            shown["last_error_message"] = self.last_error
        return shown

    async def _run(self) -> None:
        wait_s = FIRST_RETRY_S
        while True:
            if not await self.updates.wait_any(60.0):
                continue
            update = self.updates.first(1)[0]
            problem = await self._post(update)
            if not problem:
                self.updates.drop(update)
                wait_s = FIRST_RETRY_S
                continue
            self.last_error_at, self.last_error = int(self.clock()), problem
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, LONGEST_RETRY_S)

    async def _post(self, update: dict[str, Any]) -> str:
        """Post an update and return the official server's words for the error, if any."""
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                status = await post_json(self.url, update, self.secret)
        except TimeoutError:
            return "Read timeout expired"
        except (OSError, ValueError):
            return "Connection refused"
        if 200 <= status < 300:
            return ""
        phrase = next((s.phrase for s in HTTPStatus if s == status), "")
        return f"Wrong response from the webhook: {status} {phrase}".rstrip()


async def post_json(url: str, body: dict[str, Any], secret: str) -> int:
    """Post JSON to a plain-HTTP loopback URL and return the status.

    It writes to a socket because HTTP clients log the URL, which may hold a token.
    """
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    payload = json.dumps(body).encode()
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    head = [
        f"POST {target} HTTP/1.1",
        f"Host: {parts.netloc}",
        "Content-Type: application/json",
        f"Content-Length: {len(payload)}",
        "Connection: close",
    ]
    if secret:
        head.append(f"{SECRET_HEADER}: {secret}")
    reader, writer = await asyncio.open_connection(host, parts.port or 80)
    try:
        writer.write("\r\n".join([*head, "", ""]).encode("ascii") + payload)
        await writer.drain()
        first_line = await reader.readline()
    finally:
        writer.close()
    fields = first_line.split()
    return int(fields[1]) if len(fields) > 1 else 0


def is_acceptable(url: str) -> bool:
    """Return whether the sandbox posts to such a URL."""
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and " " not in url
    return plain and parts.scheme == "http" and parts.hostname in LOOPBACK and port != 0
