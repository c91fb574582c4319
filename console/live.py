"""Server-sent events that tell open pages to refresh.

A stream carries no data, only the names of what changed: `queue` and `case`. The page then fetches
its parts again, with all checks of a request.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

from storage.database.events import CaseChanged
from storage.ids import CaseId, OperatorId

# Changes within this time are sent as one event.
PACE_S = 1.0
# A stream ends at most this long after its session.
CHECK_S = 3.0
SILENT_S = 15.0
MOST_STREAMS = 300
# An operator with this many open pages gets no more, so that others always get theirs.
MOST_EACH = 20


class Watcher:
    """Collect the changes that one open page does not know yet."""

    def __init__(self, case_id: CaseId | None, operator_id: OperatorId) -> None:
        self._case_id = case_id
        self.operator_id = operator_id
        self._names: list[str] = []
        self.woken = asyncio.Event()

    def happened(self, case_id: CaseId | None) -> None:
        """Note a change of the queue, and of one case if `case_id` names the page's."""
        names = ["queue"]
        if case_id is not None and case_id == self._case_id:
            names.append("case")
        self._names += [name for name in names if name not in self._names]
        self.woken.set()

    def take(self) -> list[str]:
        """Return the pending changes and clear them."""
        names, self._names = self._names, []
        self.woken.clear()
        return names


class Live:
    """Wake open pages when a case changes."""

    def __init__(self) -> None:
        self._watchers: set[Watcher] = set()
        self._closed = asyncio.Event()

    def wake(self, changed: CaseChanged) -> None:
        """Wake every page, because each shows how many urgent cases wait."""
        for watcher in self._watchers:
            watcher.happened(changed.case_id)

    def close(self) -> None:
        """End every stream."""
        self._closed.set()
        for watcher in self._watchers:
            watcher.woken.set()

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return len(self._watchers)

    def has_room(self, operator_id: OperatorId) -> bool:
        """Return whether one more stream can open for an operator."""
        theirs = sum(watcher.operator_id == operator_id for watcher in self._watchers)
        return self.streams < MOST_STREAMS and theirs < MOST_EACH

    @contextlib.contextmanager
    def watch(self, case_id: CaseId | None, operator_id: OperatorId) -> Iterator[Watcher]:
        """Collect changes of the queue, and of one case if the page shows one."""
        watcher = Watcher(case_id, operator_id)
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    async def events(
        self,
        case_id: CaseId | None,
        operator_id: OperatorId,
        is_in: Callable[[], Awaitable[bool]],
        *,
        pace_s: float = PACE_S,
        check_s: float = CHECK_S,
    ) -> AsyncIterator[str]:
        """Yield the events of one page until its session (`ended`) or the service ends."""
        with self.watch(case_id, operator_id) as watcher:
            yield "retry: 2000\n\nevent: opened\ndata: 1\n\n"
            checked_s = told_s = time.monotonic()
            while not self._closed.is_set():
                if time.monotonic() - checked_s >= check_s:
                    checked_s = time.monotonic()
                    if not await is_in():
                        yield _event("ended")
                        return
                if names := watcher.take():
                    told_s = time.monotonic()
                    yield "".join(map(_event, names))
                    # Spread the fetches of pages that were woken together.
                    await _wait(self._closed, pace_s * random.uniform(1, 1.25))  # noqa: S311
                elif time.monotonic() - told_s >= SILENT_S:
                    told_s = time.monotonic()
                    yield ": still here\n\n"
                await _wait(watcher.woken, max(0.0, checked_s + check_s - time.monotonic()))


def _event(name: str) -> str:
    return f"event: {name}\ndata: 1\n\n"


async def _wait(event: asyncio.Event, for_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(for_s):
            await event.wait()
