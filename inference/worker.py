"""The asyncio door to the engine: stream words, cancel, ask for health, close."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import logging
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from inference.engine.outputs import Output
from inference.engine.thread import EngineThread
from inference.loading.source import ModelSource, open_model, resident_bytes
from inference.protocol import WorkerHealth
from inference.requests import GenerationError, GenerationRequest

if TYPE_CHECKING:
    from inference.engine.engine import Engine
    from inference.loading.source import OpenModel
    from inference.loading.tokenizer import ChatTokenizer
    from inference.model.model_runner import Runner

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class _Stream:
    """One reply on its way to the event loop of its reader."""

    loop: asyncio.AbstractEventLoop
    outputs: asyncio.Queue[Output]


class InferenceWorker:
    """One model, served to many coroutines of any event loop, in a thread that runs until `aclose`.

    Attributes:
        tokenizer: For prompts and for counting.
        context_length: Tokens for prompt and reply together, without the prefix.
        model_name: The folder's or the hub's name.
        is_demo: True for the embedded demo model.
    """

    def __init__(self, engine: Engine, opened: OpenModel, *, threads: int) -> None:
        self.tokenizer: ChatTokenizer = opened.tokenizer
        self.context_length = opened.context_length
        self.model_name = opened.name
        self.is_demo = opened.is_demo
        self._engine = engine
        self._streams: dict[str, _Stream] = {}
        self._numbers = itertools.count(1)
        self._thread = EngineThread(
            engine, threads=threads, on_outputs=self._deliver, on_exit=self._end_all
        )
        self._thread.start()

    @classmethod
    async def start(
        cls,
        source: ModelSource,
        *,
        progress: Callable[[int, int], None] | None = None,
        wrap_runner: Callable[[Runner], Runner] | None = None,
    ) -> InferenceWorker:
        """Load the model off the event loop and start the engine's thread.

        Args:
            source: What to load.
            progress: Called with (bytes read, bytes in all) on the event loop.
            wrap_runner: Puts something between the engine and the model, such as planned faults.

        Raises:
            CheckpointError: The model cannot be loaded; says why and what to do.
            PrefixError: The prefix cannot be loaded or does not fit.
            TokenizerError: The tokenizer's file is missing or damaged.
        """
        loop = asyncio.get_running_loop()

        def report(done: int, total: int) -> None:
            if progress is not None:
                loop.call_soon_threadsafe(progress, done, total)

        engine, opened = await asyncio.to_thread(_load, source, report, wrap_runner)
        return cls(engine, opened, threads=source.serving_threads)

    @property
    def open_streams(self) -> int:
        """How many replies are being read."""
        return len(self._streams)

    async def stream(self, request: GenerationRequest) -> AsyncIterator[str]:
        """Yield the reply's text, piece by piece, as it is before `finish_text`.

        Closing the generator, or cancelling the task that reads it, frees the slot within one
        step. `contextlib.aclosing` closes it at once when a loop over it is left early.

        Raises:
            GenerationError: The reply ends before it is whole; says why.
        """
        # Ids of the engine's own: a caller may ask again before an old request is gone.
        name = f"{request.request_id}#{next(self._numbers)}"
        stream = _Stream(asyncio.get_running_loop(), asyncio.Queue())
        self._streams[name] = stream  # first: the engine's thread waits neither to emit nor to end
        done = True  # nothing to cancel until it is submitted
        try:
            if self._thread.closing or not self._thread.alive:
                raise GenerationError("shutdown", "the worker takes no more requests")
            self._engine.submit(dataclasses.replace(request, request_id=name))
            done = False
            self._thread.wake()
            while not done:
                output = await stream.outputs.get()
                done = output.done
                if output.text:
                    yield output.text
                if output.error is not None:
                    raise output.error
        finally:
            self._streams.pop(name, None)
            if not done:
                self._cancel(name)

    def forget(self, conversation: str) -> None:
        """Erase what is kept of a conversation, within one step; a running turn is not kept."""
        self._engine.forget(conversation)
        self._thread.wake()

    def is_cached(self, conversation: str) -> bool:
        """Return whether keys and values of a conversation are kept for its next turn."""
        return conversation in self._engine.conversation_cache

    def place(self, request_id: str) -> int:
        """Return the place in line of a request that waits, from 1; 0 if it runs or is gone."""
        names = [name for name in self._streams if name.rpartition("#")[0] == request_id]
        return max((self._engine.place(name) for name in names), default=0)

    async def aclose(self, *, grace_s: float = 10.0, last_step_s: float = 10.0) -> None:
        """Refuse new requests, let running ones end for a while, then fail the rest.

        Args:
            grace_s: How long replies may still go on.
            last_step_s: How long the step under way may take; then it is left to itself.
        """
        self._thread.close(grace_s=grace_s)
        await asyncio.to_thread(self._thread.join, grace_s + last_step_s)
        await asyncio.sleep(0)  # the thread's last outputs are already on their way to the streams
        if self._thread.alive:
            _log.critical("a step did not end; its thread is left to itself")
            self._end_all("shutdown")

    def health(self) -> WorkerHealth:
        """Return a snapshot; never waits for a step."""
        running, waiting = self._engine.load()
        return WorkerHealth(
            alive=self._thread.alive and not self._thread.closing,
            running=running,
            waiting=waiting,
            resident=len(self._engine.conversation_cache),
            resident_bytes=self._engine.conversation_cache.nbytes,
            restarts=self._thread.restarts,
            last_step_age_s=time.monotonic() - self._thread.step_ended_at,
            steps=self._engine.steps,
            device=str(self._engine.runner.device),
            dtype=str(self._engine.runner.dtype).removeprefix("torch."),
        )

    def _cancel(self, name: str) -> None:
        self._engine.cancel(name)
        self._thread.wake()

    def _deliver(self, outputs: list[Output]) -> None:
        """Bring outputs to their readers' event loops, with one call for each loop."""
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Stream, Output]]] = defaultdict(list)
        for output in outputs:
            stream = self._streams.get(output.request_id)
            if stream is not None:
                by_loop[stream.loop].append((stream, output))
        for loop, pairs in by_loop.items():
            try:
                loop.call_soon_threadsafe(_put, pairs)
            except RuntimeError:  # the loop was closed without `aclose`: its readers are gone
                for _, output in pairs:
                    self._streams.pop(output.request_id, None)
                    self._cancel(output.request_id)

    def _end_all(self, reason: str) -> None:
        """Fail every stream; a reader that has already got its end does not see this one."""
        for name, stream in self._streams.copy().items():
            output = Output(name, done=True, error=GenerationError(reason))
            with contextlib.suppress(RuntimeError):  # its loop was closed
                stream.loop.call_soon_threadsafe(_put, [(stream, output)])


