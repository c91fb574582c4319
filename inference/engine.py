"""The step loop: admit, prefill, decode all running chats together, sample, emit.

One thread calls ``step``; any thread may ``submit`` and ``cancel``. Knows neither asyncio nor
what the words are for. Never logs text.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import torch

from inference.requests import GenerationError, GenerationRequest
from inference.runner import ModelRunner, is_out_of_memory
from inference.sampling import choose
from inference.scheduler import DuplicateRequest, QueueFull, Scheduler
from inference.sequence import Sequence
from inference.source import OpenModel

#: Prompt tokens that one step may prefill, so that a long prompt does not hold up the others.
PREFILL_TOKENS = 512
#: Steps without trouble after which one more chat may run again.
CALM_STEPS = 64

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Output:
    """What one step did for one request.

    Attributes:
        request_id: Whose.
        text: New text that may be shown; can be empty.
        ids: New token ids, the end of sequence included.
        done: Nothing more follows.
        error: Why the request failed; then ``done`` is true.
    """

    request_id: str
    text: str = ""
    ids: tuple[int, ...] = ()
    done: bool = False
    error: GenerationError | None = None


class Engine:
    """Many requests, one model.

    Args:
        opened: Model, tokenizer and prefix.
        max_running: Chats decoded together.
        max_waiting: Requests that may wait beyond those.
        clock: Seconds, only ever rising.
    """

    def __init__(
        self,
        opened: OpenModel,
        *,
        max_running: int = 16,
        max_waiting: int = 256,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.runner = ModelRunner(opened.model, opened.prefix)
        self.steps = 0
        self._tokenizer = opened.tokenizer
        self._context_length = opened.context_length
        self._clock = clock
        self._lock = threading.Lock()  # guards the four below, never held during a forward pass
        self._scheduler = Scheduler(max_running=max_running, max_waiting=max_waiting)
        self._sequences: dict[str, Sequence] = {}
        self._cancelled: set[str] = set()
        self._closed = False
        self._calm = 0

    def submit(self, request: GenerationRequest) -> None:
        """Lets a request wait for its turn.

        Raises:
            GenerationError: It can never run (``bad_prompt``, ``prompt_too_long``), or not now
                (``queue_full``, ``shutdown``), or its id is taken (``duplicate_id``).
        """
        room = self._context_length - len(request.prompt_ids)
        if room < 1:
            raise GenerationError(
                "prompt_too_long",
                f"{len(request.prompt_ids)} tokens, the context holds {self._context_length}",
                permanent=True,
            )
        if not all(0 <= token < self.runner.vocabulary for token in request.prompt_ids):
            raise GenerationError("bad_prompt", "an id is not in the vocabulary", permanent=True)
        sequence = Sequence(
            request, self._tokenizer, max_new_tokens=min(room, request.max_new_tokens)
        )
        deadline_at = None if request.deadline_s is None else self._clock() + request.deadline_s
        with self._lock:
            if self._closed:
                raise GenerationError("shutdown", "the engine takes no more requests")
            try:
                self._scheduler.submit(
                    request.request_id, priority=request.priority, deadline_at=deadline_at
                )
            except QueueFull as full:
                raise GenerationError("queue_full", str(full), place=full.place) from full
            except DuplicateRequest as error:
                raise GenerationError("duplicate_id", "the id is already in use") from error
            self._sequences[request.request_id] = sequence

    def cancel(self, request_id: str) -> None:
        """Frees a request at the next step; nothing more is emitted for it."""
        with self._lock:
            if request_id in self._sequences:
                self._cancelled.add(request_id)

    def load(self) -> tuple[int, int]:
        """How many run and how many wait."""
        with self._lock:
            return len(self._scheduler.running), self._scheduler.waiting

    @property
    def has_work(self) -> bool:
        """Whether a step would do anything."""
        with self._lock:
            return len(self._scheduler) > 0

    @torch.inference_mode()
    def step(self) -> list[Output]:
        """Frees, admits, prefills, and gives every ready chat its next token."""
        outputs: list[Output] = []
        self.steps += 1
        running = self._arrange(outputs)
        self._prefill(running, outputs)
        ready = sorted(
            (s for s in running if s.slot is not None and s.opened and s.pending == 1),
            key=lambda s: s.slot or 0,  # neighbours in the cache are read without a copy
        )
        if ready:
            self._decode(ready, outputs)
        self._settle()
        return outputs

    def fail_all(self, reason: str, *, close: bool = False) -> list[Output]:
        """Ends every request with ``reason``; with ``close`` no more are taken either."""
        with self._lock:
            self._closed = self._closed or close
            left = [i for i in self._sequences if i not in self._cancelled]
            for request_id in list(self._sequences):
                self._forget(request_id)
        return [Output(i, done=True, error=GenerationError(reason)) for i in left]

    def _arrange(self, outputs: list[Output]) -> list[Sequence]:
        """Drops the cancelled and the late, gives free slots away; the running, oldest first."""
        with self._lock:
            for request_id in list(self._cancelled):
                self._forget(request_id)
            for request_id in self._scheduler.expired(self._clock()):
                self._forget(request_id)
                late = GenerationError("deadline", "its time passed before the reply was whole")
                outputs.append(Output(request_id, done=True, error=late))
            for request_id, slot in self._scheduler.admit():
                self._sequences[request_id].slot = slot
            return [self._sequences[request_id] for request_id in self._scheduler.running]

    def _forget(self, request_id: str) -> None:
        self._scheduler.remove(request_id)
        self._cancelled.discard(request_id)
        self._sequences.pop(request_id).leave_slot()

    def _prefill(self, running: list[Sequence], outputs: list[Output]) -> None:
        """Stores prompts but for their last token, which takes part in the common step."""
        left = PREFILL_TOKENS
        for sequence in running:
            if sequence.slot is None or left == 0:
                continue
            count = min(left, sequence.pending - 1)
            try:
                if not sequence.opened:
                    self.runner.cache.open(sequence.slot, len(sequence.ids))
                    sequence.opened = True
                if count:
                    start = sequence.stored
                    chunk = sequence.ids[start : start + count]
                    self.runner.prefill(sequence.slot, chunk, start)
            except Exception as error:  # whatever it is, it is this request's
                self._recover(sequence, error, outputs)
            else:
                sequence.stored += count
                left -= count

    def _decode(self, ready: list[Sequence], outputs: list[Output]) -> None:
        """One token for all; if that fails, for each alone, to find whose fault it is."""
        try:
            chosen = self._next_tokens(ready)
        except Exception as error:
            if len(ready) == 1 or is_out_of_memory(error):
                self._recover(ready[-1], error, outputs)
                return
            _log.warning("a step of %d chats failed (%s)", len(ready), type(error).__name__)
            for sequence in ready:
                self._decode([sequence], outputs)
            return
        for sequence, token in zip(ready, chosen, strict=True):
            self._emit(sequence, token, outputs)

    def _next_tokens(self, ready: list[Sequence]) -> list[int | None]:
        logits = self.runner.decode(
            [s.slot for s in ready if s.slot is not None],
            [s.ids[-1] for s in ready],
            [s.stored for s in ready],
        )
        return choose(logits, [s.sampler for s in ready])

    def _emit(self, sequence: Sequence, token: int | None, outputs: list[Output]) -> None:
        request_id = sequence.request.request_id
        if token is None:
            self._fail(sequence, GenerationError("bad_logits", "not finite"), outputs)
            return
        sequence.stored += 1
        try:
            text = sequence.accept(token)
        except Exception as error:  # decoding text is this request's matter alone
            self._recover(sequence, error, outputs)
            return
        with self._lock:
            if request_id in self._cancelled:
                return
            if sequence.finished:
                self._forget(request_id)
        outputs.append(Output(request_id, text, (token,), done=sequence.finished))

    def _recover(self, sequence: Sequence, error: Exception, outputs: list[Output]) -> None:
        """Fails one request; for want of memory, first lets the last one admitted wait again."""
        if not is_out_of_memory(error):
            # The place, not the message: an exception's words may hold a user's.
            place = traceback.extract_tb(error.__traceback__)[-1]
            _log.error(
                "a request failed: %s at %s:%s", type(error).__name__, place.name, place.lineno
            )
            self._fail(sequence, GenerationError("engine_failed", type(error).__name__), outputs)
            return
        self._calm = 0
        with self._lock:
            running = len(self._scheduler.running)
            if running > 1:
                self._scheduler.lower_limit(running - 1)
                name = self._scheduler.last_admissible()
                assert name is not None
                self._scheduler.send_back(name)
                self._sequences[name].leave_slot()
        if running == 1:
            short = GenerationError("out_of_memory", "not enough even for this chat alone")
            self._fail(sequence, short, outputs)
            self.runner.cache.trim()
        _log.warning("memory ran short with %d chats running", running)
        self.runner.release_memory()

    def _fail(self, sequence: Sequence, error: GenerationError, outputs: list[Output]) -> None:
        with self._lock:
            self._forget(sequence.request.request_id)
        outputs.append(Output(sequence.request.request_id, done=True, error=error))

    def _settle(self) -> None:
        """After a step: memory back when nobody talks, one more chat after a calm while."""
        self._calm += 1
        with self._lock:
            idle = not self._scheduler.running
            if self._calm % CALM_STEPS == 0:
                self._scheduler.raise_limit()
        if idle:
            self.runner.cache.trim()
