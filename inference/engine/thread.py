"""The engine's thread: steps while there is work, sleeps otherwise, ends when told."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from inference.engine.outputs import EngineLost, Output

if TYPE_CHECKING:
    from inference.engine.engine import Engine

# The engine gives up after this many steps in a row have failed as a whole. Two requests, one
# behind the other, can fail every step until they are given up; this is more than both cost.
STEPS_TO_GIVE_UP = 8

_log = logging.getLogger(__name__)


class EngineThread:
    """Steps one engine.

    Attributes:
        restarts: How often the engine restarted.
        step_ended_at: When a step last ended, by the monotonic clock.
        closing: True once no more requests are taken.

    Args:
        engine: Steps in this thread only.
        threads: CPU threads of one step.
        on_outputs: Called in this thread with the outputs of a step.
        on_exit: Called in this thread as its last act, with the reason.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        threads: int,
        on_outputs: Callable[[list[Output]], None],
        on_exit: Callable[[str], None],
    ) -> None:
        self.restarts = 0
        self.step_ended_at = time.monotonic()
        self.closing = False
        self._engine = engine
        self._threads = threads
        self._on_outputs = on_outputs
        self._on_exit = on_exit
        self._wake = threading.Event()
        self._end_by: float | None = None  # or earlier, once all is done
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether the thread has not ended."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """Tell the thread that there is something to do."""
        self._wake.set()

    def close(self, *, grace_s: float) -> None:
        """Let the thread end once all is done, or after `grace_s`."""
        self.closing = True
        self._end_by = time.monotonic() + grace_s
        self._wake.set()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread's end, for `timeout_s` at most."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        """Step until told to end; whatever ends it, every reader hears of it."""
        import torch

        torch.set_num_threads(self._threads)  # counts for this thread's operations
        reason = "engine_failed"
        try:
            if self._step_until_closed():
                reason = "shutdown"
        except BaseException as error:  # a thread has no caller to hear of it
            _log.critical("the engine's thread ended: %s", type(error).__name__)
        finally:
            self.closing = True
            try:
                self._on_outputs(self._engine.fail_all(reason, close=True))
            except Exception as error:
                _log.critical("the last outputs are lost: %s", type(error).__name__)
            self._on_exit(reason)

    def _step_until_closed(self) -> bool:
        """Return False if steps keep failing or nothing can be computed any more."""
        failures = 0
        while failures < STEPS_TO_GIVE_UP:
            self._wake.clear()
            if self._may_end():
                return True
            # After a failure, a step without requests tells whether a request was to blame.
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
        """Run one step, and restart if it failed; return how many in a row have failed."""
        try:
            outputs = self._engine.step()
            failures = 0
        except EngineLost:
            raise
        except Exception as error:  # the step's own fault: no request is to blame
            failures += 1
            self.restarts += 1
            _log.critical("a step failed as a whole: %s", type(error).__name__)
            outputs = self._engine.restart()
        self.step_ended_at = time.monotonic()
        if outputs:
            self._on_outputs(outputs)
        return failures

    def _may_end(self) -> bool:
        if self._end_by is None:
            return False
        return time.monotonic() >= self._end_by or not self._engine.has_work
