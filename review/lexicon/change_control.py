"""Changes of the lexicon: proposed by one, replayed, approved by another, taken back by one.

Messages that somebody tries out are neither stored nor logged.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from review.lexicon.decisions import decide, proposal, record, refuse_dependents, still_live
from review.lexicon.live_lexicon import MISSED, LiveLexicon
from review.lexicon.replays import Replays
from review.lexicon.worker import ProgressListener, Run, WorkerError, run
from review.operators.access import Refusal, RefusedError, require_active, require_admin
from safety.changes import worker
from safety.screening.screener import Screening
from storage import Database
from storage.review import lexicon_changes as changes
from storage.review.lexicon_changes import ChangeState, LexiconChange
from storage.review.operators import Operator

T = TypeVar("T")
# How long a change may take to read; a hostile one could take for ever.
LIMIT_S = 20.0
SCREEN_LIMIT_S = 60.0
# Changes that are read, or screened with, at once; each takes some hundred megabytes.
MOST_AT_ONCE = 2
LONGEST_TEXT = 4096
TICK = timedelta(microseconds=1)


class LexiconChangeControl:
    """What operators do with changes of the lexicon.

    Args:
        database: where changes are.
        live: the lexicon in use.
        replays: of proposed changes.
        now: the clock of the service.
        run: reads a change, and screens with one, in a process of its own.
    """

    def __init__(
        self,
        database: Database,
        live: LiveLexicon,
        replays: Replays,
        *,
        now: Callable[[], datetime],
        run: Run = run,
    ) -> None:
        self._database = database
        self._now = now
        self._run = run
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self.live = live
        self.replays = replays

    async def propose(self, actor: Operator, text: str) -> int:
        """Store a change that fits what is live; return its number.

        Raises:
            RefusedError: `not_allowed`, or `bad_change`, whose detail says what to mend.
        """
        require_active(actor)
        await self.live.refresh()
        size = await self._done(LIMIT_S, worker.check, self.live.present.bodies, text)
        async with self._database.begin() as transaction:
            now = self._now()
            change_id = await changes.propose(
                transaction, text, operator_id=actor.operator_id, now=now
            )
            await record(transaction, "lexicon_proposed", actor, change_id, now, **size)
        return change_id

    async def replay(
        self, actor: Operator, change_id: int, progress: ProgressListener | None = None
    ) -> Mapping[str, Any]:
        """Replay a proposed change; see `Replays`, which also runs one by itself."""
        return await self.replays.replay(actor, change_id, progress)

    async def approve(self, actor: Operator, change_id: int) -> None:
        """Take a change into use, from the next message on: the second of two people.

        Raises:
            RefusedError: `not_allowed` (no admin), `change_gone` (decided already), `own_change`
                (proposed by the same person), `replay_missing`, `replay_stale` (something else
                went live since), `bad_change` (fits no longer), `canary` (with it the sentences
                whose level is known would be missed). Nothing has changed then.
        """
        require_admin(actor)
        async with self.live.lock:
            await self.live.follow()
            before = self.live.present
            async with self._database.read() as transaction:
                change = await proposal(transaction, change_id)
            self._refuse_unready(actor, change)
            after = await self.live.assembled([*before.live, change])
            if fault := after.left_out.get(change_id):
                key = Refusal.CANARY if fault == MISSED else Refusal.BAD_CHANGE
                raise RefusedError(key, detail=fault)
            version = after.screener.version
            async with self._database.begin() as transaction:
                now = self._instant_after(before.live)
                await decide(transaction, actor, change, ChangeState.LIVE, now, version=version)
                live = await still_live(transaction, after.numbers)
            await self.live.take(replace(after, live=live))

    async def reject(self, actor: Operator, change_id: int) -> None:
        """Refuse a proposal, as an admin.

        Raises:
            RefusedError: `not_allowed`, or `change_gone`.
        """
        require_admin(actor)
        async with self._database.begin() as transaction:
            change = await proposal(transaction, change_id)
            await decide(transaction, actor, change, ChangeState.REJECTED, self._now())

    async def withdraw(self, actor: Operator, change_id: int) -> None:
        """Take back a proposal of one's own, or a live change as an admin.

        One person is enough, and nothing is replayed: going back to what shipped must be quick.

        Raises:
            RefusedError: `not_allowed`, `change_gone`, or `has_dependents`: later live changes
                build on it, and the detail names them; they are withdrawn first.
        """
        require_active(actor)
        async with self._database.read() as transaction:
            change = await changes.get(transaction, change_id)
        if change is None or change.state not in (ChangeState.PROPOSED, ChangeState.LIVE):
            raise RefusedError(Refusal.CHANGE_GONE)
        if change.state is ChangeState.PROPOSED:
            if change.proposed_by != actor.operator_id:
                raise RefusedError(Refusal.NOT_ALLOWED)
            async with self._database.begin() as transaction:
                change = await proposal(transaction, change_id)
                await decide(transaction, actor, change, ChangeState.WITHDRAWN, self._now())
            return
        require_admin(actor)
        async with self.live.lock:
            await self.live.follow()
            before = self.live.present
            after = await self.live.assembled(
                [each for each in before.live if each.change_id != change_id]
            )
            refuse_dependents(after.left_out.keys() - before.left_out.keys())
            async with self._database.begin() as transaction:
                await decide(transaction, actor, change, ChangeState.WITHDRAWN, self._now())
                live = await still_live(transaction, after.numbers)
            await self.live.take(replace(after, live=live))

    async def playground(
        self, text: str, change_text: str | None = None
    ) -> tuple[Screening, Screening | None]:
        """Screen a text with the lexicon in use and, where given, with a change; nothing is kept.

        Raises:
            RefusedError: `too_long`, or `bad_change`.
        """
        if len(text) > LONGEST_TEXT:
            raise RefusedError(Refusal.TOO_LONG)
        present = self.live.present
        before = await asyncio.to_thread(present.screener.screen, text)
        if change_text is None:
            return before, None
        arguments = (present.bodies, change_text, text)
        return before, await self._done(SCREEN_LIMIT_S, worker.screen, *arguments)

    async def _done(self, limit_s: float, work: Callable[..., T], *arguments: object) -> T:
        try:
            async with self._room:
                return await self._run(work, *arguments, limit_s=limit_s)
        except WorkerError as fault:
            raise RefusedError(Refusal.BAD_CHANGE, detail=str(fault)) from fault
        except TimeoutError:
            detail = f"it takes longer than {limit_s:g} s to read; make it smaller"
            raise RefusedError(Refusal.BAD_CHANGE, detail=detail) from None

    def _refuse_unready(self, actor: Operator, change: LexiconChange) -> None:
        if change.proposed_by == actor.operator_id:
            raise RefusedError(Refusal.OWN_CHANGE)
        if change.replay is None:
            raise RefusedError(Refusal.REPLAY_MISSING)
        if change.replay["before"] != self.live.version:
            raise RefusedError(Refusal.REPLAY_STALE)

    def _instant_after(self, live: Sequence[LexiconChange]) -> datetime:
        """Now, but later than every live change, whatever the clock says: the order counts."""
        last = max((each.decided_at for each in live if each.decided_at), default=None)
        return max(self._now(), last + TICK) if last else self._now()
