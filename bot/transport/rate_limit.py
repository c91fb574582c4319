"""The rate limits that Telegram sets for bots.

A private chat takes about one message a second with short bursts, a group with all its topics 20 a
minute, and the bot sends 30 a second overall. Drafts have their own budget: a draft over it is
dropped.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class TokenBucket:
    """Allow `burst` messages at once, then one every `1 / rate_s` seconds."""

    rate_s: float
    burst: float
    tokens: float
    at: float

    def wait_s(self, now: float) -> float:
        """Take a token, even in advance, and return the seconds until it is due."""
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate_s)
        self.at = now
        self.tokens -= 1
        return max(0.0, -self.tokens / self.rate_s)

    def try_take(self, now: float) -> bool:
        """Take a token if one is available."""
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate_s)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class RateLimiter:
    """Hold a bucket per chat and one for all chats, and forget the least recently used."""

    CAPACITY = 20_000
    # Telegram shows "typing" for five seconds.
    TYPING_EVERY_S = 4.5

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._all = TokenBucket(28, 28, 28, clock())
        self._chats: OrderedDict[tuple[str, int], TokenBucket] = OrderedDict()

    async def wait(self, chat_id: int) -> None:
        """Wait until a message may go to this chat."""
        now = self._clock()
        chat = (
            self._bucket("group", chat_id, 19 / 60, 5)
            if chat_id < 0
            else self._bucket("chat", chat_id, 1.0, 3)
        )
        delay = max(chat.wait_s(now), self._all.wait_s(now))
        if delay > 0:
            await asyncio.sleep(delay)

    def may_draft(self, chat_id: int) -> bool:
        """Return whether a draft may be shown now. The budget is 2 a second, with bursts of 4."""
        return self._bucket("draft", chat_id, 2.0, 4).try_take(self._clock())

    def _bucket(self, kind: str, chat_id: int, rate_s: float, burst: float) -> TokenBucket:
        key = (kind, chat_id)
        if key not in self._chats:
            self._chats[key] = TokenBucket(rate_s, burst, burst, self._clock())
        self._chats.move_to_end(key)
        while len(self._chats) > self.CAPACITY:
            self._chats.popitem(last=False)
        return self._chats[key]
