"""Tells those who watch that something on a screen may have changed.

Carries no news itself: watchers look at the state and compare. Knows nothing of chats.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class ChangeSignal:
    """Wakes every watcher."""

    def __init__(self) -> None:
        self._watchers: set[asyncio.Event] = set()
        self.closed = False

    @contextmanager
    def watch(self) -> Iterator[asyncio.Event]:
        """An event that is set at every change until the block ends."""
        event = asyncio.Event()
        self._watchers.add(event)
        try:
            yield event
        finally:
            self._watchers.discard(event)

    def publish(self) -> None:
        """Something changed."""
        for event in self._watchers:
            event.set()

    def close(self) -> None:
        """Nothing will change any more; watchers go home."""
        self.closed = True
        self.publish()
