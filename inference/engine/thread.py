"""The engine's thread: steps while there is work, sleeps while there is none, ends when told.

Knows the engine and how often it may fail. Knows neither asyncio nor who reads the words.
Importing this module imports no torch.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from inference.engine.outputs import EngineLost, Output

if TYPE_CHECKING:
    from inference.engine.engine import Engine

#: The engine gives up after this many steps in a row have failed as a whole: more than two
#: requests, one behind the other, can cost that fail every step until they are given up.
STEPS_TO_GIVE_UP = 8

_log = logging.getLogger(__name__)


class EngineThread:
    """Steps one engine.

    Attributes:
        restarts: How often the engine had to begin anew.
        step_ended_at: When a step last ended, by the monotonic clock.
        closing: No more requests are taken.

    Args:
        engine: Steps in this thread only.
        threads: CPU threads of one step.
        post: Called in this thread with what a step has said; False if nobody listens any more.
        ended: Called in this thread as its last act, with the reason.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        threads: int,
        post: Callable[[list[Output]], bool],
        ended: Callable[[str], None],
    ) -> None:
        self.restarts = 0
        self.step_ended_at = time.monotonic()
        self.closing = False
        self._engine = engine
        self._threads = threads
        self._post = post
        self._ended = ended
        self._wake = threading.Event()
        self._end_by: float | None = None  # or earlier if all is done
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Lets it run."""
        self._thread.start()

    def wake(self) -> None:
        """There is something to do."""
        self._wake.set()

    def close(self, *, grace_s: float) -> None:
        """Lets it end once all is done, or after a while."""
        self.closing = True
        self._end_by = time.monotonic() + grace_s
        self._wake.set()

    def join(self, timeout_s: float) -> None:
        """Waits for its end, no longer than this."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        """Whatever ends it, nobody is left waiting for words."""
        import torch

        torch.set_num_threads(self._threads)  # counts for this thread's operations
        reason = "engine_failed"
        try:
            if self._step_until_closed():
                reason = "shutdown"
        except BaseException as error:  # nobody is above a thread to hear of it
            _log.critical("the engine's thread ended: %s", type(error).__name__)
        finally:
            self.closing = True
            try:
                self._post(self._engine.fail_all(reason, close=True))
            except Exception as error:
                _log.critical("the last words are lost: %s", type(error).__name__)
            self._ended(reason)

    def _step_until_closed(self) -> bool:
        """False where steps keep failing or nothing can be computed any more."""
        failures = 0
        while failures < STEPS_TO_GIVE_UP:
            self._wake.clear()
            if self._may_end():
                return True
            # After a failure a step without anybody tells whether it was a request's fault.
            if not failures and not self._engine.has_work:
                self._wake.wait()
                continue
            try:
                failures = self._step(failures)
            except EngineLost as error:
                _log.critical("the engine is lost: %s", error)
                return False
        return False

    def _step(self, failures: int) -> int:
        """One step, and a new beginning where it failed; how many in a row have failed now."""
        try:
            outputs = self._engine.step()
            failures = 0
        except EngineLost:
            raise
        except Exception as error:  # a step's own fault: nobody's request is to blame
            failures += 1
            self.restarts += 1
            _log.critical("a step failed as a whole: %s", type(error).__name__)
            outputs = self._engine.restart()
        self.step_ended_at = time.monotonic()
        if outputs and not self._post(outputs):
            self._end_by = 0.0
        return failures

    def _may_end(self) -> bool:
        if self._end_by is None:
            return False
        return time.monotonic() >= self._end_by or not self._engine.has_work
