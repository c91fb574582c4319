"""Why a case was opened or raised: rules, and their places in what was said.

Holds no words.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import insert, select

from storage.database.connection import Transaction
from storage.database.schema_review import evidence
from storage.ids import CaseId, TurnId

MOST = 40
"""Places noted of one message."""


@dataclass(frozen=True, slots=True)
class EvidenceSpan:
    """One rule at one place of a turn; `start` and `end` count code points."""

    rule: str
    category: str
    level: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """A span, the turn it is in (None: the words were not kept) and when it was noted."""

    span: EvidenceSpan
    turn_id: TurnId | None
    lexicon: str
    noted_at: datetime


async def add(
    transaction: Transaction,
    case_id: CaseId,
    spans: Sequence[EvidenceSpan],
    *,
    turn_id: TurnId | None,
    lexicon: str,
    now: datetime,
) -> None:
    """Note spans, the gravest first."""
    gravest = sorted(spans, key=lambda span: (-span.level, span.start))[:MOST]
    for span in gravest:
        await transaction.execute(
            insert(evidence).values(
                case_id=case_id, turn_id=turn_id, lexicon=lexicon, noted_at=now, **asdict(span)
            )
        )


async def of_case(transaction: Transaction, case_id: CaseId) -> list[Evidence]:
    """Everything noted for a case, oldest first."""
    query = select(evidence).where(evidence.c.case_id == case_id).order_by(evidence.c.evidence_id)
    rows = (await transaction.execute(query)).all()
    return [
        Evidence(
            EvidenceSpan(row.rule, row.category, row.level, row.start, row.end),
            row.turn_id,
            row.lexicon,
            row.noted_at,
        )
        for row in rows
    ]
