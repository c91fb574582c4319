"""The asyncio door to the engine: stream words, cancel, ask for health, close.

The engine steps in a thread of its own (``thread``); each step's words reach the event loop at
once. Knows neither who asks nor what is said. Importing this module imports no torch.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference.engine.outputs import Output
from inference.engine.thread import EngineThread
from inference.loading.source import ModelSource, open_model, resident_bytes
from inference.requests import GenerationError, GenerationRequest

if TYPE_CHECKING:
    from inference.engine.engine import Engine
    from inference.loading.source import OpenModel
    from inference.loading.tokenizer import ChatTokenizer

#: Seconds that the step under way may take when the worker is closed; then it is left to itself.
_LAST_STEP_S = 10.0

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
        self._loop = asyncio.get_running_loop()
        self._replies: dict[str, asyncio.Queue[Output]] = {}
        self._numbers = itertools.count(1)
        self._thread = EngineThread(
            engine, threads=threads, post=self._post, ended=self._post_the_end
        )

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
        if self._thread.closing or not self._thread.alive:
            raise GenerationError("shutdown", "the worker takes no more requests")
        # Ids of the engine's own: a caller may ask anew before an old request is gone.
        name = f"{request.request_id}#{next(self._numbers)}"
        reply: asyncio.Queue[Output] = asyncio.Queue()
        self._engine.submit(dataclasses.replace(request, request_id=name))
        self._replies[name] = reply
        self._thread.wake()
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
                self._thread.wake()

    def forget(self, conversation: str) -> None:
        """Erases what is kept of a conversation, within one step; a running turn ends unkept."""
        self._engine.forget(conversation)
        self._thread.wake()

    def place(self, request_id: str) -> int:
        """The place in line of a request that waits, from 1; 0 for one that runs or is gone."""
        names = [name for name in self._replies if name.rpartition("#")[0] == request_id]
        return max((self._engine.place(name) for name in names), default=0)

    async def aclose(self, *, grace_s: float = 10.0) -> None:
        """Takes no more requests, lets running ones end for a while, then fails the rest.

        Args:
            grace_s: How long replies may still go on.
        """
        self._thread.close(grace_s=grace_s)
        await asyncio.to_thread(self._thread.join, grace_s + _LAST_STEP_S)
        await asyncio.sleep(0)  # the thread's last words are already on their way to the streams
        if self._thread.alive:
            _log.critical("a step did not end; its thread is left to itself")
            self._end_all("shutdown")

    def health(self) -> WorkerHealth:
        """A snapshot; never waits for a step."""
        running, waiting = self._engine.load()
        return WorkerHealth(
            alive=self._thread.alive and not self._thread.closing,
            running=running,
            waiting=waiting,
            resident=len(self._engine.resident),
            resident_bytes=self._engine.resident.nbytes,
            restarts=self._thread.restarts,
            last_step_age_s=time.monotonic() - self._thread.step_ended_at,
            steps=self._engine.steps,
            device=str(self._engine.runner.device),
            dtype=str(self._engine.runner.dtype).removeprefix("torch."),
        )

    def _post(self, outputs: list[Output]) -> bool:
        """Brings outputs to the event loop; False if it was closed without ``aclose``."""
        try:
            self._loop.call_soon_threadsafe(self._deliver, outputs)
        except RuntimeError:
            return False
        return True

    def _post_the_end(self, reason: str) -> None:
        with contextlib.suppress(RuntimeError):  # nobody listens any more
            self._loop.call_soon_threadsafe(self._end_all, reason)

    def _deliver(self, outputs: list[Output]) -> None:
        for output in outputs:
            reply = self._replies.get(output.request_id)
            if reply is not None:
                reply.put_nowait(output)

    def _end_all(self, reason: str) -> None:
        """No more words will come; whoever has heard of an end already does not hear this one."""
        for name, reply in self._replies.items():
            reply.put_nowait(Output(name, done=True, error=GenerationError(reason)))


def _load(source: ModelSource, progress: Callable[[int, int], None]) -> tuple[Engine, OpenModel]:
    if source.dtype == "auto":
        source = dataclasses.replace(source, dtype="fastest")
    opened = open_model(source, progress=progress)  # a wrong name is said before all that follows

    from inference.engine.conversation_cache import ResidentConversations
    from inference.engine.engine import Engine
    from inference.loading import autotune

    autotune.pack_if_faster(opened.model, source.serving_threads)
    device_bytes, host_bytes = resident_bytes(source, opened), source.host_mib << 20
    if opened.model.device.type == "cpu":  # it is the host: to move there would make no room
        device_bytes, host_bytes = device_bytes + host_bytes, 0
    resident = ResidentConversations(device_bytes=device_bytes, host_bytes=host_bytes)
    engine = Engine(
        opened,
        max_running=source.max_running,
        max_waiting=source.max_waiting,
        resident=resident,
    )
    return engine, opened
