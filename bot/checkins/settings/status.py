"""The status of a person's check-ins, by the same rules that the scheduler follows."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.checkins.outgoing.evaluation import next_due, state_of
from bot.checkins.rules.decision import DecisionContext, SkipReason, decide
from bot.checkins.rules.schedule import Appointment, Occurrence, next_occurrence
from bot.checkins.settings import service
from storage import Transaction
from storage.checkins import appointments, skips
from storage.checkins import settings as check_in_settings
from storage.checkins.settings import CheckInSettings
from storage.companion.people import Person

# Occurrences of one time of the day, more than the longest pause of the backoff has.
LOOKED_AHEAD = 40
Upcoming = Sequence[tuple[Appointment, Occurrence | None]]


@dataclass(frozen=True, slots=True)
class CheckInStatus:
    """The status of a person's check-ins.

    Attributes:
        upcoming: the appointments with the next occurrence of each, asked or skipped.
        coming: the next question, or None if none will be asked.
        crowded: minutes with so many people that they are shown as "around" it.
        silent: minutes in the quiet hours, which are never asked.
        is_held: whether a case holds check-ins.
        is_admitted: whether the companion talks with the person at all.
        is_skipped: whether the person skipped the rest of today.
        every_days: the least days between questions after a silence, or 0 without one.
    """

    settings: CheckInSettings
    upcoming: Upcoming
    coming: tuple[Appointment, Occurrence] | None = None
    crowded: Collection[int] = ()
    silent: Collection[int] = ()
    is_held: bool = False
    is_admitted: bool = True
    is_skipped: bool = False
    every_days: int = 0


async def status_of(
    transaction: Transaction, person: Person, admits: Callable[[Person], bool]
) -> CheckInStatus | None:
    """Return the status, or None for a person who has not asked for check-ins."""
    settings = await check_in_settings.get(transaction, person.person_id)
    if settings is None:
        return None
    state = await state_of(transaction, person, settings, admits)
    upcoming: list[tuple[Appointment, Occurrence | None]] = []
    for stored in await appointments.of_person(transaction, person.person_id):
        following = stored.next or await next_due(transaction, settings, stored)
        occurrence = Occurrence(following.local_date, following.at) if following else None
        upcoming.append((Appointment.of(stored.days, stored.minute), occurrence))
    return CheckInStatus(
        settings,
        upcoming,
        next_question(upcoming, state, transaction.now),
        crowded={
            appointment.minute
            for appointment, occurrence in upcoming
            if occurrence is not None and await service.comes_around(transaction, occurrence)
        },
        silent={
            appointment.minute
            for appointment, _ in upcoming
            if state.quiet and state.quiet.contains(appointment.minute)
        },
        is_held=state.is_held,
        is_admitted=state.is_admitted,
        is_skipped=await skips.is_to_come(
            transaction, person.person_id, after=transaction.now, reason=SkipReason.ASKED_FOR
        ),
        every_days=state.backoff.every_days,
    )


def next_question(
    upcoming: Upcoming, state: DecisionContext, now: datetime
) -> tuple[Appointment, Occurrence] | None:
    """Return the first occurrence that will not be skipped, or None if all are."""
    questions = [
        (appointment, occurrence)
        for appointment, first in upcoming
        if first is not None and (occurrence := _asked(appointment, first, state, now)) is not None
    ]
    return min(questions, key=lambda pair: pair[1].at, default=None)


def _asked(
    appointment: Appointment, first: Occurrence, state: DecisionContext, now: datetime
) -> Occurrence | None:
    occurrence = first
    for _ in range(LOOKED_AHEAD):
        if not isinstance(decide(occurrence, state, max(now, occurrence.at)), SkipReason):
            return occurrence
        occurrence = next_occurrence(
            appointment, state.zone, max(now, occurrence.at), occurrence.local_date
        )
    return None
