"""What the model keeps of conversations between their turns, and when it goes.

It goes with the session's end, and after half an hour of silence, when a talk is over. Knows
nothing of tensors: the engine is told which sessions to forget. It lets go earlier of what it has
no room for.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

from inference import LanguageModel
from storage.database.events import SessionsEnded
from storage.ids import SessionId

KEPT_FOR_S = 30 * 60.0
"""A talk has no longer pause; afterwards nothing of it lies in a cache."""


class SessionCacheEviction:
    """Remembers when each session last had words.

    Args:
        worker: the model.
        clock: seconds, only ever rising.
    """

    def __init__(
        self,
        worker: LanguageModel,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._forget = worker.forget
        self._clock = clock
        self._used: OrderedDict[SessionId, float] = OrderedDict()  # longest ago first

    def note(self, session_id: SessionId) -> None:
        """A session has words now."""
        self._used[session_id] = self._clock()
        self._used.move_to_end(session_id)

    def evict(self, ended: SessionsEnded) -> None:
        """Let the model forget sessions."""
        for session_id in ended.session_ids:
            self._used.pop(session_id, None)
            self._forget(str(session_id))

    async def evict_old(self) -> None:
        """Forget sessions that have been silent for long."""
        before = self._clock() - KEPT_FOR_S
        while self._used and next(iter(self._used.values())) <= before:
            self.evict(SessionsEnded((next(iter(self._used)),)))
