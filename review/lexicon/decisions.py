"""Decisions on lexicon changes, as conditional updates that stand in the audit trail."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from review.lexicon.live_lexicon import stacked
from review.operators.access import Refusal, RefusedError
from safety.screening.lexicon import Lexicon
from storage import Transaction
from storage.review import audit, operators
from storage.review import lexicon_changes as changes
from storage.review.lexicon_changes import ChangeState, LexiconChange
from storage.review.operators import Operator


async def proposal(transaction: Transaction, change_id: int) -> LexiconChange:
    """A change that nobody has decided on.

    Raises:
        RefusedError: `change_gone`.
    """
    change = await changes.get(transaction, change_id)
    if change is None or change.state is not ChangeState.PROPOSED:
        raise RefusedError(Refusal.CHANGE_GONE)
    return change


async def decide(
    transaction: Transaction,
    actor: Operator | None,
    change: LexiconChange,
    state: ChangeState,
    now: datetime,
    **detail: Any,
) -> None:
    """Move a change on, once; by somebody who still is what they were, or (None) by the host.

    Raises:
        RefusedError: `not_allowed`, or `change_gone`: somebody else was faster.
    """
    if actor is not None:
        present = await operators.get(transaction, actor.operator_id)
        if present is None or not present.is_active or present.role is not actor.role:
            raise RefusedError(Refusal.NOT_ALLOWED)
    if not await changes.decide(
        transaction,
        change.change_id,
        before=change.state,
        after=state,
        operator_id=actor.operator_id if actor else None,
        now=now,
    ):
        raise RefusedError(Refusal.CHANGE_GONE)
    await record(
        transaction, f"lexicon_{state}", actor, change.change_id, now, was=change.state, **detail
    )


async def record(
    transaction: Transaction,
    act: str,
    actor: Operator | None,
    change_id: int,
    now: datetime,
    **detail: Any,
) -> None:
    """Write an act to the trail, without any text of the change."""
    by = {} if actor else {"by": "host"}
    await audit.append(
        transaction,
        act,
        now=now,
        operator_id=actor.operator_id if actor else None,
        detail={"change": change_id, **detail, **by},
    )


async def still_live(
    transaction: Transaction, numbers: Collection[int]
) -> tuple[LexiconChange, ...]:
    """The live changes, which must be `numbers`: or else another process decided meanwhile.

    After an act is recorded: the trail's lock holds others off until the commit.

    Raises:
        RefusedError: `replay_stale`.
    """
    live = await changes.live(transaction)
    if [each.change_id for each in live] != list(numbers):
        raise RefusedError(Refusal.REPLAY_STALE)
    return tuple(live)


def refuse_dependents(numbers: Collection[int]) -> None:
    """Refuse where changes would no longer fit.

    Raises:
        RefusedError: `has_dependents`; the detail names them, the first to withdraw first.
    """
    if numbers:
        named = ", ".join(map(str, sorted(numbers, reverse=True)))
        raise RefusedError(Refusal.HAS_DEPENDENTS, detail=named)


async def withdraw_by_host(
    transaction: Transaction, change_id: int, shipped: Lexicon, *, now: datetime
) -> None:
    """Take a change back from the host; services follow within a minute.

    Raises:
        RefusedError: `change_gone`, or `has_dependents`.
    """
    change = await changes.get(transaction, change_id)
    if change is None or change.state not in (ChangeState.PROPOSED, ChangeState.LIVE):
        raise RefusedError(Refusal.CHANGE_GONE)
    if change.state is ChangeState.LIVE:
        live = await changes.live(transaction)
        _, before = stacked(shipped, live)
        _, after = stacked(shipped, [each for each in live if each.change_id != change_id])
        refuse_dependents(after.keys() - before.keys())
    await decide(transaction, None, change, ChangeState.WITHDRAWN, now)
