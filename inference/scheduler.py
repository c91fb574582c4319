"""Who runs next: bounds, priorities, deadlines, fairness.

Pure bookkeeping over request ids; knows no tensors, no tokens, no clock of its own and no threads.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

#: One step of priority goes before at most this many earlier requests.
HEAD_START = 8


class QueueFull(Exception):  # noqa: N818  says what happened
    """The waiting room is full; ``place`` is the place that the request would have had."""

    def __init__(self, place: int) -> None:
        super().__init__(f"the waiting room is full; the place would have been {place}")
        self.place = place


class DuplicateRequest(Exception):  # noqa: N818  says what happened
    """A request of this id is already waiting or running."""


@dataclass(order=True, slots=True)
class _Ticket:
    rank: tuple[int, int]
    request_id: str = field(compare=False)
    deadline_at: float | None = field(compare=False)


class Scheduler:
    """Every request is either waiting, or running in exactly one slot, or gone.

    Rank is the number of arrival, less ``HEAD_START`` for each step of priority. It never
    changes, so a request is passed only by the few that its rank allows, whatever comes later.

    Args:
        max_running: Slots.
        max_waiting: Places beyond those.
    """

    def __init__(self, *, max_running: int, max_waiting: int) -> None:
        self._max_running = max_running
        self._max_waiting = max_waiting
        self._limit = max_running
        self._arrivals = 0
        self._waiting: dict[str, _Ticket] = {}
        self._running: dict[str, tuple[_Ticket, int]] = {}
        self._free = list(range(max_running))  # a heap: low slots first keeps rows together

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def running(self) -> dict[str, int]:
        """Slot of every running request."""
        return {request_id: slot for request_id, (_, slot) in self._running.items()}

    @property
    def limit(self) -> int:
        """How many may run now; less than the slots after memory ran short."""
        return self._limit

    def __contains__(self, request_id: str) -> bool:
        return request_id in self._waiting or request_id in self._running

    def __len__(self) -> int:
        return len(self._waiting) + len(self._running)

    def submit(
        self, request_id: str, *, priority: int = 0, deadline_at: float | None = None
    ) -> None:
        """Lets a request wait.

        Raises:
            QueueFull: All slots and all waiting places are taken.
            DuplicateRequest: The id is already here.
        """
        if request_id in self:
            raise DuplicateRequest(request_id)
        if len(self) >= self._max_running + self._max_waiting:
            raise QueueFull(len(self._waiting) + 1)
        rank = (self._arrivals - HEAD_START * priority, self._arrivals)
        self._arrivals += 1
        self._waiting[request_id] = _Ticket(rank, request_id, deadline_at)

    def admit(self) -> list[tuple[str, int]]:
        """Gives free slots to those that wait, best rank first; (id, slot) of the new ones."""
        room = min(self._limit - len(self._running), len(self._free))
        chosen = sorted(self._waiting.values())[: max(0, room)]
        admitted = []
        for ticket in chosen:
            del self._waiting[ticket.request_id]
            slot = heapq.heappop(self._free)
            self._running[ticket.request_id] = (ticket, slot)
            admitted.append((ticket.request_id, slot))
        return admitted

    def remove(self, request_id: str) -> int | None:
        """Forgets a request, wherever it is; the slot that it leaves, None if it had none."""
        if self._waiting.pop(request_id, None) is not None:
            return None
        held = self._running.pop(request_id, None)
        if held is None:
            return None
        heapq.heappush(self._free, held[1])
        return held[1]

    def send_back(self, request_id: str) -> int:
        """Puts a running request back to wait with its old rank; the slot that it leaves."""
        ticket, slot = self._running.pop(request_id)
        heapq.heappush(self._free, slot)
        self._waiting[request_id] = ticket
        return slot

    def last_admissible(self) -> str | None:
        """The running request of the worst rank, which gives way first."""
        if not self._running:
            return None
        return max(ticket for ticket, _ in self._running.values()).request_id

    def expired(self, now: float) -> list[str]:
        """Ids whose deadline has passed, waiting or running; they stay until removed."""
        tickets = [*self._waiting.values(), *(ticket for ticket, _ in self._running.values())]
        return [t.request_id for t in tickets if t.deadline_at is not None and t.deadline_at <= now]

    def lower_limit(self, limit: int) -> None:
        """Lets fewer run together, at least one. Those that run now go on."""
        self._limit = max(1, min(self._limit, limit))

    def raise_limit(self) -> None:
        """Lets one more run together, up to the number of slots."""
        self._limit = min(self._max_running, self._limit + 1)
