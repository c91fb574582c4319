"""The asyncio door to the engine: stream words, cancel, ask for health, close.

The engine steps in a thread of its own; each step's words reach the event loop at once. Knows
neither who asks nor what is said. Importing this module imports no torch.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference.requests import GenerationError, GenerationRequest
from inference.source import ModelSource, open_model, resident_bytes

if TYPE_CHECKING:
    from inference.engine import Engine, Output
    from inference.source import OpenModel
    from inference.tokenizer import ChatTokenizer

#: The engine gives up after this many steps in a row have failed as a whole.
_STEPS_TO_GIVE_UP = 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerHealth:
    """How the worker does.

    Attributes:
        alive: The engine's thread runs and takes requests.
        running: Chats in the common step.
        waiting: Requests that wait for a slot.
        resident: Conversations whose keys and values are kept for their next turn.
        resident_bytes: What those hold.
        restarts: How often the engine had to begin anew.
        last_step_age_s: Seconds since a step ended; large and harmless while nothing runs.
        steps: Steps since the start.
        device: Where it computes.
        dtype: In which floating type.
    """

    alive: bool
    running: int
    waiting: int
    resident: int
    resident_bytes: int
    restarts: int
    last_step_age_s: float
    steps: int
    device: str
    dtype: str


class InferenceWorker:
    """One model, served to many coroutines of one event loop.

    Attributes:
        tokenizer: For prompts and for counting.
        context_length: Tokens for prompt and reply together; the prefix is already deducted.
        model_name: The folder's or the hub's name.
        is_demo: True for the embedded demo model.
    """

    def __init__(self, engine: Engine, opened: OpenModel, *, threads: int) -> None:
        self.tokenizer: ChatTokenizer = opened.tokenizer
        self.context_length = opened.context_length
        self.model_name = opened.name
        self.is_demo = opened.is_demo
        self._engine = engine
        self._threads = threads
        self._loop = asyncio.get_running_loop()
        self._replies: dict[str, asyncio.Queue[Output]] = {}
        self._numbers = itertools.count(1)
        self._wake = threading.Event()
        self._closing = False  # takes no more requests
        self._end_by: float | None = None  # when the thread is to end, or earlier if all is done
        self._step_ended_at = time.monotonic()
        self._restarts = 0
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)

    @classmethod
    async def start(
        cls, source: ModelSource, *, progress: Callable[[int, int], None] | None = None
    ) -> InferenceWorker:
        """Loads the model off the event loop and starts the engine's thread.

        Args:
            source: What to load.
            progress: Called with (bytes read, bytes in all) on the event loop.

        Raises:
            CheckpointError: The model cannot be loaded; says why and what to do.
            PrefixError: The prefix cannot be loaded or does not fit.
            TokenizerError: The tokenizer's file is missing or damaged.
        """
        loop = asyncio.get_running_loop()

        def report(done: int, total: int) -> None:
            if progress is not None:
                loop.call_soon_threadsafe(progress, done, total)

        engine, opened = await asyncio.to_thread(_load, source, report)
        worker = cls(engine, opened, threads=source.serving_threads)
        worker._thread.start()
        return worker

    async def stream(self, request: GenerationRequest) -> AsyncIterator[str]:
        """The reply's text, piece by piece; pieces joined are the reply before ``finish_text``.

        Closing the generator, or cancelling the task that reads it, frees the slot within one
        step. ``contextlib.aclosing`` closes it at once when a loop over it is left early.

        Raises:
            GenerationError: The reply ends without being whole; says why.
        """
        if self._closing or not self._thread.is_alive():
            raise GenerationError("shutdown", "the worker takes no more requests")
        # Ids of the engine's own: a caller may ask anew before an old request is gone.
        name = f"{request.request_id}#{next(self._numbers)}"
        reply: asyncio.Queue[Output] = asyncio.Queue()
        self._engine.submit(dataclasses.replace(request, request_id=name))
        self._replies[name] = reply
        self._wake.set()
        done = False
        try:
            while not done:
                output = await reply.get()
                done = output.done
                if output.text:
                    yield output.text
                if output.error is not None:
                    raise output.error
        finally:
            self._replies.pop(name, None)
            if not done:
                self._engine.cancel(name)
                self._wake.set()

    def forget(self, conversation: str) -> None:
        """Erases what is kept of a conversation, within one step; a running turn ends unkept."""
        self._engine.forget(conversation)
        self._wake.set()

    def place(self, request_id: str) -> int:
        """The place in line of a request that waits, from 1; 0 for one that runs or is gone."""
        names = [name for name in self._replies if name.rpartition("#")[0] == request_id]
        return max((self._engine.place(name) for name in names), default=0)

    async def aclose(self, *, grace_s: float = 10.0) -> None:
        """Takes no more requests, lets running ones end for a while, then fails the rest.

        Args:
            grace_s: How long replies may still go on.
        """
        self._closing = True
        self._end_by = time.monotonic() + grace_s
        self._wake.set()
        await asyncio.to_thread(self._thread.join)
        await asyncio.sleep(0)  # the thread's last words are already on their way to the streams

    def health(self) -> WorkerHealth:
        """A snapshot; never waits for a step."""
        running, waiting = self._engine.load()
        return WorkerHealth(
            alive=self._thread.is_alive() and not self._closing,
            running=running,
            waiting=waiting,
            resident=len(self._engine.resident),
            resident_bytes=self._engine.resident.nbytes,
            restarts=self._restarts,
            last_step_age_s=time.monotonic() - self._step_ended_at,
            steps=self._engine.steps,
            device=str(self._engine.runner.device),
            dtype=str(self._engine.runner.dtype).removeprefix("torch."),
        )

    def _run(self) -> None:
        """The engine's thread; whatever ends it, nobody is left waiting for words."""
        import torch

        torch.set_num_threads(self._threads)  # counts for this thread's operations
        reason = "engine_failed"
        try:
            if self._step_until_closed():
                reason = "shutdown"
        except BaseException as error:  # nobody is above a thread to hear of it
            _log.critical("the engine's thread ended: %s", type(error).__name__)
        finally:
            self._closing = True
            self._post(self._engine.fail_all(reason, close=True))

    def _step_until_closed(self) -> bool:
        """Steps while there is work, sleeps while there is none; False where steps keep failing."""
        failures = 0
        while failures < _STEPS_TO_GIVE_UP:
            self._wake.clear()
            if self._may_end():
                return True
            if not self._engine.has_work:
                self._wake.wait()
                continue
            try:
                outputs = self._engine.step()
                failures = 0
            except Exception as error:  # a step's own fault: nobody's request is to blame
                failures += 1
                self._restarts += 1
                _log.critical("a step failed as a whole: %s", type(error).__name__)
                outputs = self._engine.restart()
            self._step_ended_at = time.monotonic()
            self._post(outputs)
        return False

    def _post(self, outputs: list[Output]) -> None:
        if not outputs:
            return
        try:
            self._loop.call_soon_threadsafe(self._deliver, outputs)
        except RuntimeError:  # the loop was closed without aclose: nobody listens any more
            self._end_by = 0.0

    def _may_end(self) -> bool:
        if self._end_by is None:
            return False
        return time.monotonic() >= self._end_by or not self._engine.has_work

    def _deliver(self, outputs: list[Output]) -> None:
        for output in outputs:
            reply = self._replies.get(output.request_id)
            if reply is not None:
                reply.put_nowait(output)


def _load(source: ModelSource, progress: Callable[[int, int], None]) -> tuple[Engine, OpenModel]:
    from inference.engine import Engine
    from inference.resident import ResidentConversations

    if source.dtype == "auto":
        source = dataclasses.replace(source, dtype="fastest")
    opened = open_model(source, progress=progress)
    resident = ResidentConversations(
        device_bytes=resident_bytes(source, opened), host_bytes=source.host_mib << 20
    )
    engine = Engine(
        opened,
        max_running=source.max_running,
        max_waiting=source.max_waiting,
        resident=resident,
    )
    return engine, opened
