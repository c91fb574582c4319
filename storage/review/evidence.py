"""Evidence: the rules for which a case was opened or raised, and where they matched."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import insert, select

from storage.database.connection import Transaction
from storage.database.schema_review import evidence
from storage.ids import CaseId, TurnId

# The most spans stored for one message.
MOST = 40


@dataclass(frozen=True, slots=True)
class EvidenceSpan:
    """A match of a rule in a turn. `start` and `end` count code points."""

    rule: str
    category: str
    level: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """A span with its turn, or None if the text was not kept."""

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
) -> None:
    """Store the gravest spans, up to `MOST`."""
    gravest = sorted(spans, key=lambda span: (-span.level, span.start))[:MOST]
    for span in gravest:
        await transaction.execute(
            insert(evidence).values(
                case_id=case_id,
                turn_id=turn_id,
                lexicon=lexicon,
                noted_at=transaction.now,
                **asdict(span),
            )
        )


async def of_case(transaction: Transaction, case_id: CaseId) -> list[Evidence]:
    """Return the evidence of a case, oldest first."""
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
