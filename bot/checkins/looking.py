"""A look at one person's check-in: what decides about it, and what is to be done.

Knows nothing of claiming, of words or of sending; it changes nothing. The clock (`rounds.py`)
looks before it asks, delivery (`recalling.py`) once more before it sends.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.checkins.deciding import DecisionContext, DueDecision, decide_due
from bot.checkins.reckoning import quiet_of
from bot.checkins.restraint import Backoff
from bot.checkins.schedule import Appointment, Occurrence
from storage import Transaction, cases, check_in_settings, people
from storage.appointments import Due
from storage.check_in_settings import CheckInSettings
from storage.people import Person

# Of an open case; while an operator has the conversation, one of any level holds.
HOLDING_LEVEL = 3

Admits = Callable[[Person], bool]


@dataclass(frozen=True, slots=True)
class DueQuestion:
    """A check-in whose time has come.

    Attributes:
        settings: as they were before it.
        is_goodbye: it is the last one, after long silence: say goodbye and show a way back.
        is_after_hold: the first one after a case held them: use words for that.
    """

    person: Person
    appointment: Appointment
    occurrence: Occurrence
    settings: CheckInSettings
    is_goodbye: bool
    is_after_hold: bool


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a look at a due appointment found; without an outcome it is to be reckoned anew."""

    settings: CheckInSettings
    outcome: DueDecision | None = None
    question: DueQuestion | None = None


async def state_of(
    transaction: Transaction, person: Person, settings: CheckInSettings, admits: Admits
) -> DecisionContext:
    """What decides about a person's check-ins at this moment, beside the clock."""
    case = await cases.open_case(transaction, person.person_id)
    return DecisionContext(
        zone=ZoneInfo(settings.zone),
        quiet=quiet_of(settings),
        paused_until_at=settings.paused_until_at,
        backoff=Backoff(settings.unanswered, settings.asked_on),
        is_held=case is not None
        and (case.level >= HOLDING_LEVEL or case.lease_until_at is not None),
        is_admitted=admits(person),
        was_held=settings.was_held,
    )


async def evaluate(
    transaction: Transaction, due: Due, admits: Admits, now: datetime, *, lock: bool = False
) -> Evaluation | None:
    """What is to be done about an appointment; None: nothing, for as long as it is so.

    Args:
        transaction: an open one.
        due: the appointment.
        admits: whether the companion talks with a person at all.
        now: the present instant.
        lock: nobody else changes this person's check-ins until the transaction ends.
    """
    settings = await check_in_settings.get(transaction, due.person_id, lock=lock)
    person = await people.by_id(transaction, due.person_id)
    if settings is None or person is None or settings.stopped_at or person.blocked_at:
        return None
    if due.next is None:
        return Evaluation(settings)
    state = await state_of(transaction, person, settings, admits)
    appointment = Appointment.of(due.days, due.minute)
    first = Occurrence(due.next.local_date, due.next.at)
    found = decide_due(appointment, first, state, now)
    if found.asked is None:
        return Evaluation(settings, found)
    question = DueQuestion(
        person, appointment, found.asked, settings, found.is_goodbye, settings.was_held
    )
    return Evaluation(settings, found, question)
