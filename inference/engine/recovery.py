"""How chats leave their slots, and what gives way when something fails or memory runs short."""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass

from inference.engine.conversation_cache import ConversationCache
from inference.engine.outputs import EngineLost, OutputBuffer
from inference.engine.request_queue import RequestQueue
from inference.engine.sequence import Sequence
from inference.model.model_runner import Runner, is_out_of_memory
from inference.requests import GenerationError

# Steps without trouble after which one more chat may run again.
CALM_STEPS = 64
# A request that saw more restarts than this is given up.
MAX_RESTARTS = 2
# After so many steps that failed requests and emitted no token the engine restarts; after twice as
# many it is lost.
BARREN_STEPS = 8

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Recovery:
    """Lets one chat go, several, or all.

    Attributes:
        runner: Its slots are emptied.
        conversation_cache: Where conversations stay between their turns.
        queue: The requests that wait and run.
        outputs: Where failures are reported.
    """

    runner: Runner
    conversation_cache: ConversationCache
    queue: RequestQueue
    outputs: OutputBuffer
    _calm: int = 0  # steps since memory ran short
    _has_failed: bool = False  # a request, in this step
    _barren: int = 0  # steps in which a request failed, since the last token
    _emitted: int = 0

    def release(self, sequence: Sequence) -> None:
        """Empty a slot; what it held stays for the conversation's next turn."""
        slot, conversation = sequence.slot, sequence.request.conversation
        if slot is None:
            return
        cache = self.runner.cache
        may_keep = sequence.keep_after_finish and self.conversation_cache.is_enabled
        if may_keep and conversation and sequence.num_cached:
            ids = sequence.ids[: sequence.num_cached]
            try:
                self.conversation_cache.store(conversation, ids, cache.copy_out(slot, len(ids)))
            except Exception as error:  # the next turn computes it again
                _log.warning("a conversation was not kept: %s", type(error).__name__)
        cache.wipe(slot)
        sequence.leave_slot()

    def fail(self, sequence: Sequence, error: GenerationError) -> None:
        """End a request. Reported first: a device that fails must not swallow it."""
        sequence.keep_after_finish = False
        self._has_failed = True
        request_id = sequence.request.request_id
        if self.queue.finish(request_id):
            self.outputs.fail(request_id, error)
        self.release(sequence)

    def recover(self, sequence: Sequence, error: Exception) -> None:
        """Fail one request; if memory ran out, free what is not needed now instead."""
        if is_out_of_memory(error):
            self._make_room(sequence)
            return
        # The place, not the message: an exception's words may hold a user's.
        place = traceback.extract_tb(error.__traceback__)[-1]
        _log.error("a request failed: %s at %s:%s", type(error).__name__, place.name, place.lineno)
        self.fail(sequence, GenerationError("engine_failed", type(error).__name__))

    def _make_room(self, sequence: Sequence) -> None:
        self._calm = 0
        running, _ = self.queue.load()
        _log.warning("memory ran short with %d chats running", running)
        if not self.conversation_cache.evict_half():
            last = self.queue.preempt_last()
            if last is None:
                self._make_room_for_one(sequence)
            elif last.slot is not None:
                self.runner.cache.wipe(last.slot)
                last.leave_slot()
        self.runner.release_memory()

    def _make_room_for_one(self, sequence: Sequence) -> None:
        """Give a chat the memory of slots that others left; if it had that, it is too large."""
        if sequence.had_all_room:
            short = GenerationError("out_of_memory", "not enough even for this chat alone")
            self.fail(sequence, short)
        else:
            sequence.had_all_room = True
            sequence.drop_cached()
        self.runner.reset()

    def restart(self) -> None:
        """Preempt all that run, give up those that saw it too often, erase the rest.

        Raises:
            EngineLost: The device computes no more.
        """
        for sequence in self.queue.preempt_all():
            sequence.leave_slot()
            sequence.restarts += 1
            if sequence.restarts > MAX_RESTARTS:
                self.fail(sequence, GenerationError("engine_failed", "steps failed as a whole"))
        self._erase_all()
        self._check_device()

    def fail_all(self, reason: str, *, close: bool) -> None:
        """Fail all requests; with `close`, accept no more."""
        for sequence in self.queue.clear(close=close):
            self.outputs.fail(sequence.request.request_id, GenerationError(reason))
        self._erase_all()

    def _erase_all(self) -> None:
        """Empty slots and kept conversations; a device that fails cannot stop it."""
        for erase in (self.conversation_cache.clear, self.runner.reset):
            try:
                erase()
            except Exception as error:
                _log.critical("memory was not erased: %s", type(error).__name__)

    def check_progress(self, emitted: int) -> None:
        """Check, after a step, that the engine still gets anywhere; allow one more chat if calm.

        Args:
            emitted: Tokens that all requests have got since the start.

        Raises:
            EngineLost: The device computes no more, or no request gets a token.
            RuntimeError: Step after step failed requests and emitted no token.
        """
        self._calm += 1
        if self._calm % CALM_STEPS == 0:
            self.queue.raise_limit()
        has_failed, self._has_failed = self._has_failed, False
        if emitted > self._emitted:
            self._barren = 0
        elif has_failed:
            self._barren += 1
            self._check_device()
            if self._barren >= 2 * BARREN_STEPS:
                raise EngineLost("no request gets a token")
            if self._barren == BARREN_STEPS:
                raise RuntimeError("request after request failed")
        self._emitted = emitted

    def _check_device(self) -> None:
        try:
            self.runner.check()
        except Exception as error:
            raise EngineLost(f"the device fails: {type(error).__name__}") from error
