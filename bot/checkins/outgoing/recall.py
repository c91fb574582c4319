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
    """Tells delivery whether to send a check-in, and records one that was not sent.

    Attributes:
        admits: whether the companion talks with a person at all.
    """

    admits: Admits = lambda _person: True

    async def why_unwanted(
        self, transaction: Transaction, message: OutboxMessage
    ) -> SkipReason | None:
        """Why a message of a check-in must not be sent any more, or None to send it."""
        if message.person_id is None or message.check_in_id is None:
            return None
        found = await occurrences.get(transaction, message.person_id, message.check_in_id)
        settings = await check_in_settings.get(transaction, message.person_id)
        person = await people.by_id(transaction, message.person_id)
        if found is None or settings is None or person is None or _is_over(settings, found):
            return SkipReason.STOPPED
        if found.state is CheckInState.SKIPPED:
            return SkipReason(found.reason) if found.reason else SkipReason.ASKED_FOR
        state = await state_of(transaction, person, settings, self.admits)
        # Restraint was looked at when it was queued, and counts it already.
        state = replace(state, backoff=Backoff())
        decided = decide(Occurrence(found.local_date, found.due_at), state, transaction.now)
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


def _is_over(settings: CheckInSettings, found: CheckIn) -> bool:
    """Whether the person ended check-ins, or began them again after a goodbye."""
    if found.state is CheckInState.GOODBYE:
        return settings.stopped_by is not StoppedBy.GOODBYE
    return settings.stopped_at is not None


async def withdraw(
    transaction: Transaction, person_id: PersonId, check_in_id: CheckInId, why: SkipReason
) -> bool:
    """Turn a check-in that nobody saw into a skipped one. Returns False if it may have arrived."""
    settings = await check_in_settings.get(transaction, person_id, lock=True)
    found = await occurrences.get(transaction, person_id, check_in_id)
    if (
        found is None
        or found.state is CheckInState.SKIPPED
        or found.answer not in (None, MoodAnswer())
        or await queued_questions.may_have_arrived(transaction, person_id, check_in_id)
    ):
        return False
    await occurrences.withdraw(transaction, person_id, check_in_id, why)
    turn_id, had_summary = await queued_questions.turn_of(transaction, person_id, check_in_id)
    if turn_id is not None:
        await conversations.delete_unsent(transaction, turn_id)
    if settings is None:
        return True
    if had_summary and settings.summarised_on == found.local_date:
        offered_before = found.local_date - timedelta(days=7)  # so it comes with the next one
        await check_in_settings.change(transaction, person_id, summarised_on=offered_before)
    if why is SkipReason.HELD or await skips.since_last_asked(
        transaction, person_id, SkipReason.HELD
    ):
        await check_in_settings.change(transaction, person_id, was_held=True)
    if found.state is CheckInState.GOODBYE and settings.stopped_by is StoppedBy.GOODBYE:
        await check_in_settings.change(transaction, person_id, stopped_at=None, stopped_by=None)
        await appointments.reschedule(transaction, person_id)
    await _break_no_silence(transaction, settings, found)
    return True


async def _break_no_silence(
    transaction: Transaction, settings: CheckInSettings, found: CheckIn
) -> None:
    """Set the silence back to where it stood before a question that nobody saw."""
    if settings.asked_on != found.local_date:
        return  # the person was heard from since
    last = await occurrences.last_unanswered(transaction, settings.person_id)
    if last == found.local_date:
        return  # another one was asked on that day
    unanswered = max(0, settings.unanswered - 1)
    await check_in_settings.change(
        transaction,
        settings.person_id,
        unanswered=unanswered,
        asked_on=last if unanswered else None,
    )
