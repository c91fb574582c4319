"""The audit trail of what operators did, hash-chained so that any change is detected.

Each row's hash is an HMAC-SHA256 with a key derived from the service's own. It covers the previous
hash and the row except its text and its person. The chain holds a salted digest of the text, so
that erasing a person leaves it intact.
"""

import hmac
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from secrets import token_hex
from typing import Any

from sqlalchemy import Row, func, insert, select, text

from storage.database import keys
from storage.database.connection import Transaction
from storage.database.schema_review import audit
from storage.ids import CaseId, OperatorId, PersonId

SEAL_CONTEXT = "audit.words"
FIRST = bytes(32)
SALT_CHARS = 32


@dataclass(frozen=True, slots=True)
class Record:
    """One act in the trail.

    Attributes:
        operator_id: the operator, or None for the service itself.
        detail: what was done, without any text that a person or operator wrote.
        words: the text that an operator wrote (a reply, a reason), or None. An erasure of the
            person removes it.
    """

    audit_id: int
    at: datetime
    operator_id: OperatorId | None
    act: str
    case_id: CaseId | None
    person_id: PersonId | None
    detail: Mapping[str, Any]
    words: str | None


async def append(
    transaction: Transaction,
    act: str,
    *,
    operator_id: OperatorId | None = None,
    case_id: CaseId | None = None,
    person_id: PersonId | None = None,
    detail: Mapping[str, Any] | None = None,
    words: str | None = None,
) -> int:
    """Append an act to the trail, and return its id.

    Args:
        transaction: an open transaction. It locks out other writers of the trail until it ends.
        act: the name of the act.
        operator_id: the operator, or None for the service.
        case_id: the case.
        person_id: the person it is about. Required with `words`.
        detail: JSON, without any text that a person or operator wrote.
        words: the text, which is sealed with the person's key.
    """
    values: dict[str, Any] = {
        "at": transaction.now,
        "operator_id": operator_id,
        "act": act,
        "case_id": case_id,
        "person_id": person_id,
        "detail": json.dumps(detail or {}, ensure_ascii=False, sort_keys=True),
        "words_digest": None,
    }
    if words is not None:
        assert person_id is not None
        salted = token_hex(SALT_CHARS // 2) + words
        values["words"] = await keys.seal(transaction, person_id, salted, SEAL_CONTEXT)
        values["words_digest"] = words_digest(salted)
    key = await audit_key(transaction)
    before = await _last_hash(transaction)
    values["hash"] = chain_hash(key, before, values)
    inserted = await transaction.execute(insert(audit).values(**values).returning(audit.c.audit_id))
    return int(inserted.scalar_one())


async def _last_hash(transaction: Transaction) -> bytes:
    """Return the last hash, and lock the trail until the commit.

    SQLite has one writer at a time. On PostgreSQL a function takes a lock and reads the hash in
    one round trip.
    """
    if transaction.dialect == "postgresql":
        rows = await transaction.execute(text("SELECT audit_last_hash()"))
    else:
        last = select(audit.c.hash).order_by(audit.c.audit_id.desc()).limit(1)
        rows = await transaction.execute(last)
    return bytes(rows.scalar_one_or_none() or FIRST)


async def page(
    transaction: Transaction,
    *,
    before: int | None = None,
    case_id: CaseId | None = None,
    operator_id: OperatorId | None = None,
    act: str | None = None,
    limit: int = 50,
) -> list[Record]:
    """Return a page of acts, newest first."""
    query = select(audit).order_by(audit.c.audit_id.desc()).limit(limit)
    for column, value in (
        (audit.c.case_id, case_id),
        (audit.c.operator_id, operator_id),
        (audit.c.act, act),
    ):
        if value is not None:
            query = query.where(column == value)
    if before is not None:
        query = query.where(audit.c.audit_id < before)
    rows = (await transaction.execute(query)).all()
    return [await _record(transaction, row) for row in rows]


async def details_since(
    transaction: Transaction, operator_id: OperatorId, acts: Collection[str], since: datetime
) -> list[Mapping[str, Any]]:
    """Return the details of an operator's acts of these kinds since an instant."""
    query = select(audit.c.detail).where(
        audit.c.operator_id == operator_id, audit.c.act.in_(acts), audit.c.at >= since
    )
    return [json.loads(detail) for detail in (await transaction.execute(query)).scalars()]


async def first_since(
    transaction: Transaction, operator_id: OperatorId, since: datetime
) -> datetime | None:
    """Return the time of an operator's first act since an instant, or None."""
    query = select(func.min(audit.c.at)).where(
        audit.c.operator_id == operator_id, audit.c.at >= since
    )
    first_at: datetime | None = (await transaction.execute(query)).scalar_one()
    return first_at


async def _record(transaction: Transaction, row: Row[Any]) -> Record:
    words = None
    if row.words is not None:
        words = (await keys.unseal(transaction, row.person_id, row.words, SEAL_CONTEXT))[
            SALT_CHARS:
        ]
    return Record(
        row.audit_id,
        row.at,
        row.operator_id,
        row.act,
        row.case_id,
        row.person_id,
        json.loads(row.detail),
        words,
    )


async def audit_key(transaction: Transaction) -> bytes:
    """Return the key of the chain."""
    return hmac.digest(await keys.of(transaction, keys.SERVICE), b"pica audit", "sha256")


def words_digest(salted: str) -> bytes:
    """Return the digest of salted text that the chain holds."""
    return sha256(salted.encode("utf-8", "surrogatepass")).digest()


def chain_hash(key: bytes, before: bytes, values: Mapping[str, Any]) -> bytes:
    """Return the hash of an act after the act with the hash `before`."""
    digest = values["words_digest"]
    fields = [
        values["at"].astimezone(UTC).isoformat(timespec="microseconds"),
        values["operator_id"],
        values["act"],
        values["case_id"],
        values["detail"],
        digest.hex() if digest else None,
    ]
    return hmac.digest(key, before + json.dumps(fields, ensure_ascii=False).encode(), "sha256")
