"""A person's check-ins as plain data for `/export`.

Dates and times of day are local, instants are in UTC.
"""

from dataclasses import asdict
from datetime import datetime

from bot.checkins.settings.formatting import clock
from storage import Transaction
from storage.checkins import appointments
from storage.checkins import occurrences as check_ins
from storage.checkins import settings as check_in_settings
from storage.checkins.occurrences import CheckIn
from storage.checkins.settings import CheckInSettings
from storage.ids import PersonId


async def check_ins_of(transaction: Transaction, person_id: PersonId) -> dict[str, object]:
    """Collect the settings, every occurrence with its reason, and every answer."""
    settings = await check_in_settings.get(transaction, person_id)
    agreed = await appointments.of_person(transaction, person_id)
    occurrences = await check_ins.of_person(transaction, person_id)
    return {
        **_of(settings),
        "times": [
            {
                "time": clock(one.minute),
                "weekdays": [day + 1 for day in range(7) if one.days >> day & 1],
            }
            for one in agreed
        ],
        "occurrences": [_occurrence(one) for one in occurrences],
        "answers": [
            {
                "date": one.local_date.isoformat(),
                "time": clock(one.minute),
                "at": _iso(one.answered_at),
                **asdict(one.answer),
            }
            for one in occurrences
            if one.answer is not None
        ],
    }


def _of(settings: CheckInSettings | None) -> dict[str, object]:
    if settings is None:
        return {"agreed_at": None}
    quiet = (settings.quiet_from, settings.quiet_to)
    return {
        "agreed_at": _iso(settings.consent_at),
        "zone": settings.zone,
        "quiet_hours": [clock(minute) for minute in quiet if minute is not None] or None,
        "paused_until": _iso(settings.paused_until_at),
        "stopped_at": _iso(settings.stopped_at),
        "stopped_by": settings.stopped_by,
        "asks_sleep": settings.asks_sleep,
        "asks_energy": settings.asks_energy,
        "weekly_summary": settings.weekly_summary,
        "summarised_on": settings.summarised_on and settings.summarised_on.isoformat(),
        "days_without_an_answer": settings.unanswered,
        "asked_on": settings.asked_on and settings.asked_on.isoformat(),
        "were_held_by_a_case": settings.was_held,
        "moods_fell_on": settings.fell_on and settings.fell_on.isoformat(),
        "staff_are_told_since": _iso(settings.fell_waits_at),
    }


def _occurrence(check_in: CheckIn) -> dict[str, object]:
    return {
        "date": check_in.local_date.isoformat(),
        "time": clock(check_in.minute),
        "state": check_in.state,
        "skipped_because": check_in.reason,
        "due_at": _iso(check_in.due_at),
        "asked_at": _iso(check_in.asked_at),
        "answered_at": _iso(check_in.answered_at),
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
