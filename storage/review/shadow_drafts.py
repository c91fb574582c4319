"""Model replies that wait for an operator's review, sealed with the person's key."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, insert, select, update

from storage.database import keys
from storage.database.connection import Transaction
from storage.database.schema_review import shadow_drafts as drafts
from storage.ids import CaseId, OperatorId, PersonId, TurnId, UpdateId

WORDS = "shadow_drafts.words"
BELOW = "shadow_drafts.below"
EDITED = "shadow_drafts.edited"


class ShadowState(StrEnum):
    """The state of a draft."""

    WAITING = "waiting"
    SENT = "sent"  # unedited, approved by an operator
    EDITED = "edited"
    EXPIRED = "expired"  # sent unedited, because no operator read it in time
    DROPPED = "dropped"  # not sent, because the conversation went on without it


@dataclass(frozen=True, slots=True)
class ShadowDraft:
    """A model reply and its state.

    Attributes:
        words: the model's text.
        below: fixed texts to append.
        edited: the operator's text instead, or None.
    """

    draft_id: int
    person_id: PersonId
    case_id: CaseId | None
    question_turn_id: TurnId
    update_id: UpdateId
    epoch: int
    words: str
    below: str
    edited: str | None
    state: ShadowState
    operator_id: OperatorId | None
    created_at: datetime
    due_at: datetime


async def put(
    transaction: Transaction,
    person_id: PersonId,
    *,
    case_id: CaseId,
    question_turn_id: TurnId,
    update_id: UpdateId,
    epoch: int,
    words: str,
    below: str,
    due_at: datetime,
) -> int:
    """Hold a reply back until an operator reads it or until `due_at`."""
    inserted = await transaction.execute(
        insert(drafts)
        .values(
            person_id=person_id,
            case_id=case_id,
            question_turn_id=question_turn_id,
            update_id=update_id,
            epoch=epoch,
            words=await keys.seal(transaction, person_id, words, WORDS),
            below=await keys.seal(transaction, person_id, below, BELOW),
            state=ShadowState.WAITING,
            created_at=transaction.now,
            due_at=due_at,
        )
        .returning(drafts.c.draft_id)
    )
    return int(inserted.scalar_one())


async def decide(
    transaction: Transaction,
    draft: ShadowDraft,
    state: ShadowState,
    *,
    operator_id: OperatorId | None,
    edited: str | None = None,
) -> bool:
    """Decide on a waiting draft, and return False if it was decided before."""
    sealed = None
    if edited is not None:
        sealed = await keys.seal(transaction, draft.person_id, edited, EDITED)
    result = await transaction.execute(
        update(drafts)
        .where(drafts.c.draft_id == draft.draft_id, drafts.c.decided_at.is_(None))
        .values(state=state, operator_id=operator_id, decided_at=transaction.now, edited=sealed)
    )
    return result.rowcount == 1


async def get(transaction: Transaction, draft_id: int) -> ShadowDraft | None:
    """Return one draft, or None."""
    row = (await transaction.execute(select(drafts).where(drafts.c.draft_id == draft_id))).first()
    return await _draft(transaction, row) if row else None


async def waiting(
    transaction: Transaction, *, due: datetime | None = None, person_id: PersonId | None = None
) -> list[ShadowDraft]:
    """Return waiting drafts, oldest first, optionally only those due or of one person."""
    query = select(drafts).where(drafts.c.decided_at.is_(None)).order_by(drafts.c.draft_id)
    if due is not None:
        query = query.where(drafts.c.due_at <= due)
    if person_id is not None:
        query = query.where(drafts.c.person_id == person_id)
    rows = (await transaction.execute(query.limit(100))).all()
    return [await _draft(transaction, row) for row in rows]


async def _draft(transaction: Transaction, row: Row[Any]) -> ShadowDraft:
    async def opened(sealed: bytes, place: str) -> str:
        return await keys.unseal(transaction, row.person_id, sealed, place)

    return ShadowDraft(
        row.draft_id,
        row.person_id,
        row.case_id,
        row.question_turn_id,
        row.update_id,
        row.epoch,
        await opened(row.words, WORDS),
        await opened(row.below, BELOW),
        await opened(row.edited, EDITED) if row.edited is not None else None,
        ShadowState(row.state),
        row.operator_id,
        row.created_at,
        row.due_at,
    )
