"""Quiet hours and next times, converted between storage and the rules."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.checkins.quiet import QuietHours
from bot.checkins.schedule import Appointment, Occurrence, next_occurrence
from storage import Transaction, check_ins
from storage.appointments import Next, Stored
from storage.check_in_settings import CheckInSettings


def next_of(occurrence: Occurrence | None) -> Next | None:
    """An occurrence as storage takes it."""
    return Next(occurrence.at, occurrence.local_date) if occurrence else None


async def next_due(
    transaction: Transaction, settings: CheckInSettings, stored: Stored, now: datetime
) -> Next | None:
    """When an appointment is due next, from now or from the end of a pause."""
    if settings.stopped_at is not None:
        return None
    # Travel serves dates a day ahead at most; what is due later came of a clock that was wrong.
    served = await check_ins.served(
        transaction, settings.person_id, stored.minute, before=now + timedelta(days=1)
    )
    after = max(now, settings.paused_until_at or now)
    appointment = Appointment.of(stored.days, stored.minute)
    return next_of(next_occurrence(appointment, ZoneInfo(settings.zone), after, served))


def quiet_of(settings: CheckInSettings) -> QuietHours | None:
    """A person's quiet hours, if they have any."""
    if settings.quiet_from is None or settings.quiet_to is None:
        return None
    return QuietHours(settings.quiet_from, settings.quiet_to)
