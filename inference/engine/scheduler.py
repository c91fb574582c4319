"""Who runs next: bounds, priorities, deadlines, fairness, as bookkeeping over request ids."""

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

# From this priority on a request goes before all that wait without priority, and may take a waiting
# place that is kept free for such.
URGENT = 4
# Each request that a chat already has here counts as so many later arrivals.
SAME_CHAT = 8
# One waiting place in so many is kept free for urgent requests.
KEPT_FREE = 8
# One in so many of a step's prompt tokens goes to the shortest prompts instead of in order.
SET_ASIDE = 4


class QueueFull(Exception):  # noqa: N818  says what happened
    """The waiting room is full; `place` is the place that the request would have had."""

    def __init__(self, place: int) -> None:
        super().__init__(f"the waiting room is full; the place would have been {place}")
        self.place = place


class DuplicateRequest(Exception):  # noqa: N818  says what happened
    """A request of this id is already waiting or running."""


@dataclass(order=True, slots=True)
class _Ticket:
    rank: tuple[int, int]
    request_id: str = field(compare=False)
    chat: str = field(compare=False)
    deadline_at: float | None = field(compare=False)


class Scheduler:
    """Every request is either waiting, or running in exactly one slot, or gone.

    Rank is the number of arrival, less `head_start` for each step of priority, plus `SAME_CHAT`
    for each request that the same chat already has here. It never changes, so a request is passed
    by no more than its rank allows, whatever comes later. A chat whose request left while it
    waited (its person wrote more) keeps the old rank for its next one.

    Running requests stay in the lowest slots (`moves`), so that one pass reads neighbours.

    Attributes:
        head_start: Earlier requests that one step of priority passes; `URGENT` steps pass all
            that can be here.
        kept_free: Waiting places that only urgent requests may take.

    Args:
        max_running: Slots.
        max_waiting: Places beyond those.
    """

    def __init__(self, *, max_running: int, max_waiting: int) -> None:
        self._max_running = max_running
        self._max_waiting = max_waiting
        self.kept_free = max_waiting // KEPT_FREE
        self.head_start = (max_running + max_waiting) // URGENT + 1
        self._limit = max_running
        self._arrivals = 0
        self._waiting: dict[str, _Ticket] = {}
        self._running: dict[str, tuple[_Ticket, int]] = {}
        self._free = list(range(max_running))  # a heap: low slots first keeps rows together
        self._chats: Counter[str] = Counter()
        self._gave_up: dict[str, tuple[int, int]] = {}  # chat -> rank, oldest first

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def running(self) -> dict[str, int]:
        """Slot of every running request."""
        return {request_id: slot for request_id, (_, slot) in self._running.items()}

    @property
    def running_by_rank(self) -> list[str]:
        """The running requests, best rank first."""
        tickets = sorted(ticket for ticket, _ in self._running.values())
        return [ticket.request_id for ticket in tickets]

    @property
    def limit(self) -> int:
        """How many may run now; less than the slots after memory ran short."""
        return self._limit

    def __contains__(self, request_id: str) -> bool:
        return request_id in self._waiting or request_id in self._running

    def __len__(self) -> int:
        return len(self._waiting) + len(self._running)

    def submit(
        self,
        request_id: str,
        *,
        priority: int = 0,
        chat: str | None = None,
        deadline_at: float | None = None,
    ) -> None:
        """Let a request wait.

        Args:
            request_id: Its name here.
            priority: Each step passes `head_start` earlier requests.
            chat: Its chat; None for a chat of its own.
            deadline_at: When `expired` names it.

        Raises:
            QueueFull: All slots and all waiting places that it may take are taken.
            DuplicateRequest: The id is already here.
        """
        if request_id in self:
            raise DuplicateRequest(request_id)
        chat = request_id if chat is None else chat
        late = SAME_CHAT * self._chats[chat] - self.head_start * priority
        rank = (self._arrivals + late, self._arrivals)
        room = self._max_running + self._max_waiting
        if len(self) >= (room if priority >= URGENT else room - self.kept_free):
            raise QueueFull(max(1, self._place(rank)))
        rank = min(rank, self._gave_up.pop(chat, rank))
        self._arrivals += 1
        self._chats[chat] += 1
        self._waiting[request_id] = _Ticket(rank, request_id, chat, deadline_at)

    def place(self, request_id: str) -> int:
        """Return the place in line, from 1; 0 if it runs, will at the next step, or is gone."""
        ticket = self._waiting.get(request_id)
        return 0 if ticket is None else self._place(ticket.rank)

    def _place(self, rank: tuple[int, int]) -> int:
        """Return the place of a rank among those that find no free slot."""
        before = sum(ticket.rank < rank for ticket in self._waiting.values())
        return max(0, before + 1 - self._room)

    @property
    def _room(self) -> int:
        return max(0, min(self._limit - len(self._running), len(self._free)))

    def admit(self) -> list[tuple[str, int]]:
        """Give free slots to waiting requests, best rank first; return (id, slot) of each."""
        chosen = sorted(self._waiting.values())[: self._room]
        admitted = []
        for ticket in chosen:
            del self._waiting[ticket.request_id]
            slot = heapq.heappop(self._free)
            self._running[ticket.request_id] = (ticket, slot)
            admitted.append((ticket.request_id, slot))
        return admitted

    def remove(self, request_id: str) -> int | None:
        """Remove a request, wherever it is; return the slot that it leaves, None if it had none."""
        waited = self._waiting.pop(request_id, None)
        if waited is not None:
            self._leave(waited.chat)
            self._remember(waited)
            return None
        held = self._running.pop(request_id, None)
        if held is None:
            return None
        self._leave(held[0].chat)
        heapq.heappush(self._free, held[1])
        return held[1]

    def _remember(self, waited: _Ticket) -> None:
        if waited.chat != waited.request_id:
            self._gave_up[waited.chat] = waited.rank
        if len(self._gave_up) > self._max_running + self._max_waiting:
            del self._gave_up[next(iter(self._gave_up))]

    def _leave(self, chat: str) -> None:
        self._chats[chat] -= 1
        if not self._chats[chat]:
            del self._chats[chat]

    def moves(self) -> list[tuple[str, int, int]]:
        """Move running requests into the lowest slots; return (id, slot before, slot now)."""
        count = len(self._running)
        moved = []
        for request_id, (ticket, slot) in self._running.items():
            if slot >= count:
                target = heapq.heapreplace(self._free, slot)
                self._running[request_id] = (ticket, target)
                moved.append((request_id, slot, target))
        return moved

    def preempt(self, request_id: str) -> int:
        """Put a running request back to wait with its old rank; return the slot that it leaves."""
        ticket, slot = self._running.pop(request_id)
        heapq.heappush(self._free, slot)
        self._waiting[request_id] = ticket
        return slot

    def last_admissible(self) -> str | None:
        """Return the running request of the worst rank, which is preempted first."""
        if not self._running:
            return None
        return max(ticket for ticket, _ in self._running.values()).request_id

    def expired(self, now: float) -> list[str]:
        """Return ids whose deadline has passed, waiting or running; they stay until removed."""
        tickets = [*self._waiting.values(), *(ticket for ticket, _ in self._running.values())]
        return [t.request_id for t in tickets if t.deadline_at is not None and t.deadline_at <= now]

    def lower_limit(self, limit: int) -> None:
        """Let fewer run together, at least one. Those that run now go on."""
        self._limit = max(1, min(self._limit, limit))

    def raise_limit(self) -> None:
        """Let one more run together, up to the number of slots."""
        self._limit = min(self._max_running, self._limit + 1)


def share(pending: Sequence[int], budget: int) -> list[int]:
    """Deal prompt tokens of one step out in order, so that the first request answers first.

    Equal parts would make every first word as late as the last one, for the same tokens in all.
    A part is set aside for the shortest prompt, so that a short message need not wait for a long
    history before it. The first always gets the larger part, so no request waits for more than
    the tokens of those before.

    Args:
        pending: Tokens that each one still has to prefill, best rank first.
        budget: Tokens in all.

    Returns:
        Tokens for each.
    """
    parts = [0] * len(pending)
    aside = budget // SET_ASIDE
    shortest = sorted(range(len(pending)), key=lambda number: pending[number])
    for order, tokens in ((range(len(pending)), budget - aside), (shortest, aside)):
        left = tokens
        for number in order:
            part = min(pending[number] - parts[number], left)
            parts[number] += part
            left -= part
    return parts
