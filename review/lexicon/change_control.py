"""Change control of the lexicon: one operator proposes, another approves, one may withdraw.

Messages tried in the playground are neither stored nor logged.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from review.lexicon.decisions import decide, proposal, record, refuse_dependents, still_live
from review.lexicon.live_lexicon import MISSED, LiveLexicon
from review.lexicon.replays import Replays
from review.lexicon.worker import ProgressListener, Run, WorkerError
from review.lexicon.worker import run as run_apart
from review.operators.access import Refusal, RefusedError, require_active, require_admin
from safety.changes import worker
from safety.screening.outcome import Screening
from storage import Database
from storage.review import lexicon_changes as changes
from storage.review.lexicon_changes import ChangeState, LexiconChange
from storage.review.operators import Operator

T = TypeVar("T")
# How long parsing a change may take. A hostile one could take for ever.
LIMIT_S = 20.0
SCREEN_LIMIT_S = 60.0
# Changes parsed or tried at once. Each takes some hundred megabytes.
MOST_AT_ONCE = 2
LONGEST_TEXT = 4096
TICK = timedelta(microseconds=1)


@dataclass(eq=False, slots=True)
class LexiconChangeControl:
    """Carry out operators' acts on lexicon changes.

    Attributes:
        live: the lexicon in use.
        run: parses a change, and screens with one, in a separate process.
        limit_s: how long parsing a change may take.
        screen_limit_s: how long screening with a change may take.
    """

    database: Database
    live: LiveLexicon
    replays: Replays
    run: Run = run_apart
    limit_s: float = LIMIT_S
    screen_limit_s: float = SCREEN_LIMIT_S
    _room: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(MOST_AT_ONCE), init=False
    )

    async def propose(self, actor: Operator, text: str) -> int:
        """Store a change that fits the lexicon in use, and return its number.

        Raises:
            RefusedError: `not_allowed`, or `bad_change` (`detail` says what to fix).
        """
        require_active(actor)
        await self.live.refresh()
        size = await self._done(self.limit_s, worker.check, self.live.present.bodies, text)
        async with self.database.begin() as transaction:
            change_id = await changes.propose(transaction, text, operator_id=actor.operator_id)
            await record(transaction, "lexicon_proposed", actor, change_id, **size)
        return change_id

    async def replay(
        self, actor: Operator, change_id: int, progress: ProgressListener | None = None
    ) -> Mapping[str, Any]:
        """Replay a proposed change (see `Replays`)."""
        return await self.replays.replay(actor, change_id, progress)

    async def approve(self, actor: Operator, change_id: int) -> None:
        """Take a change into use from the next message on, as the second of two operators.

        Raises:
            RefusedError: `not_allowed` (not an admin), `change_gone` (already decided),
                `own_change` (proposed by the same operator), `replay_missing`, `replay_stale`
                (another change went live since), `bad_change` (no longer fits) or `canary`
                (it would miss a canary). Nothing changes then.
        """
        require_admin(actor)
        async with self.live.lock:
            await self.live.follow()
            before = self.live.present
            async with self.database.read() as transaction:
                change = await proposal(transaction, change_id)
            self._refuse_unready(actor, change)
            after = await self.live.assembled([*before.live, change])
            if fault := after.left_out.get(change_id):
                key = Refusal.CANARY if fault == MISSED else Refusal.BAD_CHANGE
                raise RefusedError(key, detail=fault)
            version = after.screener.version
            async with self.database.begin() as transaction:
                await decide(
                    transaction,
                    actor,
                    change,
                    ChangeState.LIVE,
                    decided_at=_instant_after(before.live, transaction.now),
                    version=version,
                )
                live = await still_live(transaction, after.numbers)
            await self.live.take(replace(after, live=live))

    async def reject(self, actor: Operator, change_id: int) -> None:
        """Reject a proposal, as an admin.

        Raises:
            RefusedError: `not_allowed`, or `change_gone`.
        """
        require_admin(actor)
        async with self.database.begin() as transaction:
            change = await proposal(transaction, change_id)
            await decide(transaction, actor, change, ChangeState.REJECTED)

    async def withdraw(self, actor: Operator, change_id: int) -> None:
        """Withdraw one's own proposal, or a live change as an admin.

        One operator is enough and no replay is needed, because the way back must be quick.

        Raises:
            RefusedError: `not_allowed`, `change_gone`, or `has_dependents` (`detail` names the
                later live changes that build on it, to be withdrawn first).
        """
        require_active(actor)
        async with self.database.read() as transaction:
            change = await changes.get(transaction, change_id)
        if change is None or change.state not in (ChangeState.PROPOSED, ChangeState.LIVE):
            raise RefusedError(Refusal.CHANGE_GONE)
        if change.state is ChangeState.PROPOSED:
            if change.proposed_by != actor.operator_id:
                raise RefusedError(Refusal.NOT_ALLOWED)
            async with self.database.begin() as transaction:
                change = await proposal(transaction, change_id)
                await decide(transaction, actor, change, ChangeState.WITHDRAWN)
            return
        require_admin(actor)
        async with self.live.lock:
            await self.live.follow()
            before = self.live.present
            after = await self.live.assembled(
                [kept for kept in before.live if kept.change_id != change_id]
            )
            refuse_dependents(after.left_out.keys() - before.left_out.keys())
            async with self.database.begin() as transaction:
                await decide(transaction, actor, change, ChangeState.WITHDRAWN)
                live = await still_live(transaction, after.numbers)
            await self.live.take(replace(after, live=live))

    async def playground(
        self, text: str, change_text: str | None = None
    ) -> tuple[Screening, Screening | None]:
        """Screen a text with the lexicon in use and with a change, if given, and store nothing.

        Raises:
            RefusedError: `too_long` or `bad_change`.
        """
        if len(text) > LONGEST_TEXT:
            raise RefusedError(Refusal.TOO_LONG)
        present = self.live.present
        before = await asyncio.to_thread(present.screener.screen, text)
        if change_text is None:
            return before, None
        arguments = (present.bodies, change_text, text)
        return before, await self._done(self.screen_limit_s, worker.screen, *arguments)

    async def _done(self, limit_s: float, work: Callable[..., T], *arguments: object) -> T:
        try:
            async with self._room:
                return await self.run(work, *arguments, limit_s=limit_s)
        except WorkerError as fault:
            raise RefusedError(Refusal.BAD_CHANGE, detail=str(fault)) from fault
        except TimeoutError:
            detail = f"the change takes longer than {limit_s:g} s to parse; make it smaller"
            raise RefusedError(Refusal.BAD_CHANGE, detail=detail) from None

    def _refuse_unready(self, actor: Operator, change: LexiconChange) -> None:
        if change.proposed_by == actor.operator_id:
            raise RefusedError(Refusal.OWN_CHANGE)
        if change.replay is None:
            raise RefusedError(Refusal.REPLAY_MISSING)
        if change.replay["before"] != self.live.version:
            raise RefusedError(Refusal.REPLAY_STALE)


def _instant_after(live: Sequence[LexiconChange], now: datetime) -> datetime:
    """Return now, or an instant after the last live change if the clock went back."""
    last = max((change.decided_at for change in live if change.decided_at), default=None)
    return max(now, last + TICK) if last else now
