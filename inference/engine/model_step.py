"""Prefill and decode over all running chats; a failed pass is repeated for each chat alone."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from inference.engine.conversation_cache import ConversationCache
from inference.engine.outputs import OutputBuffer
from inference.engine.recovery import Recovery
from inference.engine.request_queue import RequestQueue
from inference.engine.sampler import choose
from inference.engine.scheduler import share
from inference.engine.sequence import Sequence
from inference.model.decoder import Segment
from inference.model.model_runner import Runner, is_out_of_memory
from inference.requests import GenerationError

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class ModelStep:
    """The computing part of a step.

    Attributes:
        runner: The model over its slots.
        conversation_cache: Where conversations stay between their turns.
        queue: Tells whether a request still wants its tokens.
        outputs: Where tokens go.
        recovery: Handles requests that fail.
        prefill_tokens: Prompt tokens a step, while no chat decodes and while one does.
        computed: Prompt tokens that went through the model.
        reused: Prompt tokens that did not have to.
        emitted: Tokens given to requests.
    """

    runner: Runner
    conversation_cache: ConversationCache
    queue: RequestQueue
    outputs: OutputBuffer
    recovery: Recovery
    prefill_tokens: tuple[int, int]
    computed: int = 0
    reused: int = 0
    emitted: int = 0

    def prefill(self, running: list[Sequence]) -> None:
        """Store prompts except their last token, which takes part in the common step."""
        for sequence in running:
            if not sequence.is_prepared and sequence.slot is not None:
                try:
                    self._prepare(sequence)
                except Exception as error:  # whatever it is, it is this request's
                    self.recovery.recover(sequence, error)
        prepared = [s for s in running if s.is_prepared]
        decodes = any(s.num_uncached == 1 for s in prepared)
        parts = share([s.num_uncached - 1 for s in prepared], self.prefill_tokens[decodes])
        self._prefill_parts([(s, n) for s, n in zip(prepared, parts, strict=True) if n])

    def decode(self, running: list[Sequence]) -> None:
        """Give every chat whose prompt is stored its next token."""
        ready = sorted(
            (s for s in running if s.slot is not None and s.is_prepared and s.num_uncached == 1),
            key=lambda s: s.slot or 0,
        )
        if ready:
            self._decode(ready)

    def _prepare(self, sequence: Sequence) -> None:
        """Bring back what is kept of the conversation, as far as the prompt agrees with it."""
        assert sequence.slot is not None
        conversation = sequence.request.conversation or ""
        layers, count = self.conversation_cache.match(conversation, sequence.ids)
        if count:
            self.runner.cache.copy_in(sequence.slot, layers, count)
        self.runner.cache.reserve(sequence.slot, len(sequence.ids))
        sequence.num_cached, sequence.is_prepared = count, True
        self.reused += count

    def _prefill_parts(self, parts: list[tuple[Sequence, int]]) -> None:
        """Run one pass for all; if it fails, one for each, to find whose fault it is."""
        if not parts:
            return
        segments = [
            Segment(s.slot, s.ids[s.num_cached : s.num_cached + count], s.num_cached)
            for s, count in parts
            if s.slot is not None
        ]
        try:
            self.runner.prefill(segments)
        except Exception as error:
            if len(parts) == 1 or is_out_of_memory(error):
                self.recovery.recover(parts[-1][0], error)
                return
            _log.warning("a prefill of %d chats failed (%s)", len(parts), type(error).__name__)
            for part in parts:
                if part[0].slot is not None:  # it may have been preempted meanwhile
                    self._prefill_parts([part])
            return
        for sequence, count in parts:
            sequence.num_cached += count
            self.computed += count

    def _decode(self, ready: list[Sequence]) -> None:
        """Decode one token for all; if that fails, for each alone, to find whose fault it is."""
        try:
            tokens = self._next_tokens(ready)
        except Exception as error:
            if len(ready) == 1 or is_out_of_memory(error):
                self.recovery.recover(ready[-1], error)
                return
            _log.warning("a step of %d chats failed (%s)", len(ready), type(error).__name__)
            for sequence in ready:
                if sequence.slot is not None:
                    self._decode([sequence])
            return
        for sequence, token in zip(ready, tokens, strict=True):
            self._emit(sequence, token)

    def _next_tokens(self, ready: list[Sequence]) -> list[int | None]:
        logits = self.runner.decode(
            [s.slot for s in ready if s.slot is not None],
            [s.ids[-1] for s in ready],
            [s.num_cached for s in ready],
        )
        return choose(logits, [s.sampler for s in ready])

    def _emit(self, sequence: Sequence, token: int | None) -> None:
        if token is None:
            self.recovery.fail(sequence, GenerationError("bad_logits", "not finite"))
            return
        sequence.num_cached += 1
        try:
            text = sequence.append(token)
        except Exception as error:  # decoding text concerns this request alone
            self.recovery.recover(sequence, error)
            return
        self.emitted += 1
        request_id = sequence.request.request_id
        is_wanted = not self.queue.is_cancelled(request_id)
        if sequence.finished:
            is_wanted = self.queue.finish(request_id)
        if is_wanted:  # before the slot is emptied: a device that fails must not swallow the end
            self.outputs.add(request_id, text, token, done=sequence.finished)
        if sequence.finished:
            self.recovery.release(sequence)
