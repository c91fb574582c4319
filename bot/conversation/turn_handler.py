"""The handler of turns, which stores a question and decides who answers it.

Both happen in one transaction.
"""

from collections.abc import Sequence
from dataclasses import replace

from telegram import Update

from bot.context import Context
from bot.conversation.completion import PendingTurn
from bot.conversation.interceptors import Interceptor, OnAccepted, is_intercepted
from bot.conversation.quota import Quota
from bot.conversation.reply import Replier
from bot.crisis.context_screening import ContextScreener
from bot.crisis.fixed_reply import FixedReply
from bot.updates.arrivals import Arrival, Burst
from bot.updates.parsing import UpdateKind
from bot.updates.quotes import own_words
from bot.updates.responder import HandlerContext, acknowledge, data_of
from bot.updates.utterance import Utterance
from safety.screening.levels import Level
from safety.screening.outcome import Screening
from storage.companion import conversations, people
from storage.companion.people import Person
from storage.ids import PersonId, TurnId, UpdateId
from storage.messages import inbox, inbox_queue
from storage.messages.inbox import Ended


class TurnHandler:
    """Stores questions and answers them, by an interceptor or by the model.

    Args:
        context: the environment.
        screener: screens messages in their context.
        interceptors: the interceptors, in the order in which they may answer.
        fixed_reply: stores the question as a turn.
        quota: counts the replies that are left today.
        replier: answers with the model.
    """

    def __init__(
        self,
        context: Context,
        *,
        screener: ContextScreener,
        interceptors: Sequence[Interceptor],
        fixed_reply: FixedReply,
        quota: Quota,
        replier: Replier,
    ) -> None:
        self._database = context.database
        self._answers = context.answers
        self._screener = screener
        self._interceptors = interceptors
        self._fixed_reply = fixed_reply
        self._quota = quota
        self._replier = replier

    async def on_burst(self, burst: Burst, _context: HandlerContext) -> None:
        """Answer the messages of one burst."""
        await self.answer(burst)

    async def on_retry(self, update: Update, _context: HandlerContext) -> None:
        """Answer a failed turn again, if it is the person's own and has no answer."""
        number = data_of(update)
        await acknowledge(update)
        async with self._answers.reading(update) as uow:
            person = uow.person if uow else None
        if person is not None and number.isdecimal() and len(number) < 19:
            turn_id, update_id = TurnId(int(number)), UpdateId(update.update_id)
            if await self.retry(person.person_id, turn_id, update_id):
                return
        await self._answers.text(update, "retry_gone")

    async def answer(self, burst: Burst) -> None:
        """Answer the messages of one burst."""
        screening = await self._screener.screen_burst(burst)
        await self._reply(await self._begin(burst, screening))

    async def answer_button(
        self, person: Person, update: Update, text: str, on_accepted: OnAccepted
    ) -> None:
        """Answer a button that stands for a text. `on_accepted` runs in the same transaction."""
        screening = await self._screener.screen(text)
        update_id = UpdateId(update.update_id)
        arrival = Arrival(
            update_id,
            person.person_id,
            UpdateKind.BUTTON,
            update,
            text,
            screening,
            epoch=person.epoch,
        )
        burst = Burst(person.person_id, [arrival])
        await self._reply(await self._begin(burst, screening, on_accepted))

    async def retry(self, person_id: PersonId, turn_id: TurnId, update_id: UpdateId) -> bool:
        """Answer a failed turn again, and return False if there is nothing to answer.

        The interceptors decide again whether the model may answer.
        """
        async with self._database.begin() as transaction:
            person = await people.by_id(transaction, person_id)
            turn = await conversations.get_turn(transaction, turn_id)
            if (
                person is None
                or turn is None
                or await conversations.owner(transaction, turn_id) != person_id
                or await conversations.is_answered(transaction, turn_id)
            ):
                return False
            text = own_words(turn.text)
            screening = await self._screener.screen(text)
            level = max(screening.level, Level(turn.level))  # a quote may have raised it
            screening = replace(screening, level=level)
            utterance = Utterance(person, [update_id], text, screening, is_new=False)
            pending = None
            if not await is_intercepted(self._interceptors, transaction, utterance):
                pending = PendingTurn(person, turn, [update_id], screening)
        await self._reply(pending)
        return True

    async def _reply(self, pending: PendingTurn | None) -> None:
        if pending is not None:
            await self._replier.reply(pending)

    async def _begin(
        self, burst: Burst, screening: Screening, on_accepted: OnAccepted | None = None
    ) -> PendingTurn | None:
        """Store the messages. Returns None if an interceptor answers them."""
        async with self._database.begin() as transaction:
            open_ids = await inbox_queue.open_among(transaction, burst.update_ids)
            person = await people.by_id(transaction, burst.person_id)
            if person is None or not open_ids:
                await inbox.end(transaction, burst.update_ids, Ended.IGNORED, reason="erased")
                return None
            if burst.keep_only(open_ids):
                screening = await self._screener.screen_burst(burst)
            if on_accepted is not None and not await on_accepted(transaction, person):
                return None
            # The hourly sweep may not have run yet.
            if person.was_off_record(transaction.now):
                await conversations.end_off_record(transaction, person.person_id)
                person = replace(person, off_record_until_at=None)
            utterance = _utterance(burst, person, screening, is_typed=on_accepted is None)
            quoted = await self._screener.quoted(transaction, burst.person_id, burst.quotes)
            utterance = replace(utterance, quoted=quoted)
            if utterance.is_typed:  # a button's text is ours, without risk
                utterance = await self._screener.screen_in_context(
                    transaction, utterance, burst.texts
                )
            if await is_intercepted(self._interceptors, transaction, utterance):
                return None
            turn = await self._fixed_reply.keep(transaction, utterance)
            notes = await self._quota.notes(transaction, person)
        return PendingTurn(person, turn, burst.update_ids, utterance.screening, burst, notes)


def _utterance(burst: Burst, person: Person, screening: Screening, *, is_typed: bool) -> Utterance:
    epoch = burst.arrivals[-1].epoch
    return Utterance(
        person,
        burst.update_ids,
        burst.text,
        screening,
        is_typed=is_typed,
        is_edit=burst.is_edit,
        is_late=epoch is not None and epoch < person.epoch,
    )
