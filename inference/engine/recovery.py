"""How chats leave their slots, and what gives way when something fails or memory runs short.

Knows what is kept and who runs. Does not know forward passes, nor how words are chosen.
"""

from __future__ import annotations

import logging
import traceback

from inference.engine.conversation_cache import ResidentConversations
from inference.engine.outputs import EngineLost, Outbox
from inference.engine.request_queue import Line
from inference.engine.sequence import Sequence
from inference.model.model_runner import ModelRunner, is_out_of_memory
from inference.requests import GenerationError

#: Steps without trouble after which one more chat may run again.
CALM_STEPS = 64
#: A request that was there when the engine had to begin anew more often than this is given up.
MAX_RESTARTS = 2
#: After so many steps that failed requests and gave nobody a word the engine begins anew; after
#: twice as many it is lost.
BARREN_STEPS = 8

_log = logging.getLogger(__name__)


class Recovery:
    """Lets one chat go, several, or all.

    Args:
        runner: Whose slots are emptied.
        resident: Where conversations stay between their turns.
        line: Who is here.
        outbox: Where failures are told.
    """

    def __init__(
        self, runner: ModelRunner, resident: ResidentConversations, line: Line, outbox: Outbox
    ) -> None:
        self._runner = runner
        self._resident = resident
        self._line = line
        self._outbox = outbox
        self._calm = 0  # steps since memory ran short
        self._failed = False  # somebody, in this step
        self._barren = 0  # steps in which somebody failed, since the last word
        self._words = 0

    def leave(self, sequence: Sequence) -> None:
        """Empties a slot; what it held stays for the conversation's next turn."""
        slot, conversation = sequence.slot, sequence.request.conversation
        if slot is None:
            return
        cache = self._runner.cache
        if sequence.keeps and conversation and sequence.stored and self._resident.keeps_any:
            ids = sequence.ids[: sequence.stored]
            try:
                self._resident.keep(conversation, ids, cache.copy_out(slot, len(ids)))
            except Exception as error:  # the next turn computes it again
                _log.warning("a conversation was not kept: %s", type(error).__name__)
        cache.wipe(slot)
        sequence.leave_slot()

    def fail(self, sequence: Sequence, error: GenerationError) -> None:
        """Ends a request. Told first: a device that fails must not swallow it."""
        sequence.keeps = False
        self._failed = True
        request_id = sequence.request.request_id
        if self._line.leave(request_id):
            self._outbox.fail(request_id, error)
        self.leave(sequence)

    def recover(self, sequence: Sequence, error: Exception) -> None:
        """Fails one request; for want of memory, lets go of what is not needed now instead."""
        if is_out_of_memory(error):
            self._make_room(sequence)
            return
        # The place, not the message: an exception's words may hold a user's.
        place = traceback.extract_tb(error.__traceback__)[-1]
        _log.error("a request failed: %s at %s:%s", type(error).__name__, place.name, place.lineno)
        self.fail(sequence, GenerationError("engine_failed", type(error).__name__))

    def _make_room(self, sequence: Sequence) -> None:
        self._calm = 0
        running, _ = self._line.load()
        _log.warning("memory ran short with %d chats running", running)
        if not self._resident.give_way():
            last = self._line.make_one_wait()
            if last is None:
                self._make_room_for_one(sequence)
            elif last.slot is not None:
                self._runner.cache.wipe(last.slot)
                last.leave_slot()
        self._runner.release_memory()

    def _make_room_for_one(self, sequence: Sequence) -> None:
        """Gives it the memory of slots that others left; where it had that, it is too large."""
        if sequence.had_all_room:
            short = GenerationError("out_of_memory", "not enough even for this chat alone")
            self.fail(sequence, short)
        else:
            sequence.had_all_room = True
            sequence.lose_stored()
        self._runner.reset()

    def begin_anew(self) -> None:
        """Sends all that run back to wait, gives up who saw that too often, erases the rest.

        Raises:
            EngineLost: The device computes no more.
        """
        for sequence in self._line.make_all_wait():
            sequence.leave_slot()
            sequence.restarts += 1
            if sequence.restarts > MAX_RESTARTS:
                self.fail(sequence, GenerationError("engine_failed", "steps failed as a whole"))
        self.erase_all()
        self._check_device()

    def end_all(self, reason: str, *, close: bool) -> None:
        """Fails everybody; with ``close`` nobody may come any more."""
        for sequence in self._line.empty(close=close):
            self._outbox.fail(sequence.request.request_id, GenerationError(reason))
        self.erase_all()

    def erase_all(self) -> None:
        """Empties slots and kept conversations; a device that fails cannot stop it."""
        for erase in (self._resident.clear, self._runner.reset):
            try:
                erase()
            except Exception as error:
                _log.critical("memory was not erased: %s", type(error).__name__)

    def look_back(self, words: int) -> None:
        """After a step: one more chat after a calm while; whether it can go on like this.

        Args:
            words: That all requests have got since the start.

        Raises:
            EngineLost: The device computes no more, or nobody gets a word whatever is tried.
            RuntimeError: Step after step failed requests and gave nobody a word.
        """
        self._calm += 1
        if self._calm % CALM_STEPS == 0:
            self._line.raise_limit()
        failed, self._failed = self._failed, False
        if words > self._words:
            self._barren = 0
        elif failed:
            self._barren += 1
            self._check_device()
            if self._barren >= 2 * BARREN_STEPS:
                raise EngineLost("no request comes to a word")
            if self._barren == BARREN_STEPS:
                raise RuntimeError("request after request failed")
        self._words = words

    def _check_device(self) -> None:
        try:
            self._runner.check()
        except Exception as error:
            raise EngineLost(f"the device fails: {type(error).__name__}") from error
