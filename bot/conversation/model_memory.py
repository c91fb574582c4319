"""The eviction of sessions from the model's conversation cache.

A session is evicted when it ends, and after half an hour of silence. The model evicts it earlier if
it needs the room.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

from inference import LanguageModel
from storage.database.events import SessionsEnded
from storage.ids import SessionId

# The longest pause within a talk.
KEPT_FOR_S = 30 * 60.0


class SessionCacheEviction:
    """Evicts sessions from the model's cache when they end or fall silent.

    Args:
        worker: the model.
        clock: a monotonic clock in seconds.
    """

    def __init__(
        self,
        worker: LanguageModel,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._forget = worker.forget
        self._clock = clock
        self._used: OrderedDict[SessionId, float] = OrderedDict()  # oldest first

    def note(self, session_id: SessionId) -> None:
        """Record that a session is in use."""
        self._used[session_id] = self._clock()
        self._used.move_to_end(session_id)

    def evict(self, ended: SessionsEnded) -> None:
        """Evict sessions that ended."""
        for session_id in ended.session_ids:
            self._used.pop(session_id, None)
            self._forget(str(session_id))

    async def evict_old(self) -> None:
        """Evict sessions that have been silent for too long."""
        before = self._clock() - KEPT_FOR_S
        while self._used and next(iter(self._used.values())) <= before:
            self.evict(SessionsEnded((next(iter(self._used)),)))
