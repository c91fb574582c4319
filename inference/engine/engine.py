"""The step loop: admit, prefill, decode all running chats together, sample, emit.

One thread calls ``step``; any thread may ``submit``, ``cancel`` and ``forget``. Knows neither
asyncio nor what the words are for. Never logs text.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from inference.engine.conversation_cache import ResidentConversations
from inference.engine.model_step import Passes
from inference.engine.outputs import Outbox, Output
from inference.engine.recovery import Recovery
from inference.engine.request_queue import Line
from inference.engine.sequence import Sequence
from inference.loading.source import OpenModel
from inference.model.model_runner import ModelRunner
from inference.requests import GenerationError, GenerationRequest

#: Prompt tokens that one step may prefill while nobody waits for the next word ...
PREFILL_TOKENS = 512
#: ... and while somebody does.
PREFILL_BESIDE = 128
#: What conversations at rest may hold where nothing else was said.
RESIDENT_BYTES = 1 << 30


class Engine:
    """Many requests, one model.

    Attributes:
        runner: The model over its slots.
        resident: Where conversations stay between their turns.
        steps: Since the start.

    Args:
        opened: Model, tokenizer and prefix.
        max_running: Chats decoded together.
        max_waiting: Requests that may wait beyond those.
        resident: Where conversations stay between their turns.
        prefill_tokens: Prompt tokens a step, while nobody decodes and while somebody does.
        clock: Seconds, only ever rising.
    """

    def __init__(
        self,
        opened: OpenModel,
        *,
        max_running: int = 16,
        max_waiting: int = 256,
        resident: ResidentConversations | None = None,
        prefill_tokens: tuple[int, int] = (PREFILL_TOKENS, PREFILL_BESIDE),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.runner = ModelRunner(opened.model, opened.prefix)
        if resident is None:
            resident = ResidentConversations(device_bytes=RESIDENT_BYTES)
        self.resident = resident
        self.steps = 0
        self._tokenizer = opened.tokenizer
        self._context_length = opened.context_length
        self._clock = clock
        self._line = Line(max_running=max_running, max_waiting=max_waiting)
        self._outbox = Outbox()
        self._recovery = Recovery(self.runner, resident, self._line, self._outbox)
        self._passes = Passes(
            self.runner, resident, self._line, self._outbox, self._recovery, prefill_tokens
        )

    @property
    def computed(self) -> int:
        """Prompt tokens that went through the model."""
        return self._passes.computed

    @property
    def reused(self) -> int:
        """Prompt tokens that did not have to."""
        return self._passes.reused

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
        late_at = None if request.deadline_s is None else self._clock() + request.deadline_s
        self._line.join(sequence, late_at)

    def cancel(self, request_id: str) -> None:
        """Frees a request at the next step; nothing more is emitted for it."""
        self._line.cancel(request_id)

    def forget(self, conversation: str) -> None:
        """Erases at the next step what is kept of a conversation."""
        self._line.forget(conversation)

    def load(self) -> tuple[int, int]:
        """How many run and how many wait."""
        return self._line.load()

    def place(self, request_id: str) -> int:
        """The place in line of one that waits, from 1; 0 for one that runs or is gone."""
        return self._line.place(request_id)

    @property
    def has_work(self) -> bool:
        """Whether a step would do anything."""
        return self._line.has_work

    @torch.inference_mode()
    def step(self) -> list[Output]:
        """Frees, admits, prefills, and gives every ready chat its next token.

        Raises:
            EngineLost: No further step can do better.
            Exception: The step failed as a whole; ``restart`` begins anew.
        """
        self.steps += 1
        running = self._arrange()
        self._passes.prefill(running)
        self._passes.decode(running)
        self._settle()
        return self._outbox.take()

    @torch.inference_mode()
    def restart(self) -> list[Output]:
        """Begins anew after a step that failed as a whole: slots and kept conversations go.

        Requests that ran wait again and go on where they were; one that has seen too many such
        failures is given up.

        Raises:
            EngineLost: No step can do better.
        """
        self._recovery.begin_anew()
        return self._outbox.take()

    @torch.inference_mode()
    def fail_all(self, reason: str, *, close: bool = False) -> list[Output]:
        """Ends every request with ``reason``; with ``close`` no more are taken either."""
        self._recovery.end_all(reason, close=close)
        return self._outbox.take()

    def _arrange(self) -> list[Sequence]:
        """Carries out what the line has decided; the running, best rank first."""
        arranged = self._line.arrange(self._clock())
        for sequence in arranged.late:
            late = GenerationError("deadline", "its time passed before the reply was whole")
            self._outbox.fail(sequence.request.request_id, late)
        for conversation in arranged.forgotten:
            self.resident.forget(conversation)
        for sequence in arranged.cancelled + arranged.late:
            self._recovery.leave(sequence)
        for sequence, before in arranged.moved:
            if sequence.opened and sequence.slot is not None:
                self.runner.cache.move(before, sequence.slot, sequence.stored)
        return arranged.running

    def _settle(self) -> None:
        """After a step: whether it can go on like this; memory back when nobody talks."""
        self._recovery.look_back(self._passes.words)
        if not self._line.load()[0]:
            self.runner.rest()
