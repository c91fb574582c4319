"""The opening and raising of a case, and the hold on the conversation that follows."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from safety.response.policy import HOLD_LAPSE_S, Response, Script
from safety.screening.levels import Level
from safety.screening.outcome import Screening
from storage import Transaction
from storage.companion import script_positions
from storage.ids import CaseId, PersonId, TurnId
from storage.review import cases, evidence
from storage.review.cases import Case
from storage.review.evidence import EvidenceSpan

HELD_FOR = timedelta(seconds=HOLD_LAPSE_S)


@dataclass(frozen=True, slots=True)
class OpenedCase:
    """A case after a message at risk.

    Attributes:
        is_new: no risk was known before. A case of a request for a human counts as new.
    """

    case_id: CaseId
    is_new: bool
    level_rose: bool


async def open_or_raise(
    transaction: Transaction, person_id: PersonId, response: Response, screening: Screening
) -> OpenedCase:
    """Open a case, or raise the person's open case.

    The level never falls, and categories add up. From level 3 on, the model is silent.
    """
    categories = tuple(str(category) for category in screening.categories)
    level = int(response.level)
    hold_until_at = transaction.now + HELD_FOR if response.blocks_model else None
    case = await cases.open_case(transaction, person_id)
    if case is None:
        case_id = await cases.create(
            transaction,
            person_id,
            level=level,
            categories=categories,
            script=response.script,
            lexicon=screening.lexicon,
            hold_until_at=hold_until_at,
        )
        return OpenedCase(case_id, is_new=True, level_rose=True)
    await cases.change(
        transaction,
        case.case_id,
        level=max(level, case.level),
        categories=tuple(dict.fromkeys((*case.categories, *categories))),
        script=response.script if level >= min(case.level, Level.ACTIVE) else case.script,
        last_risk_at=transaction.now,
        hold_until_at=hold_until_at or case.hold_until_at,
    )
    return OpenedCase(case.case_id, is_new=case.level == 0, level_rose=level > case.level)


async def note_evidence(
    transaction: Transaction,
    case_id: CaseId,
    text: str,
    screening: Screening,
    placed: Screening,
    *,
    turn_id: TurnId | None,
) -> None:
    """Store which rules fired, and where in the turn.

    Args:
        transaction: the message's transaction.
        case_id: the case that it opened or raised.
        text: the turn.
        screening: its screening in context. For a burst, positions are within each message.
        placed: the screening of the turn alone, which gives the positions. A match that only
            the context gave covers the whole turn.
        turn_id: None if the text is not stored.
    """
    located = {match.rule for match in placed.matches}
    whole = [
        replace(match, start=0, end=len(text))
        for match in {match.rule: match for match in screening.matches}.values()
        if match.rule not in located
    ]
    spans = [
        EvidenceSpan(match.rule, str(match.category), int(match.level), match.start, match.end)
        for match in (*placed.matches, *whole)
        if match.level >= Level.PASSIVE
    ]
    await evidence.add(transaction, case_id, spans, turn_id=turn_id, lexicon=screening.lexicon)


async def case_on_hold(transaction: Transaction, person_id: PersonId) -> Case | None:
    """Return the case that keeps the model silent, or None.

    The hold lapses `HOLD_LAPSE_S` after its last message at risk. The case stays open.
    """
    case = await cases.open_case(transaction, person_id)
    return case if case is not None and holds(case, transaction.now) else None


def holds(case: Case, now: datetime) -> bool:
    """Return whether a case keeps the model silent."""
    return case.hold_until_at is not None and now < case.hold_until_at


def is_urgent(case: Case) -> bool:
    """Return whether emergency numbers come before the others in a case."""
    return case.level >= Level.IMMINENT or case.script == Script.MEDICAL


async def extend_hold(transaction: Transaction, case: Case) -> None:
    """Restart the hold's time, because the person is still at risk."""
    await cases.change(
        transaction,
        case.case_id,
        last_risk_at=transaction.now,
        hold_until_at=transaction.now + HELD_FOR,
    )


async def end_script(transaction: Transaction, case: Case) -> None:
    """End the script of a resolved case."""
    if case.person_id is not None:
        await script_positions.end(transaction, case.person_id)
