"""Requests that wait and run, those that left, and conversations to be forgotten."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from inference.engine.scheduler import DuplicateRequest, QueueFull, Scheduler
from inference.engine.sequence import Sequence
from inference.requests import GenerationError


@dataclass(slots=True)
class SchedulerOutput:
    """What has changed since the step before.

    Attributes:
        running: Best rank first.
        cancelled: Cancelled by their readers; their slots still hold what they stored.
        late: Dropped because their deadline passed; likewise.
        moved: (sequence, slot before): the sequence already names its new slot.
        forgotten: Conversations of which nothing may stay.
    """

    running: list[Sequence] = field(default_factory=list)
    cancelled: list[Sequence] = field(default_factory=list)
    late: list[Sequence] = field(default_factory=list)
    moved: list[tuple[Sequence, int]] = field(default_factory=list)
    forgotten: set[str] = field(default_factory=set)


class RequestQueue:
    """Sequences by request id, and the scheduler over them, behind one lock.

    Any thread may add and cancel; the engine's thread calls `schedule` once a step. The lock is
    never held during a forward pass.
    """

    def __init__(self, *, max_running: int, max_waiting: int) -> None:
        self._scheduler = Scheduler(max_running=max_running, max_waiting=max_waiting)
        self._lock = threading.Lock()
        self._sequences: dict[str, Sequence] = {}
        self._cancelled: set[str] = set()
        self._forgotten: set[str] = set()
        self._closed = False

    @property
    def has_work(self) -> bool:
        """Whether a step would do anything."""
        with self._lock:
            return len(self._scheduler) > 0 or bool(self._forgotten)

    def load(self) -> tuple[int, int]:
        """Return how many run and how many wait."""
        with self._lock:
            return len(self._scheduler.running), self._scheduler.waiting

    def place(self, request_id: str) -> int:
        """Return the place of one that waits, from 1; 0 if it runs, will next, or is gone."""
        with self._lock:
            return self._scheduler.place(request_id)

    def add(self, sequence: Sequence, deadline_at: float | None) -> None:
        """Let a request wait for its turn.

        Raises:
            GenerationError: `queue_full`, `shutdown` or `duplicate_id`.
        """
        request = sequence.request
        with self._lock:
            if self._closed:
                raise GenerationError("shutdown", "the engine takes no more requests")
            try:
                self._scheduler.submit(
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
        """Drop a request at the next step."""
        with self._lock:
            if request_id in self._sequences:
                self._cancelled.add(request_id)

    def forget(self, conversation: str) -> None:
        """Keep nothing of a conversation after the next step, nor of its running turn."""
        with self._lock:
            self._forgotten.add(conversation)
            for sequence in self._sequences.values():
                if sequence.request.conversation == conversation:
                    sequence.keep_after_finish = False

    def schedule(self, now: float) -> SchedulerOutput:
        """Drop the cancelled and the late, give free slots away, close gaps."""
        output = SchedulerOutput()
        with self._lock:
            output.forgotten, self._forgotten = self._forgotten, set()
            output.cancelled = [self._drop(i) for i in list(self._cancelled)]
            output.late = [self._drop(i) for i in self._scheduler.expired(now)]
            for request_id, slot in self._scheduler.admit():
                self._sequences[request_id].slot = slot
            for request_id, before, slot in self._scheduler.moves():
                self._sequences[request_id].slot = slot
                output.moved.append((self._sequences[request_id], before))
            output.running = [self._sequences[i] for i in self._scheduler.running_by_rank]
        return output

    def finish(self, request_id: str) -> bool:
        """Remove a request that has ended; return False if it was cancelled meanwhile."""
        with self._lock:
            is_wanted = request_id not in self._cancelled
            self._drop(request_id)
            return is_wanted

    def is_cancelled(self, request_id: str) -> bool:
        """Return whether a running request was cancelled since the step began."""
        with self._lock:
            return request_id in self._cancelled

    def preempt_last(self) -> Sequence | None:
        """Send the last of several running back to wait; None if only one runs."""
        with self._lock:
            running = len(self._scheduler.running)
            if running < 2:
                return None
            self._scheduler.lower_limit(running - 1)
            name = self._scheduler.last_admissible()
            assert name is not None
            self._scheduler.preempt(name)
            return self._sequences[name]

    def preempt_all(self) -> list[Sequence]:
        """Send all that run back to wait."""
        with self._lock:
            running = list(self._scheduler.running)
            for name in running:
                self._scheduler.preempt(name)
            return [self._sequences[name] for name in running]

    def raise_limit(self) -> None:
        """Let one more run."""
        with self._lock:
            self._scheduler.raise_limit()

    def clear(self, *, close: bool) -> list[Sequence]:
        """Remove all requests and return those not cancelled. With `close`, accept no more."""
        with self._lock:
            self._closed = self._closed or close
            left = [s for i, s in self._sequences.items() if i not in self._cancelled]
            for request_id in list(self._sequences):
                self._drop(request_id)
            return left

    def _drop(self, request_id: str) -> Sequence:
        self._scheduler.remove(request_id)
        self._cancelled.discard(request_id)
        return self._sequences.pop(request_id)
