"""Operators' verdicts and edits as rows for evaluation and tuning.

Only of people who allow the use of their words. A row names nobody: `person` is a number that holds
within one export, so that rows of one person can be kept together.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from storage import Transaction
from storage.review import audit, labels
from storage.review.cases import Resolution

# The label that `pica safety evaluate` counts as no risk (`safety/evaluation/evaluate.py`).
HARMLESS = "unrelated"


async def verdicts(transaction: Transaction) -> AsyncIterator[dict[str, Any]]:
    """A row a turn that opened or raised a case which operators have resolved.

    `text` and `labels` are of the form that `pica safety evaluate` measures.
    """
    numbers: dict[int, int] = {}
    async for found in labels.judged(transaction):
        is_false = found.resolution is Resolution.FALSE_ALARM
        yield {
            "text": found.text,
            "labels": [HARMLESS if is_false else "risk"],
            "source": "operators",
            "person": numbers.setdefault(found.person_id, len(numbers) + 1),
            "level": found.level,
            "rules": list(found.rules),
            "resolution": str(found.resolution),
        }


async def edits(transaction: Transaction) -> AsyncIterator[dict[str, Any]]:
    """A row a reply that an operator read before it went: `reply` is what went."""
    numbers: dict[int, int] = {}
    async for found in labels.edited(transaction):
        yield {
            "question": found.question,
            "draft": found.draft,
            "reply": found.edited if found.edited is not None else found.draft,
            "is_edited": found.edited is not None,
            "person": numbers.setdefault(found.person_id, len(numbers) + 1),
        }


async def record(transaction: Transaction, kind: str, rows: int, *, now: datetime) -> None:
    """Write the export to the audit trail."""
    await audit.append(
        transaction, "labels_exported", now=now, detail={"kind": kind, "rows": rows, "by": "host"}
    )
