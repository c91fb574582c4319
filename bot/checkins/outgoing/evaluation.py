"""The evaluation of one person's due appointment, which changes nothing.

The scheduler evaluates before it asks, delivery once more before it sends.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from bot.checkins.rules.backoff import Backoff
from bot.checkins.rules.decision import DecisionContext, DueDecision, decide_due
from bot.checkins.rules.quiet_hours import QuietHours
from bot.checkins.rules.schedule import Appointment, Occurrence, next_occurrence
from storage import Transaction
from storage.checkins import occurrences
from storage.checkins import settings as check_in_settings
from storage.checkins.appointments import Due, Next, Stored
from storage.checkins.settings import CheckInSettings
from storage.companion import people
from storage.companion.people import Person
from storage.review import cases


def next_of(occurrence: Occurrence | None) -> Next | None:
    """Return an occurrence as storage takes it."""
    return Next(occurrence.at, occurrence.local_date) if occurrence else None


async def next_due(
    transaction: Transaction, settings: CheckInSettings, stored: Stored
) -> Next | None:
    """Return when an appointment is due next, from now or from the end of a pause."""
    if settings.stopped_at is not None:
        return None
    # Travel serves dates at most a day ahead. A wrong clock recorded later ones.
    now = transaction.now
    served = await occurrences.served(
        transaction, settings.person_id, stored.minute, before=now + timedelta(days=1)
    )
    after = max(now, settings.paused_until_at or now)
    appointment = Appointment.of(stored.days, stored.minute)
    return next_of(next_occurrence(appointment, ZoneInfo(settings.zone), after, served))


def quiet_of(settings: CheckInSettings) -> QuietHours | None:
    """Return a person's quiet hours, if they have any."""
    if settings.quiet_from is None or settings.quiet_to is None:
        return None
    return QuietHours(settings.quiet_from, settings.quiet_to)


# The level of an open case that holds check-ins. If an operator talks with the person, any level
# holds them.
HOLDING_LEVEL = 3

Admits = Callable[[Person], bool]


@dataclass(frozen=True, slots=True)
class CheckInCounted:
    """The outcome of an occurrence: `asked`, `goodbye`, `unsent`, `error`, or a `SkipReason`."""

    outcome: str


@dataclass(frozen=True, slots=True)
class DueQuestion:
    """A check-in whose time has come.

    Attributes:
        settings: the settings before it.
        is_goodbye: whether it is the last one after a long silence, with a way back.
        is_after_hold: whether it is the first one after a case, with its own words.
    """

    person: Person
    appointment: Appointment
    occurrence: Occurrence
    settings: CheckInSettings
    is_goodbye: bool
    is_after_hold: bool


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The state of a due appointment. Without an outcome its next time must be computed again."""

    settings: CheckInSettings
    outcome: DueDecision | None = None
    question: DueQuestion | None = None


async def state_of(
    transaction: Transaction, person: Person, settings: CheckInSettings, admits: Admits
) -> DecisionContext:
    """Return the state that decides about a person's check-ins now, besides the clock."""
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
    transaction: Transaction, due: Due, admits: Admits, *, lock: bool = False
) -> Evaluation | None:
    """Evaluate a due appointment. Returns None if there is nothing to do.

    `lock` blocks other changes of this person's check-ins until the transaction ends.
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
    decision = decide_due(appointment, first, state, transaction.now)
    if decision.asked is None:
        return Evaluation(settings, decision)
    question = DueQuestion(
        person, appointment, decision.asked, settings, decision.is_goodbye, settings.was_held
    )
    return Evaluation(settings, decision, question)
