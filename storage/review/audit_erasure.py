"""Erasure of text from the audit trail, which is an act of the trail itself.

The act names the acts that lost their text. Without it, text that was set to NULL in the database
would look like an erasure.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from sqlalchemy import ColumnElement, select, update

from storage.database.connection import Transaction
from storage.database.schema import data_keys
from storage.database.schema_review import audit as acts
from storage.ids import PersonId
from storage.review import audit

# The act of an erasure, and the act from which on every erasure is one.
ERASED = "words_erased"
BEGAN = "erasures_recorded"


class ErasureReason(StrEnum):
    """Why text was erased."""

    PERSON = "person"
    RETENTION = "retention"
    RESTORE = "restore"


async def begin(transaction: Transaction) -> None:
    """Record once which acts have lost their text so far."""
    query = select(acts.c.audit_id).where(acts.c.act == BEGAN).limit(1)
    if (await transaction.execute(query)).first() is None:
        lost = acts.c.words_digest.is_not(None) & acts.c.words.is_(None)
        erased = await _ids(transaction, lost)
        await audit.append(transaction, BEGAN, detail={"acts": spans(erased)})


async def erase_person(transaction: Transaction, person_id: PersonId) -> None:
    """Erase what operators wrote about a person, and the person's id."""
    await _erase(transaction, acts.c.person_id == person_id, ErasureReason.PERSON)


async def erase_older(transaction: Transaction, *, before: datetime) -> int:
    """Erase text older than an instant, and return of how many acts."""
    old = acts.c.words.is_not(None) & (acts.c.at < before)
    return await _erase(transaction, old, ErasureReason.RETENTION)


async def erase_without_key(transaction: Transaction) -> None:
    """Erase what operators wrote about people whose key a restore did not bring back."""
    keyless = acts.c.person_id.is_not(None) & acts.c.person_id.not_in(select(data_keys.c.owner))
    await _erase(transaction, keyless, ErasureReason.RESTORE)


async def _erase(
    transaction: Transaction, condition: ColumnElement[bool], reason: ErasureReason
) -> int:
    erased = await _ids(transaction, condition & acts.c.words.is_not(None))
    await transaction.execute(update(acts).where(condition).values(words=None, person_id=None))
    if erased:
        detail = {"acts": spans(erased), "reason": reason}
        await audit.append(transaction, ERASED, detail=detail)
    return len(erased)


async def _ids(transaction: Transaction, condition: ColumnElement[bool]) -> list[int]:
    query = select(acts.c.audit_id).where(condition).order_by(acts.c.audit_id)
    return list((await transaction.execute(query)).scalars())


def spans(numbers_: Sequence[int]) -> str:
    """Write ascending numbers as spans, such as `3-7,9`."""
    if not numbers_:
        return ""
    ends = [i for i, (one, two) in enumerate(pairwise(numbers_), 1) if two != one + 1]
    starts = zip([0, *ends], [*ends, len(numbers_)], strict=True)
    whole = ((numbers_[start], numbers_[end - 1]) for start, end in starts)
    return ",".join(f"{first}-{last}" if first != last else f"{first}" for first, last in whole)


def numbers(named: str) -> Iterator[int]:
    """Yield the numbers that spans name."""
    for span in filter(None, named.split(",")):
        first, _, last = span.partition("-")
        yield from range(int(first), int(last or first) + 1)
