"""The changes that a person makes to their check-ins: times, zone, quiet hours, pauses, answers.

Every function works in the caller's transaction. A change of appointments locks the person's
settings first. All functions but `begin` do nothing for a person without check-ins.
"""

from collections.abc import Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from bot.checkins.outgoing.evaluation import next_due, next_of, quiet_of
from bot.checkins.outgoing.recall import withdraw
from bot.checkins.rules.backoff import ANSWERED
from bot.checkins.rules.decision import SkipReason
from bot.checkins.rules.pace import CROWDED, is_crowded, stable_rank
from bot.checkins.rules.quiet_hours import QuietHours
from bot.checkins.rules.schedule import Appointment, Occurrence, merged, next_occurrence
from storage import Transaction
from storage.checkins import appointments, occurrences, queued_questions, skips
from storage.checkins import settings as check_in_settings
from storage.checkins.appointments import Stored
from storage.checkins.occurrences import MoodAnswer, Occasion
from storage.checkins.settings import CheckInSettings, StoppedBy
from storage.ids import CheckInId, PersonId


class QuietHoursError(ValueError):
    """Some appointments are in the person's quiet hours, so nothing was changed.

    Attributes:
        refused: those appointments.
    """

    def __init__(self, refused: tuple[Appointment, ...]) -> None:
        super().__init__("appointments within quiet hours")
        self.refused = refused


async def begin(
    transaction: Transaction, person_id: PersonId, *, zone: str, wanted: Iterable[Appointment]
) -> CheckInSettings:
    """Start check-ins, or start them again, and record the consent.

    The times replace all earlier ones. The zone must exist (`zone_phrases.is_zone`).

    Raises:
        QuietHoursError: some of the times are in the person's quiet hours.
    """
    await check_in_settings.create(transaction, person_id, zone=zone)
    settings = await _locked(transaction, person_id)
    assert settings is not None
    _refuse_quiet(settings, wanted := merged(wanted))
    await check_in_settings.change(
        transaction, person_id, zone=zone, paused_until_at=None, stopped_at=None, stopped_by=None
    )
    await heard_from(transaction, person_id)
    await _keep(transaction, person_id, wanted)
    return await _reschedule(transaction, person_id)


async def set_appointments(
    transaction: Transaction, person_id: PersonId, wanted: Iterable[Appointment]
) -> CheckInSettings | None:
    """Replace all times. Zone, pause and stop stay as they are.

    Raises:
        QuietHoursError: some of them are in the person's quiet hours.
    """
    settings = await _locked(transaction, person_id)
    if settings is None:
        return None
    _refuse_quiet(settings, wanted := merged(wanted))
    await _keep(transaction, person_id, wanted)
    return await _reschedule(transaction, person_id)


async def set_zone(
    transaction: Transaction, person_id: PersonId, zone: str
) -> CheckInSettings | None:
    """Set a person's zone. `bot/checkins/rules/schedule.py` says what travel does."""
    if await _locked(transaction, person_id) is None:
        return None
    await check_in_settings.change(transaction, person_id, zone=zone)
    return await _reschedule(transaction, person_id)


async def set_quiet(
    transaction: Transaction, person_id: PersonId, quiet: QuietHours | None
) -> tuple[Appointment, ...]:
    """Set or clear quiet hours. Returns the appointments that they silence."""
    if await _locked(transaction, person_id) is None:
        return ()
    await check_in_settings.change(
        transaction,
        person_id,
        quiet_from=quiet.starts if quiet else None,
        quiet_to=quiet.ends if quiet else None,
    )
    stored = await appointments.of_person(transaction, person_id)
    return tuple(
        Appointment.of(appointment.days, appointment.minute)
        for appointment in stored
        if quiet and quiet.contains(appointment.minute)
    )


async def pause(
    transaction: Transaction, person_id: PersonId, *, until_at: datetime
) -> CheckInSettings | None:
    """Pause check-ins until an instant, including those due at this moment."""
    if await _locked(transaction, person_id) is None:
        return None
    await check_in_settings.change(transaction, person_id, paused_until_at=until_at)
    await appointments.suspend(transaction, person_id)
    return await _reschedule(transaction, person_id)


async def resume(transaction: Transaction, person_id: PersonId) -> CheckInSettings | None:
    """Resume after a pause, a stop, a goodbye or a skip, with the next occurrence from now."""
    if await _locked(transaction, person_id) is None:
        return None
    await skips.forget(
        transaction, person_id, after=transaction.now, reasons=[SkipReason.ASKED_FOR]
    )
    await check_in_settings.change(
        transaction, person_id, paused_until_at=None, stopped_at=None, stopped_by=None
    )
    await heard_from(transaction, person_id)
    return await _reschedule(transaction, person_id)


