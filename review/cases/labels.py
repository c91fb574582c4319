"""Operators' verdicts and edits as rows for evaluation and tuning.

The rows come only from people who allow the use of their messages, and name nobody. `person` is a
number within one export, so that the rows of one person can be grouped.
"""

from collections.abc import AsyncIterator
from typing import Any

from storage import Transaction
from storage.review import audit, labels
from storage.review.cases import Resolution

# The label that `pica safety evaluate` counts as no risk (`safety/evaluation/evaluate.py`).
HARMLESS = "unrelated"


async def verdicts(transaction: Transaction) -> AsyncIterator[dict[str, Any]]:
    """Yield one row per turn that opened or raised a case which is resolved now.

    `text` and `labels` have the form that `pica safety evaluate` reads.
    """
    numbers: dict[int, int] = {}
    async for verdict in labels.judged(transaction):
        is_false = verdict.resolution is Resolution.FALSE_ALARM
        yield {
            "text": verdict.text,
            "labels": [HARMLESS if is_false else "risk"],
            "source": "operators",
            "person": numbers.setdefault(verdict.person_id, len(numbers) + 1),
            "level": verdict.level,
            "rules": list(verdict.rules),
            "resolution": str(verdict.resolution),
        }


async def edits(transaction: Transaction) -> AsyncIterator[dict[str, Any]]:
    """Yield one row per reply that an operator reviewed. `reply` is the text that was sent."""
    numbers: dict[int, int] = {}
    async for edit in labels.edited(transaction):
        yield {
            "question": edit.question,
            "draft": edit.draft,
            "reply": edit.edited if edit.edited is not None else edit.draft,
            "is_edited": edit.edited is not None,
            "person": numbers.setdefault(edit.person_id, len(numbers) + 1),
        }


async def record(transaction: Transaction, kind: str, rows: int) -> None:
    """Write the export to the audit trail."""
    await audit.append(
        transaction, "labels_exported", detail={"kind": kind, "rows": rows, "by": "host"}
    )
