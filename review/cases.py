"""Opening, raising and resolving a case.

Knows nothing of how operators are told, nor of what the person is answered.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from safety.policy import HOLD_LAPSE_S, Response
from safety.screen import Screening
from storage import Transaction, cases, dialogues
from storage.cases import Case
from storage.ids import CaseId, PersonId


@dataclass(frozen=True, slots=True)
class Opened:
    """A case after a message at risk."""

    case_id: CaseId
    is_new: bool
    level_rose: bool


async def open_or_raise(
    transaction: Transaction,
    person_id: PersonId,
    response: Response,
    screening: Screening,
    *,
    now: datetime,
) -> Opened:
    """Open a case, or raise the one that is open: a person has one at most."""
    categories = tuple(str(category) for category in screening.categories)
    found = await cases.open_case(transaction, person_id)
    if found is None:
        case_id = await cases.create(
            transaction,
            person_id,
            level=int(response.level),
            categories=categories,
            script=response.script,
            lexicon=screening.lexicon,
            now=now,
        )
        return Opened(case_id, is_new=True, level_rose=True)
    await cases.raise_level(
        transaction,
        found,
        level=int(response.level),
        categories=categories,
        script=response.script,
        now=now,
    )
    return Opened(found.case_id, is_new=False, level_rose=int(response.level) > found.level)


async def holding(transaction: Transaction, person_id: PersonId, *, now: datetime) -> Case | None:
    """The open case that keeps the model silent, or None.

    The hold lapses `HOLD_LAPSE_S` after the last message at risk; the case stays open.
    """
    found = await cases.open_case(transaction, person_id)
    if found is None or now - found.last_risk_at >= timedelta(seconds=HOLD_LAPSE_S):
        return None
    return found


async def prolong(transaction: Transaction, case: Case, *, now: datetime) -> None:
    """Begin the hold's time anew: the person is still at risk."""
    await cases.touch(transaction, case.case_id, now=now)


async def resolve(
    transaction: Transaction, case_id: CaseId, *, operator_id: int, now: datetime
) -> Case | None:
    """Close a case, and with it the script; None where it was closed before."""
    if not await cases.resolve(transaction, case_id, operator_id=operator_id, now=now):
        return None
    resolved = await cases.get(transaction, case_id)
    if resolved is not None and resolved.person_id is not None:
        await dialogues.end(transaction, resolved.person_id)
    return resolved
