"""Opening and raising a case, and what it means for the conversation."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from safety.response.policy import HOLD_LAPSE_S, Response
from safety.screening.levels import Level
from safety.screening.screener import Screening
from storage import Transaction
from storage.companion import script_positions
from storage.ids import CaseId, PersonId, TurnId
from storage.review import cases, evidence
from storage.review.cases import Case
from storage.review.evidence import EvidenceSpan

HELD_FOR = timedelta(seconds=HOLD_LAPSE_S)


@dataclass(frozen=True, slots=True)
class OpenedCase:
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
) -> OpenedCase:
    """Open a case, or raise the one that is open: a person has one at most.

    The level never falls, categories add up. At level 3 and up the model is held silent.
    """
    categories = tuple(str(category) for category in screening.categories)
    level = int(response.level)
    hold_until_at = now + HELD_FOR if response.blocks_model else None
    found = await cases.open_case(transaction, person_id)
    if found is None:
        case_id = await cases.create(
            transaction,
            person_id,
            level=level,
            categories=categories,
            script=response.script,
            lexicon=screening.lexicon,
            hold_until_at=hold_until_at,
            now=now,
        )
        return OpenedCase(case_id, is_new=True, level_rose=True)
    await cases.change(
        transaction,
        found.case_id,
        level=max(level, found.level),
        categories=tuple(dict.fromkeys((*found.categories, *categories))),
        script=response.script if level >= min(found.level, Level.ACTIVE) else found.script,
        last_risk_at=now,
        hold_until_at=hold_until_at or found.hold_until_at,
    )
    return OpenedCase(found.case_id, is_new=False, level_rose=level > found.level)


async def note_evidence(
    transaction: Transaction,
    case_id: CaseId,
    text: str,
    screening: Screening,
    placed: Screening,
    *,
    turn_id: TurnId | None,
    now: datetime,
) -> None:
    """Keep which rules fired, and where in the turn.

    Args:
        transaction: of the message.
        case_id: the case that it opened or raised.
        text: the turn.
        screening: what it came to, in its context; of a burst, with places in each message.
        placed: the turn screened alone, which tells the places. What only the context found
            stands for the whole turn.
        turn_id: None where the words are not kept.
        now: the present instant.
    """
    found = {match.rule for match in placed.matches}
    whole = [
        replace(match, start=0, end=len(text))
        for match in {match.rule: match for match in screening.matches}.values()
        if match.rule not in found
    ]
    spans = [
        EvidenceSpan(match.rule, str(match.category), int(match.level), match.start, match.end)
        for match in (*placed.matches, *whole)
        if match.level >= Level.PASSIVE
    ]
    await evidence.add(
        transaction, case_id, spans, turn_id=turn_id, lexicon=screening.lexicon, now=now
    )


async def case_on_hold(
    transaction: Transaction, person_id: PersonId, *, now: datetime
) -> Case | None:
    """The case that keeps the model silent, or None.

    The hold lapses `HOLD_LAPSE_S` after the last message at risk in it; the case stays open.
    """
    found = await cases.open_case(transaction, person_id)
    return found if found is not None and holds(found, now) else None


def holds(case: Case, now: datetime) -> bool:
    """Whether a case keeps the model silent."""
    return case.hold_until_at is not None and now < case.hold_until_at


async def extend_hold(transaction: Transaction, case: Case, *, now: datetime) -> None:
    """Begin the hold's time anew: the person is still at risk."""
    await cases.change(transaction, case.case_id, last_risk_at=now, hold_until_at=now + HELD_FOR)


async def end_script(transaction: Transaction, case: Case) -> None:
    """Leave the script of a case that is resolved."""
    if case.person_id is not None:
        await script_positions.end(transaction, case.person_id)
