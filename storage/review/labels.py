"""Turns with operators' verdicts and edits, of people who consented to training.

Turns off the record are never included.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select

from storage.companion.conversations import SEAL_CONTEXT as TURN
from storage.companion.conversations import Speaker
from storage.database import keys
from storage.database.connection import Transaction
from storage.database.schema import people, turns
from storage.database.schema_review import cases, evidence, shadow_drafts
from storage.ids import PersonId, TurnId
from storage.review.cases import Resolution
from storage.review.shadow_drafts import EDITED, WORDS, ShadowState

JUDGED = (Resolution.HELPED, Resolution.REFERRED, Resolution.UNREACHABLE, Resolution.FALSE_ALARM)
READ = (ShadowState.SENT, ShadowState.EDITED)


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """A turn that was evidence in a resolved case."""

    person_id: PersonId
    text: str
    level: int
    rules: tuple[str, ...]
    resolution: Resolution


@dataclass(frozen=True, slots=True)
class EditRow:
    """A model reply that an operator read. `edited` is None if it was sent unedited."""

    person_id: PersonId
    question: str
    draft: str
    edited: str | None


@dataclass(frozen=True, slots=True)
class PersonTurn:
    """A turn that a person wrote."""

    turn_id: TurnId
    person_id: PersonId
    text: str


async def consented(
    transaction: Transaction, before: TurnId | None = None, *, limit: int
) -> list[PersonTurn]:
    """Return a page of people's turns, newest first. `before` is the previous page's last turn."""
    query = _said(turns.c.turn_id, turns.c.person_id, turns.c.words)
    query = query.order_by(turns.c.turn_id.desc()).limit(limit)
    if before is not None:
        query = query.where(turns.c.turn_id < before)
    page = []
    for row in (await transaction.execute(query)).all():
        try:
            text = await keys.unseal(transaction, row.person_id, row.words, TURN)
        except keys.KeyDestroyedError:  # erased since the page was read
            continue
        page.append(PersonTurn(row.turn_id, row.person_id, text))
    return page


async def count_consented(transaction: Transaction) -> int:
    """Count the turns that `consented` returns."""
    return int((await transaction.execute(_said(func.count()))).scalar_one())


async def still_consented(transaction: Transaction, turn_ids: Iterable[TurnId]) -> set[TurnId]:
    """Return the turns among these that still exist and may still be read."""
    query = _said(turns.c.turn_id).where(turns.c.turn_id.in_(list(turn_ids)))
    return {row.turn_id for row in await transaction.execute(query)}


def _said(*columns: ColumnElement[Any]) -> Select[Any]:
    return (
        select(*columns)
        .join_from(turns, people, people.c.person_id == turns.c.person_id)
        .where(
            people.c.training_consent_at.is_not(None),
            turns.c.off_record == 0,
            turns.c.role == Speaker.PERSON,
        )
    )


async def judged(transaction: Transaction) -> AsyncIterator[VerdictRow]:
    """Yield turns with operators' verdicts, oldest first."""
    query = (
        select(
            turns.c.turn_id,
            turns.c.person_id,
            turns.c.words,
            evidence.c.level,
            evidence.c.rule,
            cases.c.resolution,
        )
        .join_from(evidence, cases)
        .join(turns, turns.c.turn_id == evidence.c.turn_id)
        .join(people, people.c.person_id == turns.c.person_id)
        .where(
            people.c.training_consent_at.is_not(None),
            turns.c.off_record == 0,
            cases.c.resolution.in_(JUDGED),
        )
        .order_by(turns.c.turn_id, evidence.c.evidence_id)
    )
    together: list[Row[Any]] = []
    for row in (await transaction.execute(query)).all():
        if together and together[0].turn_id != row.turn_id:
            yield await _judged(transaction, together)
            together = []
        together.append(row)
    if together:
        yield await _judged(transaction, together)


async def edited(transaction: Transaction) -> AsyncIterator[EditRow]:
    """Yield replies that operators read, with the question they answer, oldest first."""
    drafts = shadow_drafts
    query = (
        select(drafts.c.person_id, turns.c.words.label("question"), drafts.c.words, drafts.c.edited)
        .join_from(drafts, turns, turns.c.turn_id == drafts.c.question_turn_id)
        .join(people, people.c.person_id == drafts.c.person_id)
        .where(
            people.c.training_consent_at.is_not(None),
            turns.c.off_record == 0,
            drafts.c.state.in_(READ),
        )
        .order_by(drafts.c.draft_id)
    )
    for row in (await transaction.execute(query)).all():
        yield EditRow(
            row.person_id,
            await keys.unseal(transaction, row.person_id, row.question, TURN),
            await keys.unseal(transaction, row.person_id, row.words, WORDS),
            await keys.unseal(transaction, row.person_id, row.edited, EDITED)
            if row.edited is not None
            else None,
        )


async def _judged(transaction: Transaction, rows: list[Row[Any]]) -> VerdictRow:
    first = rows[0]
    return VerdictRow(
        first.person_id,
        await keys.unseal(transaction, first.person_id, first.words, TURN),
        max(row.level for row in rows),
        tuple(dict.fromkeys(row.rule for row in rows)),
        Resolution(rows[-1].resolution),
    )
