"""The step loop: admit, prefill, decode all running chats together, sample, emit.

One thread calls `step`; any thread may `submit`, `cancel` and `forget`. Text is never logged.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from inference.engine.conversation_cache import ConversationCache
from inference.engine.model_step import ModelStep
from inference.engine.outputs import Output, OutputBuffer
from inference.engine.recovery import Recovery
from inference.engine.request_queue import RequestQueue
from inference.engine.sequence import Sequence
from inference.loading.source import OpenModel
from inference.model.model_runner import ModelRunner, Runner
from inference.requests import GenerationError, GenerationRequest

# Prompt tokens that one step may prefill while no chat waits for its next token ...
PREFILL_TOKENS = 512
# ... and while one does.
PREFILL_BESIDE = 128
# What conversations at rest may hold by default.
CACHED_BYTES = 1 << 30


class Engine:
    """Many requests, one model.

    Attributes:
        runner: The model over its slots.
        conversation_cache: Where conversations stay between their turns.
        steps: Since the start.

    Args:
        opened: Model, tokenizer and prefix.
        runner: The model over its slots; None makes one.
        max_running: Chats decoded together.
        max_waiting: Requests that may wait beyond those.
        conversation_cache: Where conversations stay between their turns; None makes one.
        prefill_tokens: Prompt tokens a step, while no chat decodes and while one does.
        clock: Seconds, only ever rising.
    """

    def __init__(
        self,
        opened: OpenModel,
        *,
        runner: Runner | None = None,
        max_running: int = 16,
        max_waiting: int = 256,
        conversation_cache: ConversationCache | None = None,
        prefill_tokens: tuple[int, int] = (PREFILL_TOKENS, PREFILL_BESIDE),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.runner: Runner = runner or ModelRunner(opened.model, opened.prefix)
        if conversation_cache is None:
            conversation_cache = ConversationCache(device_bytes=CACHED_BYTES)
        self.conversation_cache = cache = conversation_cache
        self.steps = 0
        self._tokenizer = opened.tokenizer
        self._context_length = opened.context_length
        self._clock = clock
        self._queue = queue = RequestQueue(max_running=max_running, max_waiting=max_waiting)
        self._outputs = outputs = OutputBuffer()
        self._recovery = Recovery(self.runner, cache, queue, outputs)
        self._step = ModelStep(self.runner, cache, queue, outputs, self._recovery, prefill_tokens)

    @property
    def computed(self) -> int:
        """Prompt tokens that went through the model."""
        return self._step.computed

    @property
    def reused(self) -> int:
        """Prompt tokens that did not have to."""
        return self._step.reused

    def submit(self, request: GenerationRequest) -> None:
        """Let a request wait for its turn.

        Raises:
            GenerationError: It can never run (`bad_prompt`, `prompt_too_long`), or not now
                (`queue_full`, `shutdown`), or its id is taken (`duplicate_id`).
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
        self._queue.add(sequence, late_at)

    def cancel(self, request_id: str) -> None:
        """Free a request at the next step; nothing more is emitted for it."""
        self._queue.cancel(request_id)

    def forget(self, conversation: str) -> None:
        """Erase at the next step what is kept of a conversation."""
        self._queue.forget(conversation)

    def load(self) -> tuple[int, int]:
        """Return how many run and how many wait."""
        return self._queue.load()

    def place(self, request_id: str) -> int:
        """Return the place in line of one that waits, from 1; 0 if it runs or is gone."""
        return self._queue.place(request_id)

    @property
    def has_work(self) -> bool:
        """Whether a step would do anything."""
        return self._queue.has_work

    @torch.inference_mode()
    def step(self) -> list[Output]:
        """Free, admit, prefill, and give every ready chat its next token.

        Raises:
            EngineLost: No further step can do better.
            Exception: The step failed as a whole; call `restart`.
        """
        self.steps += 1
        running = self._schedule()
        self._step.prefill(running)
        self._step.decode(running)
        self._recovery.check_progress(self._step.emitted)
        self.runner.end_step(is_idle=not self._queue.load()[0])
        return self._outputs.drain()

    @torch.inference_mode()
    def restart(self) -> list[Output]:
        """Erase slots and kept conversations after a step that failed as a whole.

        Requests that ran wait again and continue where they were. One that has seen too many such
        failures is given up.

        Raises:
            EngineLost: No step can do better.
        """
        self._recovery.restart()
        return self._outputs.drain()

    @torch.inference_mode()
    def fail_all(self, reason: str, *, close: bool = False) -> list[Output]:
        """End every request with `reason`; with `close`, take no more."""
        self._recovery.fail_all(reason, close=close)
        return self._outputs.drain()

    def _schedule(self) -> list[Sequence]:
        """Carry out what the queue has decided; return the running, best rank first."""
        output = self._queue.schedule(self._clock())
        for sequence in output.late:
            late = GenerationError("deadline", "its time passed before the reply was whole")
            self._outputs.fail(sequence.request.request_id, late)
        for conversation in output.forgotten:
            self.conversation_cache.forget(conversation)
        for sequence in output.cancelled + output.late:
            self._recovery.release(sequence)
        for sequence, before in output.moved:
            if sequence.is_prepared and sequence.slot is not None:
                self.runner.cache.move(before, sequence.slot, sequence.num_cached)
        return output.running
