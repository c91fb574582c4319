"""Replays of proposed changes: the alarms that a change gains and loses, before it is used.

One replay runs at a time, in a separate process (`review/lexicon/worker.py`). The counts are
stored. The messages whose level moved stay in memory, for an hour at most.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from review.lexicon.live_lexicon import LiveLexicon
from review.lexicon.worker import ProgressListener, Run, WorkerError
from review.lexicon.worker import run as run_apart
from review.operators.access import Refusal, RefusedError, require_active
from safety.changes import worker
from storage import Database
from storage.ids import TurnId
from storage.review import audit, labels
from storage.review import lexicon_changes as changes
from storage.review.lexicon_changes import ChangeState, LexiconChange
from storage.review.operators import Operator

log = structlog.get_logger(__name__)
# How many stored messages a replay reads, newest first.
MOST_STORED = 200_000
PAGE = 500
KEPT_S = 3600.0


@dataclass(slots=True)
class Running:
    """A running replay. `total` is 0 until it is known."""

    change_id: int
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class ReplayExamples:
    """The messages that a replay found, in memory only.

    Attributes:
        moved: the messages whose level moved, by kind (`gained`, `lost`, `raised`, `lowered`),
            in the form of `Moved` (`safety/evaluation/replay.py`). They include people's messages.
        broken: examples of entries that fail, with `rule`, `example`, `must_match`.
        turn_ids: the turns of the stored messages, by their `index`.
    """

    change_id: int
    moved: Mapping[str, Sequence[Mapping[str, Any]]]
    broken: Sequence[Mapping[str, Any]]
    turn_ids: Sequence[TurnId]

    def turn_of(self, moved: Mapping[str, Any]) -> TurnId | None:
        """Return the turn of a stored message, or None for a labelled one."""
        return self.turn_ids[moved["index"]] if moved["source"] == worker.STORED else None


@dataclass(eq=False, slots=True)
class Replays:
    """Run replays, one at a time.

    Attributes:
        live: the lexicon in use, with which a change is compared.
        folder: labelled messages to screen too (`PICA_REPLAY_DATA`), or None.
        run: does the work in a separate process.
        kept_s: how long the messages stay in memory.
        running: the running replay, or None.
        last: the change whose replay began last.
        fault: why that replay failed, or empty.
    """

    database: Database
    live: LiveLexicon
    folder: Path | None
    run: Run = run_apart
    kept_s: float = KEPT_S
    _task: asyncio.Task[Mapping[str, Any]] | None = field(default=None, init=False)
    _examples: ReplayExamples | None = field(default=None, init=False)
    _lapse: asyncio.TimerHandle | None = field(default=None, init=False)
    running: Running | None = field(default=None, init=False)
    last: int | None = field(default=None, init=False)
    fault: str = field(default="", init=False)

    async def replay(
        self, actor: Operator, change_id: int, progress: ProgressListener | None = None
    ) -> Mapping[str, Any]:
        """Replay a proposed change against the lexicon in use, and return the stored counts.

        Raises:
            RefusedError: as `begin`, or `replay_cancelled`, or `replay_failed` (`detail` says why:
                a folder that cannot be read, a change that no longer fits).
        """
        task = await self.begin(actor, change_id, progress)
        try:
            return await task
        except asyncio.CancelledError:
            this = asyncio.current_task()
            if this is not None and this.cancelling():
                raise
            raise RefusedError(Refusal.REPLAY_CANCELLED) from None

    async def begin(
        self, actor: Operator, change_id: int, progress: ProgressListener | None = None
    ) -> asyncio.Task[Mapping[str, Any]]:
        """Start a replay in the background. `running` and `fault` show its progress.

        Raises:
            RefusedError: `not_allowed`, `change_gone` (already decided), `replay_runs`.
        """
        require_active(actor)
        async with self.database.read() as transaction:
            change = await changes.get(transaction, change_id)
        if change is None or change.state is not ChangeState.PROPOSED:
            raise RefusedError(Refusal.CHANGE_GONE)
        if self.running is not None:
            raise RefusedError(Refusal.REPLAY_RUNS)
        self.forget()
        self.running, self.last, self.fault = Running(change_id), change_id, ""
        self._task = asyncio.create_task(self._kept(actor, change, progress), name="replay")
        self._task.add_done_callback(self._ended)
        return self._task

    def cancel(self) -> bool:
        """Cancel the running replay, and return whether there was one."""
        return self.running is not None and self._task is not None and self._task.cancel()

    async def examples(self, actor: Operator, change_id: int) -> ReplayExamples:
        """Return the messages that the last replay moved, and record the view.

        Messages of people who withdrew consent or were erased since are left out.

        Raises:
            RefusedError: `not_allowed`, or `examples_gone` (replay the change again).
        """
        require_active(actor)
        kept = self._examples
        if kept is None or kept.change_id != change_id:
            raise RefusedError(Refusal.EXAMPLES_GONE)
        every = (kept.turn_of(row) for rows in kept.moved.values() for row in rows)
        stored = {turn_id for turn_id in every if turn_id is not None}
        async with self.database.begin() as transaction:
            await audit.append(
                transaction,
                "lexicon_examples_read",
                operator_id=actor.operator_id,
                detail={"change": change_id, "stored": len(stored)},
            )
            allowed = {None, *await labels.still_consented(transaction, stored)}
        moved = {
            kind: [row for row in rows if kept.turn_of(row) in allowed]
            for kind, rows in kept.moved.items()
        }
        return ReplayExamples(change_id, moved, kept.broken, kept.turn_ids)

    def forget(self) -> None:
        """Drop the messages in memory."""
        self._examples = None
        if self._lapse is not None:
            self._lapse.cancel()
            self._lapse = None

    async def aclose(self) -> None:
        """Cancel the running replay and drop the messages in memory."""
        self.cancel()
        if self._task is not None:
            with suppress(asyncio.CancelledError, Exception):
                await self._task
        self.forget()

    async def _kept(
        self, actor: Operator, change: LexiconChange, progress: ProgressListener | None
    ) -> Mapping[str, Any]:
        """Replay, and keep the messages in memory and the counts in the change's row."""
        turn_ids: list[TurnId] = []
        outcome = await self._outcome(change, turn_ids, progress)
        counts: dict[str, Any] = outcome["counts"]
        total = counts["total"]
        async with self.database.begin() as transaction:
            await changes.keep_replay(transaction, change.change_id, counts)
            await audit.append(
                transaction,
                "lexicon_replayed",
                operator_id=actor.operator_id,
                detail={
                    "change": change.change_id,
                    "before": counts["before"],
                    "messages": total["messages"],
                    "stored": len(turn_ids),
                    "gained": total["gained"]["total"],
                    "lost": total["lost"]["total"],
                },
            )
        self._examples = ReplayExamples(
            change.change_id, outcome["examples"], outcome["broken"], turn_ids
        )
        self._lapse = asyncio.get_running_loop().call_later(self.kept_s, self.forget)
        return counts

    async def _outcome(
        self, change: LexiconChange, turn_ids: list[TurnId], progress: ProgressListener | None
    ) -> dict[str, Any]:
        await self.live.refresh()
        async with self.database.read() as transaction:
            stored = min(await labels.count_consented(transaction), MOST_STORED)

        def report(done: int, total: int) -> None:
            if self.running is not None:
                self.running.done, self.running.total = done, total
            if progress:
                progress(done, total)

        try:
            return await self.run(
                worker.replay,
                self.live.present.bodies,
                change.body,
                self.folder and self.folder.absolute(),
                pages=self._stored(stored, turn_ids),
                progress=report,
            )
        except WorkerError as fault:
            raise RefusedError(Refusal.REPLAY_FAILED, detail=str(fault)) from fault

    async def _stored(self, most: int, turn_ids: list[TurnId]) -> AsyncIterator[list[str]]:
        """Yield stored messages by the page, so that no transaction is open during screening."""
        before: TurnId | None = None
        while len(turn_ids) < most:
            async with self.database.read() as transaction:
                page = await labels.consented(transaction, before, limit=PAGE)
            if not page:
                return
            kept = page[: most - len(turn_ids)]
            turn_ids += [message.turn_id for message in kept]
            yield [message.text for message in kept]
            before = page[-1].turn_id

    def _ended(self, task: asyncio.Task[Mapping[str, Any]]) -> None:
        self.running = None
        if task.cancelled():
            self.fault = "cancelled"
        elif error := task.exception():  # retrieved, so that asyncio does not warn
            self.fault = getattr(error, "detail", "") or type(error).__name__
            log.warning("replay_failed", error=type(error).__name__)
