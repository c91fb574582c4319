"""The repair of the schedule after a wrong clock.

A clock that runs a month ahead puts next times a month ahead and skips dates that are still to
come. The repair undoes both. A question that was really asked stays.
"""

import structlog

from bot.checkins.outgoing.evaluation import next_due
from bot.checkins.rules.decision import SkipReason
from storage import Database
from storage.checkins import appointments, skips
from storage.checkins import settings as check_in_settings
from storage.ids import PersonId

log = structlog.get_logger(__name__)


async def repair(database: Database) -> None:
    """Reschedule what lies too far ahead, one person per transaction."""
    async with database.read() as transaction:
        people = await appointments.implausibly_late(transaction)
    for person_id in people:
        try:
            await _reschedule(database, person_id)
        except Exception as error:  # go on with the others, and try again in an hour
            log.error("check_in_not_corrected", person=person_id, error=type(error).__name__)


async def _reschedule(database: Database, person_id: PersonId) -> None:
    async with database.begin() as transaction:
        settings = await check_in_settings.get(transaction, person_id, lock=True)
        if settings is None:
            return
        # The person's own skips stay, because today's check-in may be still to come.
        reasons = set(SkipReason) - {SkipReason.ASKED_FOR}
        await skips.forget(transaction, person_id, after=transaction.now, reasons=reasons)
        for stored in await appointments.of_person(transaction, person_id):
            if stored.next is not None and stored.next.at > transaction.now:
                following = await next_due(transaction, settings, stored)
                await appointments.set_next(transaction, person_id, stored.minute, following)
