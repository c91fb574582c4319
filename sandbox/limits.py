"""The limits on how fast a bot may send.

Telegram publishes no exact numbers. These follow its FAQ ("about one message a second in a
chat, 30 a second overall, 20 a minute in a group"). Those for drafts and chat actions (about 20
in 5 seconds) follow reports of other projects.
"""

import math
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from sandbox.errors import too_many_requests


@dataclass(frozen=True, slots=True)
class Limits:
    """The rates, and how many messages may burst into a chat."""

    chat_per_s: float = 1.0
    chat_burst: int = 5
    overall_per_s: int = 30
    group_per_minute: int = 20
    peer_signals: int = 20
    peer_signals_window_s: float = 5.0
    enabled: bool = True

    @classmethod
    def off(cls) -> Self:
        """Set no limit, for tests that are about something else."""
        return cls(enabled=False)


@dataclass(slots=True)
class _Window:
    """A sliding window of at most `most` events in `seconds`."""

    most: int
    seconds: float
    events: deque[float] = field(default_factory=deque)

    def wait_s(self, now: float) -> float:
        while self.events and self.events[0] <= now - self.seconds:
            self.events.popleft()
        if len(self.events) < self.most:
            return 0.0
        return self.events[len(self.events) - self.most] + self.seconds - now

    def spend(self, now: float) -> None:
        self.events.append(now)


@dataclass(slots=True)
class _Bucket:
    """A token bucket that refills at `rate` a second up to `size`."""

    rate: float
    size: int
    level: float
    at: float

    def wait_s(self, now: float) -> float:
        self.level = min(float(self.size), self.level + max(0.0, now - self.at) * self.rate)
        self.at = now
        return 0.0 if self.level >= 1.0 - 1e-9 else (1.0 - self.level) / self.rate

    def spend(self, now: float) -> None:
        del now
        self.level -= 1.0


class FloodControl:
    """Count the messages of a bot and refuse too many.

    All topics of a group, its edits and its new topics share one count.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self.limits = limits
        self._clock = clock
        self._overall = _Window(limits.overall_per_s, 1.0)
        self._groups: dict[int, _Window] = defaultdict(
            lambda: _Window(limits.group_per_minute, 60.0)
        )
        self._chats: dict[int, _Bucket] = {}
        self._signals: dict[int, _Window] = defaultdict(
            lambda: _Window(limits.peer_signals, limits.peer_signals_window_s)
        )

    def charge_send(self, chat_id: int, *, group: bool) -> None:
        """Count one message, edit or new topic.

        Raises:
            ApiError: 429. A refused call is not counted.
        """
        meters: list[_Window | _Bucket] = [self._overall, self._bucket(chat_id)]
        if group:
            meters.append(self._groups[chat_id])
        self._charge(meters)

    def charge_signal(self, chat_id: int) -> None:
        """Count one draft or chat action.

        Raises:
            ApiError: 429. A refused call is not counted.
        """
        self._charge([self._signals[chat_id]])

    def _bucket(self, chat_id: int) -> _Bucket:
        if chat_id not in self._chats:
            size = self.limits.chat_burst
            self._chats[chat_id] = _Bucket(self.limits.chat_per_s, size, float(size), self._clock())
        return self._chats[chat_id]

    def _charge(self, meters: list[_Window | _Bucket]) -> None:
        if not self.limits.enabled:
            return
        now = self._clock()
        wait_s = max(meter.wait_s(now) for meter in meters)
        if wait_s > 0:
            raise too_many_requests(max(1, math.ceil(wait_s)))
        for meter in meters:
            meter.spend(now)
