"""The check of the whole audit trail: no act was changed, removed or robbed of its words."""

import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, select

from storage.database import keys
from storage.database.connection import Transaction
from storage.database.schema_review import audit as acts
from storage.review import audit
from storage.review.audit_erasure import BEGAN, ERASED, numbers


@dataclass(frozen=True, slots=True)
class AuditResult:
    """The result of verifying the whole trail.

    Attributes:
        records: the number of acts.
        broken_at: the first act that was changed, follows a missing one, or lost its text without
            an act of erasure. None if there is none.
        erased: the number of acts whose text was erased.
        head: the last hash. Store it elsewhere, because a truncated trail verifies without it.
        holds_head: whether the trail contains the given hash.
    """

    records: int
    broken_at: int | None
    erased: int
    head: str
    holds_head: bool


async def verify(transaction: Transaction, *, head: str | None = None) -> AuditResult:
    """Verify the trail from the first act, which must contain a hash `head` stored earlier."""
    key, before = await audit.audit_key(transaction), audit.FIRST
    count = 0
    broken: list[int] = []
    without_text: set[int] = set()
    named: set[int] = set()  # acts that an erasure names
    erasures_are_acts = False
    seen = head is None
    async for row in _rows(transaction):
        values = dict(row._mapping)
        is_whole = hmac.compare_digest(audit.chain_hash(key, before, values), row.hash)
        if not is_whole or not await _fits(transaction, row):
            broken.append(row.audit_id)
        if row.words_digest is not None and row.words is None:
            without_text.add(row.audit_id)
        if is_whole and row.act in (BEGAN, ERASED):
            named.update(numbers(json.loads(row.detail)["acts"]))
            erasures_are_acts |= row.act == BEGAN
        count += 1
        before = row.hash
        seen = seen or row.hash.hex() == head
    if erasures_are_acts:
        broken += without_text - named
    first = min(broken, default=None)
    return AuditResult(count, first, len(without_text), before.hex(), seen)


async def _rows(transaction: Transaction) -> AsyncIterator[Row[Any]]:
    """Yield all rows, read in pages so that a long trail fits into memory."""
    after = -1
    while True:
        query: Select[Any] = (
            select(acts).where(acts.c.audit_id > after).order_by(acts.c.audit_id).limit(1000)
        )
        rows = (await transaction.execute(query)).all()
        for row in rows:
            yield row
        if not rows:
            return
        after = rows[-1].audit_id


async def _fits(transaction: Transaction, row: Row[Any]) -> bool:
    """Return whether the text is erased or matches its digest."""
    if row.words is None:
        return True
    try:
        salted = await keys.unseal(transaction, row.person_id, row.words, audit.SEAL_CONTEXT)
    except Exception:  # the key was destroyed, or another key sealed the text
        return False
    return hmac.compare_digest(audit.words_digest(salted), row.words_digest or b"")