async def stop(transaction: Transaction, person_id: PersonId) -> CheckInSettings | None:
    """End check-ins at once. Times and answers stay, for `resume` and the chart.

    `withdraw` in `storage/checkins/settings.py` deletes the consent as well.
    """
    if await _locked(transaction, person_id) is None:
        return None
    await check_in_settings.change(
        transaction, person_id, stopped_at=transaction.now, stopped_by=StoppedBy.PERSON
    )
    await appointments.suspend(transaction, person_id)
    return await check_in_settings.get(transaction, person_id)


async def skip_today(transaction: Transaction, person_id: PersonId) -> list[Appointment]:
    """Skip today's check-ins that are to come or wait to be sent, by the person's local date."""
    settings = await _locked(transaction, person_id)
    if settings is None:
        return []
    zone, skipped = ZoneInfo(settings.zone), []
    today = transaction.now.astimezone(zone).date()
    for stored in await appointments.of_person(transaction, person_id):
        if await _withdraw_unsent(transaction, person_id, today, stored.minute):
            skipped.append(Appointment.of(stored.days, stored.minute))
        if stored.next is None or stored.next.local_date != today:
            continue
        appointment = Appointment.of(stored.days, stored.minute)
        occasion = Occasion(person_id, today, stored.minute, stored.next.at)
        await occurrences.note_skipped(transaction, occasion, SkipReason.ASKED_FOR)
        following = next_occurrence(appointment, zone, stored.next.at, today)
        await appointments.set_next(transaction, person_id, stored.minute, next_of(following))
        skipped.append(appointment)
    return skipped


async def _withdraw_unsent(
    transaction: Transaction, person_id: PersonId, day: date, minute: int
) -> bool:
    """Withdraw a question that is queued and was not sent."""
    for check_in_id in await queued_questions.waiting(transaction, person_id):
        check_in = await occurrences.get(transaction, person_id, check_in_id)
        if check_in is not None and (check_in.local_date, check_in.minute) == (day, minute):
            return await withdraw(transaction, person_id, check_in_id, SkipReason.ASKED_FOR)
    return False


async def answer(
    transaction: Transaction, person_id: PersonId, check_in_id: CheckInId, said: MoodAnswer
) -> MoodAnswer | None:
    """Store an answer, or more of one, and reset the silence.

    After a goodbye only `resume` starts check-ins again.
    """
    whole = await occurrences.answer(transaction, person_id, check_in_id, said)
    if whole is not None:
        await heard_from(transaction, person_id)
    return whole


async def heard_from(transaction: Transaction, person_id: PersonId) -> None:
    """Reset the silence, because the person wrote."""
    await check_in_settings.change(
        transaction, person_id, unanswered=ANSWERED.unanswered, asked_on=ANSWERED.asked_on
    )


async def upcoming(
    transaction: Transaction, person_id: PersonId
) -> list[tuple[Appointment, Occurrence | None]]:
    """Return a person's appointments, each with its next occurrence or None."""
    return [
        (
            Appointment.of(appointment.days, appointment.minute),
            Occurrence(appointment.next.local_date, appointment.next.at)
            if appointment.next
            else None,
        )
        for appointment in await appointments.of_person(transaction, person_id)
    ]


async def comes_around(transaction: Transaction, occurrence: Occurrence) -> bool:
    """Return whether this minute has so many people that they are told "around nine"."""
    count = await appointments.count_at(transaction, occurrence.at, limit=CROWDED + 1)
    return is_crowded(count)


async def _locked(transaction: Transaction, person_id: PersonId) -> CheckInSettings | None:
    return await check_in_settings.get(transaction, person_id, lock=True)


def _refuse_quiet(settings: CheckInSettings, wanted: tuple[Appointment, ...]) -> None:
    quiet = quiet_of(settings)
    refused = tuple(
        appointment for appointment in wanted if quiet and quiet.contains(appointment.minute)
    )
    if refused:
        raise QuietHoursError(refused)


async def _keep(
    transaction: Transaction, person_id: PersonId, wanted: tuple[Appointment, ...]
) -> None:
    """Store appointments. A time that was there before keeps its next occurrence."""
    before = {
        appointment.minute: appointment
        for appointment in await appointments.of_person(transaction, person_id)
    }
    rows = []
    for appointment in wanted:
        was = before.get(appointment.minute)
        following = was.next if was else None
        if following is not None and following.local_date.weekday() not in appointment.days:
            following = None
        rows.append(
            Stored(
                appointment.minute,
                appointment.mask,
                stable_rank(person_id, appointment.minute),
                following,
            )
        )
    await appointments.put(transaction, person_id, rows)


async def _reschedule(transaction: Transaction, person_id: PersonId) -> CheckInSettings:
    """Compute all next occurrences again. An occurrence that is due and not asked stays due."""
    settings = await check_in_settings.get(transaction, person_id)
    assert settings is not None
    for stored in await appointments.of_person(transaction, person_id):
        is_due = stored.next is not None and stored.next.at <= transaction.now
        if is_due and settings.stopped_at is None:
            continue
        following = await next_due(transaction, settings, stored)
        await appointments.set_next(transaction, person_id, stored.minute, following)
    return settings