def _put(pairs: list[tuple[_Stream, Output]]) -> None:
    for stream, output in pairs:
        stream.outputs.put_nowait(output)


def _load(
    source: ModelSource,
    progress: Callable[[int, int], None],
    wrap_runner: Callable[[Runner], Runner] | None,
) -> tuple[Engine, OpenModel]:
    if source.dtype == "auto":
        source = dataclasses.replace(source, dtype="fastest")
    opened = open_model(source, progress=progress)  # before the imports: it names a wrong folder

    from inference.engine.conversation_cache import ConversationCache
    from inference.engine.engine import Engine
    from inference.loading import autotune
    from inference.model.model_runner import ModelRunner

    if autotune.is_worth_it(opened.model.config):
        autotune.pack_if_faster(opened.model, source.serving_threads)
    device_bytes, host_bytes = resident_bytes(source, opened), source.host_mib << 20
    if opened.model.device.type == "cpu":  # it is the host: moving there would make no room
        device_bytes, host_bytes = device_bytes + host_bytes, 0
    runner: Runner = ModelRunner(opened.model, opened.prefix)
    engine = Engine(
        opened,
        runner=runner if wrap_runner is None else wrap_runner(runner),
        max_running=source.max_running,
        max_waiting=source.max_waiting,
        conversation_cache=ConversationCache(device_bytes=device_bytes, host_bytes=host_bytes),
    )
    return engine, opened
