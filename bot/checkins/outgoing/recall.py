"""The recall of check-ins that wait to be sent.

Seconds or hours lie between queueing and sending, so delivery decides once more. An unsent
check-in was never asked: it is recorded as skipped, its text is deleted, and it does not count
as silence.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from bot.checkins.outgoing.evaluation import Admits, CheckInCounted, state_of
from bot.checkins.rules.backoff import Backoff
from bot.checkins.rules.decision import SkipReason, decide
from bot.checkins.rules.schedule import Occurrence
from storage import Transaction
from storage.checkins import appointments, occurrences, queued_questions, skips
from storage.checkins import settings as check_in_settings
from storage.checkins.occurrences import CheckIn, CheckInState, MoodAnswer
from storage.checkins.settings import CheckInSettings, StoppedBy
from storage.companion import conversations, people
from storage.ids import CheckInId, PersonId
from storage.messages.outbox import OutboxMessage, OutboxState

# Counted in addition to `asked` or `goodbye`.
TAKEN_BACK = "unsent"


@dataclass(frozen=True, slots=True)
class Recall:
    """Tell delivery whether to send a check-in, and record one that was not sent."""

    admits: Admits = lambda _person: True

    async def why_unwanted(
        self, transaction: Transaction, message: OutboxMessage
    ) -> SkipReason | None:
        """Return why a message of a check-in must not be sent any more, or None to send it."""
        if message.person_id is None or message.check_in_id is None:
            return None
        check_in = await occurrences.get(transaction, message.person_id, message.check_in_id)
        settings = await check_in_settings.get(transaction, message.person_id)
        person = await people.by_id(transaction, message.person_id)
        if check_in is None or settings is None or person is None or _is_over(settings, check_in):
            return SkipReason.STOPPED
        if check_in.state is CheckInState.SKIPPED:
            return SkipReason(check_in.reason) if check_in.reason else SkipReason.ASKED_FOR
        state = await state_of(transaction, person, settings, self.admits)
        # The backoff was checked when the check-in was queued, and counts it already.
        state = replace(state, backoff=Backoff())
        decided = decide(Occurrence(check_in.local_date, check_in.due_at), state, transaction.now)
        return decided if isinstance(decided, SkipReason) else None

    async def on_end(
        self,
        transaction: Transaction,
        message: OutboxMessage,
        state: OutboxState,
        reason: str | None,
    ) -> None:
        """Record that an unsent check-in was not asked, unless part of it may have arrived."""
        if state in (OutboxState.SENT, OutboxState.UNKNOWN):
            return
        if message.person_id is None or message.check_in_id is None:
            return
        if state is OutboxState.FAILED:
            why = SkipReason.FAILED
        elif reason is not None:
            why = SkipReason(reason)
        else:  # `/stop`, or else a crisis or an operator, whose case may be resolved by now
            why = await self.why_unwanted(transaction, message) or SkipReason.HELD
        if await withdraw(transaction, message.person_id, message.check_in_id, why):
            transaction.record(CheckInCounted(TAKEN_BACK))


def _is_over(settings: CheckInSettings, check_in: CheckIn) -> bool:
    """Return whether the person ended check-ins, or began them again after a goodbye."""
    if check_in.state is CheckInState.GOODBYE:
        return settings.stopped_by is not StoppedBy.GOODBYE
    return settings.stopped_at is not None


async def withdraw(
    transaction: Transaction, person_id: PersonId, check_in_id: CheckInId, why: SkipReason
) -> bool:
    """Record an unseen check-in as skipped. Returns False if it may have arrived."""
    settings = await check_in_settings.get(transaction, person_id, lock=True)
    check_in = await occurrences.get(transaction, person_id, check_in_id)
    if (
        check_in is None
        or check_in.state is CheckInState.SKIPPED
        or check_in.answer not in (None, MoodAnswer())
        or await queued_questions.may_have_arrived(transaction, person_id, check_in_id)
    ):
        return False
    await occurrences.withdraw(transaction, person_id, check_in_id, why)
    turn_id, had_summary = await queued_questions.turn_of(transaction, person_id, check_in_id)
    if turn_id is not None:
        await conversations.delete_unsent(transaction, turn_id)
    if settings is None:
        return True
    if had_summary and settings.summarised_on == check_in.local_date:
        offered_before = check_in.local_date - timedelta(days=7)  # so it comes with the next one
        await check_in_settings.change(transaction, person_id, summarised_on=offered_before)
    if why is SkipReason.HELD or await skips.since_last_asked(
        transaction, person_id, SkipReason.HELD
    ):
        await check_in_settings.change(transaction, person_id, was_held=True)
    if check_in.state is CheckInState.GOODBYE and settings.stopped_by is StoppedBy.GOODBYE:
        await check_in_settings.change(transaction, person_id, stopped_at=None, stopped_by=None)
        await appointments.reschedule(transaction, person_id)
    await _restore_silence(transaction, settings, check_in)
    return True


async def _restore_silence(
    transaction: Transaction, settings: CheckInSettings, check_in: CheckIn
) -> None:
    """Restore the silence to its length before an unseen question."""
    if settings.asked_on != check_in.local_date:
        return  # the person wrote since
    last = await occurrences.last_unanswered(transaction, settings.person_id)
    if last == check_in.local_date:
        return  # another one was asked on that day
    unanswered = max(0, settings.unanswered - 1)
    await check_in_settings.change(
        transaction,
        settings.person_id,
        unanswered=unanswered,
        asked_on=last if unanswered else None,
    )
