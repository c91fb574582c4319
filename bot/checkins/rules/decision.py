"""The decision on an occurrence whose time has come: ask, say goodbye, or skip with a reason."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from bot.checkins.rules.backoff import Backoff, Decision
from bot.checkins.rules.quiet_hours import QuietHours
from bot.checkins.rules.schedule import (
    LATEST,
    Appointment,
    Occurrence,
    local_minute,
    next_occurrence,
)

# Occurrences missed longer ago are not recorded one by one.
NOTED = timedelta(days=31)


class SkipReason(StrEnum):
    """Why an occurrence was skipped. It is stored with it."""

    PAUSED = "paused"
    HELD = "held"  # a case of level 3 or more is not resolved, or a human is talking with them
    LATE = "late"  # more than LATEST after its time
    FAILED = "failed"  # it could not be asked, again and again, until it was late
    QUIET = "quiet"
    RESTRAINT = "restraint"
    ASKED_FOR = "asked_for"  # the person wanted to skip it
    STOPPED = "stopped"  # the person ended check-ins while it waited to be sent
    NOT_ADMITTED = "not_admitted"  # the pilot is closed to them, for now


@dataclass(frozen=True, slots=True)
class DecisionContext:
    """The state that decides, besides the clock.

    Attributes:
        zone: where the person is.
        quiet: their quiet hours, if any.
        paused_until_at: the end of their pause, if any.
        backoff: how long they have been silent.
        is_held: whether a case holds their check-ins.
        is_admitted: whether the companion talks with them at all.
        was_held: whether a case held them and no question came since.
    """

    zone: ZoneInfo
    quiet: QuietHours | None
    paused_until_at: datetime | None
    backoff: Backoff
    is_held: bool
    is_admitted: bool = True
    was_held: bool = False


def decide(occurrence: Occurrence, state: DecisionContext, now: datetime) -> Decision | SkipReason:
    """Decide on an occurrence that is due at `now`.

    It is quiet if its own time or the moment of asking lies in the quiet hours. A late question
    must not wake anyone either.
    """
    if not state.is_admitted:
        return SkipReason.NOT_ADMITTED
    if state.paused_until_at is not None and occurrence.at < state.paused_until_at:
        return SkipReason.PAUSED
    if state.is_held:
        return SkipReason.HELD
    if now - occurrence.at > LATEST:
        return SkipReason.LATE
    if state.quiet and any(
        state.quiet.contains(local_minute(at, state.zone)) for at in (occurrence.at, now)
    ):
        return SkipReason.QUIET
    decision = state.backoff.decide(occurrence.local_date, was_held=state.was_held)
    return SkipReason.RESTRAINT if decision is Decision.SKIP else decision


@dataclass(slots=True)
class DueDecision:
    """The decision on an appointment that is due.

    Attributes:
        following: the next occurrence.
        skipped: the occurrences that are skipped, each with its reason.
        asked: the occurrence that is asked now, or None.
        is_goodbye: whether `asked` is the goodbye.
    """

    following: Occurrence
    skipped: list[tuple[Occurrence, SkipReason]] = field(default_factory=list)
    asked: Occurrence | None = None
    is_goodbye: bool = False


def decide_due(
    appointment: Appointment, first: Occurrence, state: DecisionContext, now: datetime
) -> DueDecision:
    """Go through every occurrence from `first` up to now and ask one at most.

    After a day of downtime several dates are due, and each one skipped is recorded.
    """
    zone, occurrence = state.zone, first
    if now - first.at > NOTED:
        occurrence = next_occurrence(appointment, zone, now - NOTED, first.local_date)
    due = DueDecision(occurrence)
    while due.following.at <= now and due.asked is None:
        occurrence = due.following
        decided = decide(occurrence, state, now)
        if isinstance(decided, SkipReason):
            due.skipped.append((occurrence, decided))
        else:
            due.asked, due.is_goodbye = occurrence, decided is Decision.GOODBYE
        due.following = next_occurrence(appointment, zone, occurrence.at, occurrence.local_date)
    return due
