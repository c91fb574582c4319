"""After a wrong clock: what it put far ahead comes back.

A clock that ran a month ahead leaves next times a month ahead, and notes dates as left out that
are still to come. Once it is right again, both are undone: otherwise nothing would be asked for a
month. What was really asked stays. Knows nothing of words or of sending.
"""

from datetime import datetime

import structlog

from bot.checkins.deciding import SkipReason
from bot.checkins.reckoning import next_due
from storage import Database, appointments, check_in_settings, skipped_check_ins
from storage.ids import PersonId

log = structlog.get_logger(__name__)


async def repair(database: Database, now: datetime) -> None:
    """Reckon anew what lies too far ahead, one person a transaction."""
    async with database.read() as transaction:
        found = await appointments.too_far(transaction, now=now)
    for person_id in found:
        try:
            await _reckon(database, person_id, now)
        except Exception as error:  # the others go on; tried again in a while
            log.error("check_in_not_corrected", person=person_id, error=type(error).__name__)


async def _reckon(database: Database, person_id: PersonId, now: datetime) -> None:
    async with database.begin() as transaction:
        settings = await check_in_settings.get(transaction, person_id, lock=True)
        if settings is None:
            return
        # What a person wanted to skip they did want: today's may be still to come.
        reasons = set(SkipReason) - {SkipReason.ASKED_FOR}
        await skipped_check_ins.forget(transaction, person_id, after=now, reasons=reasons)
        for stored in await appointments.of_person(transaction, person_id):
            if stored.next is not None and stored.next.at > now:
                following = await next_due(transaction, settings, stored, now)
                await appointments.set_next(transaction, person_id, stored.minute, following)
