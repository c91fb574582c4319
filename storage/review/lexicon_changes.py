"""Changes to the lexicon that operators proposed, and the decisions on them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, insert, select, update

from storage.database.connection import Transaction
from storage.database.schema_review import lexicon_changes as changes
from storage.ids import OperatorId


class ChangeState(StrEnum):
    """The state of a change."""

    PROPOSED = "proposed"
    LIVE = "live"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class LexiconChange:
    """A change as YAML, with the counts of its replay."""

    change_id: int
    body: str
    state: ChangeState
    proposed_by: OperatorId
    proposed_at: datetime
    replay: Mapping[str, Any] | None
    decided_by: OperatorId | None
    decided_at: datetime | None


async def propose(transaction: Transaction, body: str, *, operator_id: OperatorId) -> int:
    """Store a proposal, and return its id."""
    inserted = await transaction.execute(
        insert(changes)
        .values(
            body=body,
            state=ChangeState.PROPOSED,
            proposed_by=operator_id,
            proposed_at=transaction.now,
        )
        .returning(changes.c.change_id)
    )
    return int(inserted.scalar_one())


async def keep_replay(transaction: Transaction, change_id: int, replay: Mapping[str, Any]) -> None:
    """Store the counts of a replay."""
    await transaction.execute(
        update(changes)
        .where(changes.c.change_id == change_id)
        .values(replay=json.dumps(replay, ensure_ascii=False))
    )


async def decide(
    transaction: Transaction,
    change_id: int,
    *,
    before: ChangeState,
    after: ChangeState,
    operator_id: OperatorId | None,
    decided_at: datetime,
) -> bool:
    """Set a change's state, and return False if it is no longer in the state `before`.

    `operator_id` is None for a decision made on the host's command line.
    """
    result = await transaction.execute(
        update(changes)
        .where(changes.c.change_id == change_id, changes.c.state == before)
        .values(state=after, decided_by=operator_id, decided_at=decided_at)
    )
    return result.rowcount == 1


async def get(transaction: Transaction, change_id: int) -> LexiconChange | None:
    """Return one change, or None."""
    query = select(changes).where(changes.c.change_id == change_id)
    row = (await transaction.execute(query)).one_or_none()
    return _change(row) if row else None


async def live(transaction: Transaction) -> list[LexiconChange]:
    """Return live changes in the order they went live, because one may build on another."""
    query = (
        select(changes)
        .where(changes.c.state == ChangeState.LIVE)
        .order_by(changes.c.decided_at, changes.c.change_id)
    )
    return [_change(row) for row in await transaction.execute(query)]


async def listed(
    transaction: Transaction, *, state: ChangeState | None = None
) -> list[LexiconChange]:
    """Return all changes in the order they were proposed."""
    query = select(changes).order_by(changes.c.change_id)
    if state is not None:
        query = query.where(changes.c.state == state)
    return [_change(row) for row in await transaction.execute(query)]


def _change(row: Row[Any]) -> LexiconChange:
    replay = json.loads(row.replay) if row.replay else None
    return LexiconChange(**{**row._mapping, "state": ChangeState(row.state), "replay": replay})
