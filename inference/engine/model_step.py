"""Prefill and decode over all running chats; a pass that fails is repeated for each alone.

Knows the runner, samplers and what is kept of conversations. Does not know who may run, nor what
becomes of one that fails (``recovery``).
"""

from __future__ import annotations

import logging

from inference.engine.conversation_cache import ResidentConversations
from inference.engine.outputs import Outbox
from inference.engine.recovery import Recovery
from inference.engine.request_queue import Line
from inference.engine.sampler import choose
from inference.engine.scheduler import share
from inference.engine.sequence import Sequence
from inference.model.decoder import Segment
from inference.model.model_runner import ModelRunner, is_out_of_memory
from inference.requests import GenerationError

_log = logging.getLogger(__name__)


class Passes:
    """What a step computes.

    Attributes:
        computed: Prompt tokens that went through the model.
        reused: Prompt tokens that did not have to.
        words: Tokens given to requests.

    Args:
        runner: The model over its slots.
        resident: Where conversations stay between their turns.
        line: Whom words are for.
        outbox: Where words go.
        recovery: What becomes of one that fails.
        prefill_tokens: Prompt tokens a step, while nobody decodes and while somebody does.
    """

    def __init__(
        self,
        runner: ModelRunner,
        resident: ResidentConversations,
        line: Line,
        outbox: Outbox,
        recovery: Recovery,
        prefill_tokens: tuple[int, int],
    ) -> None:
        self.computed = self.reused = self.words = 0
        self._runner = runner
        self._resident = resident
        self._line = line
        self._outbox = outbox
        self._recovery = recovery
        self._prefill_tokens = prefill_tokens

    def prefill(self, running: list[Sequence]) -> None:
        """Stores prompts but for their last token, which takes part in the common step."""
        for sequence in running:
            if not sequence.opened and sequence.slot is not None:
                try:
                    self._open(sequence)
                except Exception as error:  # whatever it is, it is this request's
                    self._recovery.recover(sequence, error)
        opened = [s for s in running if s.opened]
        beside = any(s.pending == 1 for s in opened)
        parts = share([s.pending - 1 for s in opened], self._prefill_tokens[beside])
        self._prefill_parts([(s, n) for s, n in zip(opened, parts, strict=True) if n])

    def decode(self, running: list[Sequence]) -> None:
        """The next token of every chat whose prompt is stored."""
        ready = sorted(
            (s for s in running if s.slot is not None and s.opened and s.pending == 1),
            key=lambda s: s.slot or 0,
        )
        if ready:
            self._decode(ready)

    def _open(self, sequence: Sequence) -> None:
        """Brings back what is kept of the conversation, as far as the prompt agrees with it."""
        assert sequence.slot is not None
        held, count = self._resident.match(sequence.request.conversation or "", sequence.ids)
        if count:
            self._runner.cache.copy_in(sequence.slot, held, count)
        self._runner.cache.reserve(sequence.slot, len(sequence.ids))
        sequence.stored, sequence.opened = count, True
        self.reused += count

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
            self._runner.prefill_together(segments)
        except Exception as error:
            if len(parts) == 1 or is_out_of_memory(error):
                self._recovery.recover(parts[-1][0], error)
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
                self._recovery.recover(ready[-1], error)
                return
            _log.warning("a step of %d chats failed (%s)", len(ready), type(error).__name__)
            for sequence in ready:
                if sequence.slot is not None:
                    self._decode([sequence])
            return
        for sequence, token in zip(ready, chosen, strict=True):
            self._emit(sequence, token)

    def _next_tokens(self, ready: list[Sequence]) -> list[int | None]:
        logits = self._runner.decode(
            [s.slot for s in ready if s.slot is not None],
            [s.ids[-1] for s in ready],
            [s.stored for s in ready],
        )
        return choose(logits, [s.sampler for s in ready])

    def _emit(self, sequence: Sequence, token: int | None) -> None:
        if token is None:
            self._recovery.fail(sequence, GenerationError("bad_logits", "not finite"))
            return
        sequence.stored += 1
        try:
            text = sequence.accept(token)
        except Exception as error:  # decoding text is this request's matter alone
            self._recovery.recover(sequence, error)
            return
        self.words += 1
        request_id = sequence.request.request_id
        wanted = not self._line.is_cancelled(request_id)
        if sequence.finished:
            wanted = self._line.leave(request_id)
        if wanted:  # before the slot is emptied: a device that fails must not swallow the end
            self._outbox.say(request_id, text, token, done=sequence.finished)
        if sequence.finished:
            self._recovery.leave(sequence)
