"""Who is here: requests that wait and run, those that left, conversations to be forgotten.

Any thread may ask and cancel; the engine's thread arranges once a step. Knows no tensors and
decides no order (``scheduler`` does).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from inference.engine.scheduler import DuplicateRequest, QueueFull, Scheduler
from inference.engine.sequence import Sequence
from inference.requests import GenerationError


@dataclass(slots=True)
class Arrangement:
    """What has changed since the step before.

    Attributes:
        running: Best rank first.
        cancelled: Left at their own wish; their slots still hold what they stored.
        late: Left because their deadline passed; likewise.
        moved: (sequence, slot before): the sequence already names its new slot.
        forgotten: Conversations of which nothing may stay.
    """

    running: list[Sequence] = field(default_factory=list)
    cancelled: list[Sequence] = field(default_factory=list)
    late: list[Sequence] = field(default_factory=list)
    moved: list[tuple[Sequence, int]] = field(default_factory=list)
    forgotten: set[str] = field(default_factory=set)


class Line:
    """Sequences by request id, and the scheduler over them, behind one lock.

    The lock is never held during a forward pass.
    """

    def __init__(self, *, max_running: int, max_waiting: int) -> None:
        self.scheduler = Scheduler(max_running=max_running, max_waiting=max_waiting)
        self._lock = threading.Lock()
        self._sequences: dict[str, Sequence] = {}
        self._cancelled: set[str] = set()
        self._forgotten: set[str] = set()
        self._closed = False

    def __getitem__(self, request_id: str) -> Sequence:
        return self._sequences[request_id]

    @property
    def has_work(self) -> bool:
        """Whether a step would do anything."""
        with self._lock:
            return len(self.scheduler) > 0 or bool(self._forgotten)

    def load(self) -> tuple[int, int]:
        """How many run and how many wait."""
        with self._lock:
            return len(self.scheduler.running), self.scheduler.waiting

    def place(self, request_id: str) -> int:
        """The place of one that waits, from 1; 0 for one that runs, will next, or is gone."""
        with self._lock:
            return self.scheduler.place(request_id)

    def join(self, sequence: Sequence, deadline_at: float | None) -> None:
        """Lets a request wait for its turn.

        Raises:
            GenerationError: ``queue_full``, ``shutdown`` or ``duplicate_id``.
        """
        request = sequence.request
        with self._lock:
            if self._closed:
                raise GenerationError("shutdown", "the engine takes no more requests")
            try:
                self.scheduler.submit(
                    request.request_id,
                    priority=request.priority,
                    chat=request.conversation,
                    deadline_at=deadline_at,
                )
            except QueueFull as full:
                raise GenerationError("queue_full", str(full), place=full.place) from full
            except DuplicateRequest as error:
                raise GenerationError("duplicate_id", "the id is already in use") from error
            self._sequences[request.request_id] = sequence

    def cancel(self, request_id: str) -> None:
        """Lets a request go at the next step."""
        with self._lock:
            if request_id in self._sequences:
                self._cancelled.add(request_id)

    def forget(self, conversation: str) -> None:
        """Nothing of a conversation may stay after the next step, nor of its running turn."""
        with self._lock:
            self._forgotten.add(conversation)
            for sequence in self._sequences.values():
                if sequence.request.conversation == conversation:
                    sequence.keeps = False

    def arrange(self, now: float) -> Arrangement:
        """Drops the cancelled and the late, gives free slots away, closes gaps."""
        arranged = Arrangement()
        with self._lock:
            arranged.forgotten, self._forgotten = self._forgotten, set()
            arranged.cancelled = [self._drop(i) for i in list(self._cancelled)]
            arranged.late = [self._drop(i) for i in self.scheduler.expired(now)]
            for request_id, slot in self.scheduler.admit():
                self._sequences[request_id].slot = slot
            for request_id, before, slot in self.scheduler.moves():
                self._sequences[request_id].slot = slot
                arranged.moved.append((self._sequences[request_id], before))
            arranged.running = [self._sequences[i] for i in self.scheduler.running_by_rank]
        return arranged

    def leave(self, request_id: str) -> bool:
        """Takes a request out that has ended; False if it was cancelled meanwhile."""
        with self._lock:
            wanted = request_id not in self._cancelled
            self._drop(request_id)
            return wanted

    def is_cancelled(self, request_id: str) -> bool:
        """Whether nobody wants its words any more."""
        with self._lock:
            return request_id in self._cancelled

    def make_one_wait(self) -> Sequence | None:
        """Sends the last of several running back to wait; None where only one runs."""
        with self._lock:
            running = len(self.scheduler.running)
            if running < 2:
                return None
            self.scheduler.lower_limit(running - 1)
            name = self.scheduler.last_admissible()
            assert name is not None
            self.scheduler.send_back(name)
            return self._sequences[name]

    def make_all_wait(self) -> list[Sequence]:
        """Sends all that run back to wait."""
        with self._lock:
            running = list(self.scheduler.running)
            for name in running:
                self.scheduler.send_back(name)
            return [self._sequences[name] for name in running]

    def raise_limit(self) -> None:
        """Lets one more run."""
        with self._lock:
            self.scheduler.raise_limit()

    def empty(self, *, close: bool) -> list[Sequence]:
        """Takes everybody out; those that still wanted words. With ``close`` nobody may join."""
        with self._lock:
            self._closed = self._closed or close
            left = [s for i, s in self._sequences.items() if i not in self._cancelled]
            for request_id in list(self._sequences):
                self._drop(request_id)
            return left

    def _drop(self, request_id: str) -> Sequence:
        self.scheduler.remove(request_id)
        self._cancelled.discard(request_id)
        return self._sequences.pop(request_id)
