"""Replays of proposed changes: which alarms a change gains and loses, before it is used.

One at a time, in a process of its own (`review/lexicon/worker.py`). What is counted is stored;
messages that moved stay in memory, for an hour at most.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from review.lexicon.live_lexicon import LiveLexicon
from review.lexicon.worker import ProgressListener, Run, WorkerError, run
from review.operators.access import Refusal, RefusedError, require_active
from safety.changes import worker
from storage import Database
from storage.ids import TurnId
from storage.review import audit, labels
from storage.review import lexicon_changes as changes
from storage.review.lexicon_changes import ChangeState, LexiconChange
from storage.review.operators import Operator

log = structlog.get_logger(__name__)
# Messages of stored talks that a replay reads, the newest.
MOST_STORED = 200_000
PAGE = 500
KEPT_S = 3600.0


@dataclass(slots=True)
class Running:
    """A replay that runs; `total` is 0 until it is known."""

    change_id: int
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class ReplayExamples:
    """What a replay found besides its counts; in memory only.

    Attributes:
        moved: by kind (`gained`, `lost`, `raised`, `lowered`), as `safety.replay.Moved` gives
            them; people's own words are among them.
        broken: examples of entries that do not hold, with `rule`, `example`, `must_match`.
        turn_ids: of the stored messages, by their `index`.
    """

    change_id: int
    moved: Mapping[str, Sequence[Mapping[str, Any]]]
    broken: Sequence[Mapping[str, Any]]
    turn_ids: Sequence[TurnId]

    def turn_of(self, moved: Mapping[str, Any]) -> TurnId | None:
        """The turn whose words these are; None for messages that nobody said here."""
        return self.turn_ids[moved["index"]] if moved["source"] == worker.STORED else None


class Replays:
    """Runs replays, one at a time.

    Args:
        database: where changes, and the words of people who allow their use, are.
        live: what a change is compared with.
        folder: labelled messages to screen besides (`PICA_REPLAY_DATA`), or None.
        now: the clock of the service.
        run: does the work; in a process of its own.

    Attributes:
        running: the replay that runs, or None.
        last: the change of the one that was begun last.
        fault: why that came to nothing; empty where it did not.
    """

    def __init__(
        self,
        database: Database,
        live: LiveLexicon,
        *,
        folder: Path | None,
        now: Callable[[], datetime],
        run: Run = run,
    ) -> None:
        self._database = database
        self._live = live
        self._folder = folder
        self._now = now
        self._run = run
        self._task: asyncio.Task[Mapping[str, Any]] | None = None
        self._examples: ReplayExamples | None = None
        self._lapse: asyncio.TimerHandle | None = None
        self.running: Running | None = None
        self.last: int | None = None
        self.fault = ""

    async def replay(
        self, actor: Operator, change_id: int, progress: ProgressListener | None = None
    ) -> Mapping[str, Any]:
        """Replay a proposed change against what is live; return what is stored of it.

        Raises:
            RefusedError: as `begin`; `replay_cancelled`; or `replay_failed`, whose detail says
                why (a folder that cannot be read, a change that no longer fits).
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
        """Begin a replay and leave it to itself; `running` and `fault` say how it goes.

        Raises:
            RefusedError: `not_allowed`, `change_gone` (decided already), `replay_runs`.
        """
        require_active(actor)
        async with self._database.read() as transaction:
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
        """End the replay that runs; whether one did."""
        return self.running is not None and self._task is not None and self._task.cancel()

    async def examples(self, actor: Operator, change_id: int) -> ReplayExamples:
        """The messages that the last replay moved, for an operator who looks at them.

        Whoever took back the consent since, or was erased, is not among them.

        Raises:
            RefusedError: `not_allowed`, or `examples_gone`: replay the change again.
        """
        require_active(actor)
        found = self._examples
        if found is None or found.change_id != change_id:
            raise RefusedError(Refusal.EXAMPLES_GONE)
        every = (found.turn_of(each) for rows in found.moved.values() for each in rows)
        stored = {turn_id for turn_id in every if turn_id is not None}
        async with self._database.begin() as transaction:
            await audit.append(
                transaction,
                "lexicon_examples_read",
                now=self._now(),
                operator_id=actor.operator_id,
                detail={"change": change_id, "stored": len(stored)},
            )
            allowed = {None, *await labels.still_consented(transaction, stored)}
        moved = {
            kind: [each for each in rows if found.turn_of(each) in allowed]
            for kind, rows in found.moved.items()
        }
        return ReplayExamples(change_id, moved, found.broken, found.turn_ids)

    def forget(self) -> None:
        """Drop the messages that are kept."""
        self._examples = None
        if self._lapse is not None:
            self._lapse.cancel()
            self._lapse = None

    async def aclose(self) -> None:
        """End the replay that runs, and drop what is kept."""
        self.cancel()
        if self._task is not None:
            with suppress(asyncio.CancelledError, Exception):
                await self._task
        self.forget()

    async def _kept(
        self, actor: Operator, change: LexiconChange, progress: ProgressListener | None
    ) -> Mapping[str, Any]:
        """Replay, keep the examples in memory and the counts in the change's row."""
        turn_ids: list[TurnId] = []
        outcome = await self._outcome(change, turn_ids, progress)
        counts: dict[str, Any] = outcome["counts"]
        total = counts["total"]
        async with self._database.begin() as transaction:
            await changes.keep_replay(transaction, change.change_id, counts)
            await audit.append(
                transaction,
                "lexicon_replayed",
                now=self._now(),
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
        self._lapse = asyncio.get_running_loop().call_later(KEPT_S, self.forget)
        return counts

    async def _outcome(
        self, change: LexiconChange, turn_ids: list[TurnId], progress: ProgressListener | None
    ) -> dict[str, Any]:
        await self._live.refresh()
        async with self._database.read() as transaction:
            stored = min(await labels.count_consented(transaction), MOST_STORED)

        def report(done: int, total: int) -> None:
            if self.running is not None:
                self.running.done, self.running.total = done, total
            if progress:
                progress(done, total)

        try:
            return await self._run(
                worker.replay,
                self._live.present.bodies,
                change.body,
                self._folder and self._folder.absolute(),
                pages=self._stored(stored, turn_ids),
                progress=report,
            )
        except WorkerError as fault:
            raise RefusedError(Refusal.REPLAY_FAILED, detail=str(fault)) from fault

    async def _stored(self, most: int, turn_ids: list[TurnId]) -> AsyncIterator[list[str]]:
        """People's words, a page at a time: no transaction is open while they are screened."""
        before: TurnId | None = None
        while len(turn_ids) < most:
            async with self._database.read() as transaction:
                page = await labels.consented(transaction, before, limit=PAGE)
            if not page:
                return
            kept = page[: most - len(turn_ids)]
            turn_ids += [said.turn_id for said in kept]
            yield [said.text for said in kept]
            before = page[-1].turn_id

    def _ended(self, task: asyncio.Task[Mapping[str, Any]]) -> None:
        self.running = None
        if task.cancelled():
            self.fault = "cancelled"
        elif error := task.exception():  # looked at, so that nobody warns of it
            self.fault = getattr(error, "detail", "") or type(error).__name__
            log.warning("replay_failed", error=type(error).__name__)
