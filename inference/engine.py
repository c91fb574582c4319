"""The step loop: admit, prefill, decode all running chats together, sample, emit.

One thread calls ``step``; any thread may ``submit``, ``cancel`` and ``forget``. Knows neither
asyncio nor what the words are for. Never logs text.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import torch

from inference.decoder import Segment
from inference.line import Line
from inference.requests import GenerationError, GenerationRequest
from inference.resident import ResidentConversations
from inference.runner import ModelRunner, is_out_of_memory
from inference.sampling import choose
from inference.scheduler import share
from inference.sequence import Sequence
from inference.source import OpenModel

#: Prompt tokens that one step may prefill while nobody waits for the next word ...
PREFILL_TOKENS = 512
#: ... and while somebody does.
PREFILL_BESIDE = 128
#: Steps without trouble after which one more chat may run again.
CALM_STEPS = 64
#: A request that was there when the engine had to begin anew more often than this is given up.
MAX_RESTARTS = 2
#: What conversations at rest may hold where nothing else was said.
RESIDENT_BYTES = 1 << 30

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

    Attributes:
        steps: Since the start.
        computed: Prompt tokens that went through the model.
        reused: Prompt tokens that did not have to.

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
        self.steps = self.computed = self.reused = 0
        self._tokenizer = opened.tokenizer
        self._context_length = opened.context_length
        self._prefill_tokens = prefill_tokens
        self._clock = clock
        self._line = Line(max_running=max_running, max_waiting=max_waiting)
        self._outputs: list[Output] = []
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
        """Frees, admits, prefills, and gives every ready chat its next token."""
        self.steps += 1
        running = self._arrange()
        self._prefill(running)
        ready = sorted(
            (s for s in running if s.slot is not None and s.opened and s.pending == 1),
            key=lambda s: s.slot or 0,
        )
        if ready:
            self._decode(ready)
        self._settle()
        return self._take_outputs()

    @torch.inference_mode()
    def restart(self) -> list[Output]:
        """Begins anew after a step that failed as a whole: slots and kept conversations go.

        Requests that ran wait again and go on where they were; one that has seen too many such
        failures is given up.
        """
        for sequence in self._line.make_all_wait():
            sequence.leave_slot()
            sequence.restarts += 1
            if sequence.restarts > MAX_RESTARTS:
                self._fail(sequence, GenerationError("engine_failed", "steps failed as a whole"))
        self.resident.clear()
        self.runner.cache.trim()
        self.runner.release_memory()
        return self._take_outputs()

    @torch.inference_mode()
    def fail_all(self, reason: str, *, close: bool = False) -> list[Output]:
        """Ends every request with ``reason``; with ``close`` no more are taken either."""
        for sequence in self._line.empty(close=close):
            failed = GenerationError(reason)
            self._outputs.append(Output(sequence.request.request_id, done=True, error=failed))
        self.resident.clear()
        self.runner.cache.trim()
        return self._take_outputs()

    def _take_outputs(self) -> list[Output]:
        outputs, self._outputs = self._outputs, []
        return outputs

    def _arrange(self) -> list[Sequence]:
        """Carries out what the line has decided; the running, best rank first."""
        arranged = self._line.arrange(self._clock())
        for conversation in arranged.forgotten:
            self.resident.forget(conversation)
        for sequence in arranged.late:
            late = GenerationError("deadline", "its time passed before the reply was whole")
            self._outputs.append(Output(sequence.request.request_id, done=True, error=late))
        for sequence in arranged.cancelled + arranged.late:
            self._leave(sequence)
        for sequence, before in arranged.moved:
            if sequence.opened and sequence.slot is not None:
                self.runner.cache.move(before, sequence.slot, sequence.stored)
        return arranged.running

    def _leave(self, sequence: Sequence) -> None:
        """Empties a slot; what it held stays for the conversation's next turn."""
        slot, conversation = sequence.slot, sequence.request.conversation
        if slot is None:
            return
        if sequence.keeps and conversation and sequence.stored and self.resident.keeps_any:
            ids = sequence.ids[: sequence.stored]
            try:
                self.resident.keep(conversation, ids, self.runner.cache.copy_out(slot, len(ids)))
            except Exception as error:  # the next turn computes it again
                _log.warning("a conversation was not kept: %s", type(error).__name__)
        self.runner.cache.wipe(slot)
        sequence.leave_slot()

    def _open(self, sequence: Sequence) -> None:
        """Brings back what is kept of the conversation, as far as the prompt agrees with it."""
        assert sequence.slot is not None
        held, count = self.resident.match(sequence.request.conversation or "", sequence.ids)
        if count:
            self.runner.cache.copy_in(sequence.slot, held, count)
        self.runner.cache.reserve(sequence.slot, len(sequence.ids))
        sequence.stored, sequence.opened = count, True
        self.reused += count

    def _prefill(self, running: list[Sequence]) -> None:
        """Stores prompts but for their last token, which takes part in the common step."""
        for sequence in running:
            if not sequence.opened and sequence.slot is not None:
                try:
                    self._open(sequence)
                except Exception as error:  # whatever it is, it is this request's
                    self._recover(sequence, error)
        opened = [s for s in running if s.opened]
        beside = any(s.pending == 1 for s in opened)
        parts = share([s.pending - 1 for s in opened], self._prefill_tokens[beside])
        self._prefill_parts([(s, n) for s, n in zip(opened, parts, strict=True) if n])

    def _prefill_parts(self, parts: list[tuple[Sequence, int]]) -> None:
        """One pass for all; if that fails, one for each, to find whose fault it is."""
        if not parts:
            return
        segments = [
            Segment(s.slot, s.ids[s.stored : s.stored + count], s.stored)
            for s, count in parts
            if s.slot is not None
        ]
        try:
            self.runner.prefill_together(segments)
        except Exception as error:
            if len(parts) == 1 or is_out_of_memory(error):
                self._recover(parts[-1][0], error)
                return
            _log.warning("a prefill of %d chats failed (%s)", len(parts), type(error).__name__)
            for part in parts:
                if part[0].slot is not None:  # it may have been sent back meanwhile
                    self._prefill_parts([part])
            return
        for sequence, count in parts:
            sequence.stored += count
            self.computed += count

    def _decode(self, ready: list[Sequence]) -> None:
        """One token for all; if that fails, for each alone, to find whose fault it is."""
        try:
            chosen = self._next_tokens(ready)
        except Exception as error:
            if len(ready) == 1 or is_out_of_memory(error):
                self._recover(ready[-1], error)
                return
            _log.warning("a step of %d chats failed (%s)", len(ready), type(error).__name__)
            for sequence in ready:
                if sequence.slot is not None:
                    self._decode([sequence])
            return
        for sequence, token in zip(ready, chosen, strict=True):
            self._emit(sequence, token)

    def _next_tokens(self, ready: list[Sequence]) -> list[int | None]:
        logits = self.runner.decode(
            [s.slot for s in ready if s.slot is not None],
            [s.ids[-1] for s in ready],
            [s.stored for s in ready],
        )
        return choose(logits, [s.sampler for s in ready])

    def _emit(self, sequence: Sequence, token: int | None) -> None:
        request_id = sequence.request.request_id
        if token is None:
            self._fail(sequence, GenerationError("bad_logits", "not finite"))
            return
        sequence.stored += 1
        try:
            text = sequence.accept(token)
        except Exception as error:  # decoding text is this request's matter alone
            self._recover(sequence, error)
            return
        wanted = not self._line.is_cancelled(request_id)
        if sequence.finished:
            wanted = self._line.leave(request_id)
            self._leave(sequence)
        if wanted:
            self._outputs.append(Output(request_id, text, (token,), done=sequence.finished))

    def _recover(self, sequence: Sequence, error: Exception) -> None:
        """Fails one request; for want of memory, lets go of what is not needed now instead."""
        if not is_out_of_memory(error):
            # The place, not the message: an exception's words may hold a user's.
            place = traceback.extract_tb(error.__traceback__)[-1]
            _log.error(
                "a request failed: %s at %s:%s", type(error).__name__, place.name, place.lineno
            )
            self._fail(sequence, GenerationError("engine_failed", type(error).__name__))
            return
        self._calm = 0
        running, _ = self._line.load()
        _log.warning("memory ran short with %d chats running", running)
        if not self.resident.clear():
            last = self._line.make_one_wait()
            if last is None:
                short = GenerationError("out_of_memory", "not enough even for this chat alone")
                self._fail(sequence, short)
                self.runner.cache.trim()
            elif last.slot is not None:
                self.runner.cache.wipe(last.slot)
                last.leave_slot()
        self.runner.release_memory()

    def _fail(self, sequence: Sequence, error: GenerationError) -> None:
        sequence.keeps = False
        request_id = sequence.request.request_id
        wanted = self._line.leave(request_id)
        self._leave(sequence)
        if wanted:
            self._outputs.append(Output(request_id, done=True, error=error))

    def _settle(self) -> None:
        """After a step: memory back when nobody talks, one more chat after a calm while."""
        self._calm += 1
        if self._calm % CALM_STEPS == 0:
            self._line.raise_limit()
        if not self._line.load()[0]:
            self.runner.rest()
