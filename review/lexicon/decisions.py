"""Decisions on lexicon changes: conditional updates with an entry in the audit trail."""

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
    """Return a change that is not decided yet.

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
    *,
    decided_at: datetime | None = None,
    **detail: Any,
) -> None:
    """Move a change to its next state once, for an operator or (None) the host.

    Args:
        transaction: the transaction of the decision.
        actor: the operator who decides.
        change: the change before the decision.
        state: the next state.
        decided_at: if not the transaction's instant.
        detail: further values for the audit trail.

    Raises:
        RefusedError: `not_allowed` (the operator's role changed meanwhile), or `change_gone`
            (another operator was faster).
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
        decided_at=decided_at or transaction.now,
    ):
        raise RefusedError(Refusal.CHANGE_GONE)
    await record(
        transaction, f"lexicon_{state}", actor, change.change_id, was=change.state, **detail
    )


async def record(
    transaction: Transaction, act: str, actor: Operator | None, change_id: int, **detail: Any
) -> None:
    """Write an act to the audit trail, without the text of the change."""
    by = {} if actor else {"by": "host"}
    await audit.append(
        transaction,
        act,
        operator_id=actor.operator_id if actor else None,
        detail={"change": change_id, **detail, **by},
    )


async def still_live(
    transaction: Transaction, numbers: Collection[int]
) -> tuple[LexiconChange, ...]:
    """Return the live changes, which must still be `numbers`.

    Call it after `record`: the audit trail's lock then keeps others out until the commit.

    Raises:
        RefusedError: `replay_stale` (another process decided meanwhile).
    """
    live = await changes.live(transaction)
    if [change.change_id for change in live] != list(numbers):
        raise RefusedError(Refusal.REPLAY_STALE)
    return tuple(live)


def refuse_dependents(numbers: Collection[int]) -> None:
    """Refuse if other changes would no longer fit.

    Raises:
        RefusedError: `has_dependents`. `detail` names them in the order to withdraw them.
    """
    if numbers:
        named = ", ".join(map(str, sorted(numbers, reverse=True)))
        raise RefusedError(Refusal.HAS_DEPENDENTS, detail=named)


async def withdraw_by_host(transaction: Transaction, change_id: int, shipped: Lexicon) -> None:
    """Withdraw a change from the host. Running services follow within a minute.

    Raises:
        RefusedError: `change_gone` or `has_dependents`.
    """
    change = await changes.get(transaction, change_id)
    if change is None or change.state not in (ChangeState.PROPOSED, ChangeState.LIVE):
        raise RefusedError(Refusal.CHANGE_GONE)
    if change.state is ChangeState.LIVE:
        live = await changes.live(transaction)
        _, before = stacked(shipped, live)
        _, after = stacked(shipped, [kept for kept in live if kept.change_id != change_id])
        refuse_dependents(after.keys() - before.keys())
    await decide(transaction, None, change, ChangeState.WITHDRAWN)
