"""A signal that something on a screen may have changed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class ChangeSignal:
    """Wake the watchers, which compare the state themselves."""

    def __init__(self) -> None:
        self._watchers: set[asyncio.Event] = set()
        self.closed = False

    @contextmanager
    def watch(self) -> Iterator[asyncio.Event]:
        """Yield an event that every change sets until the block ends."""
        event = asyncio.Event()
        self._watchers.add(event)
        try:
            yield event
        finally:
            self._watchers.discard(event)

    def publish(self) -> None:
        """Wake every watcher."""
        for event in self._watchers:
            event.set()

    def close(self) -> None:
        """Let the watchers end."""
        self.closed = True
        self.publish()
