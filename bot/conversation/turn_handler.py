"""A talk: the person's words are stored with the decision who answers them, model or not.

Words and decision stand in one transaction.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from telegram import Update

from bot.conversation.completion import PendingTurn
from bot.conversation.context_screening import ContextScreener
from bot.conversation.interceptors import InterceptorChain, OnAccepted, Utterance
from bot.conversation.quota import Quota
from bot.conversation.reply import Replier
from bot.updates.arrivals import Arrival, Burst
from bot.updates.parsing import UpdateKind
from safety.response import script
from safety.screening.screener import Screening
from storage import Database, Transaction
from storage.companion import conversations, people, script_positions
from storage.companion.people import Person
from storage.companion.script_positions import ScriptPosition
from storage.ids import PersonId, TurnId, UpdateId
from storage.messages import inbox
from storage.messages.inbox import Ended


class TurnHandler:
    """The companion's side of a talk."""

    def __init__(
        self,
        *,
        database: Database,
        hearing: ContextScreener,
        instead: InterceptorChain,
        quota: Quota,
        replier: Replier,
        wake: Callable[[], None],
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._hearing = hearing
        self._instead = instead
        self._quota = quota
        self._replier = replier
        self._wake = wake
        self._now = now

    async def answer(self, burst: Burst) -> None:
        """Answer the words of one burst."""
        await self._go_on(await self._begin(burst, await self._hearing.burst(burst)))

    async def tapped(self, person: Person, update: Update, text: str, keep: OnAccepted) -> None:
        """Answer a button that stands for words; `keep` has part in their transaction."""
        screening = await self._hearing.alone(text)
        update_id = UpdateId(update.update_id)
        arrival = Arrival(
            update_id, person.person_id, UpdateKind.BUTTON, update, text, screening, person.epoch
        )
        burst = Burst(person.person_id, [arrival])
        await self._go_on(await self._begin(burst, screening, keep))

    async def _go_on(self, asked: PendingTurn | None) -> None:
        if asked is None:
            self._wake()
        else:
            await self._replier.reply(asked)

    async def retry(self, person_id: PersonId, turn_id: TurnId, update_id: UpdateId) -> bool:
        """Answer a turn that failed before; False where there is nothing to answer.

        What holds the model silent for new words holds it silent here too.
        """
        now = self._now()
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
            screening = await self._hearing.alone(turn.text)
            said = Utterance(person, [update_id], turn.text, screening, now)
            asked = None
            if not (
                await self._instead.holds_again(transaction, said)
                or await self._instead.answers(transaction, said, is_new=False)
            ):
                asked = PendingTurn(person, turn, [update_id], said.screening)
        await self._go_on(asked)
        return True

    async def _begin(
        self, burst: Burst, screening: Screening, keep: OnAccepted | None = None
    ) -> PendingTurn | None:
        """Store the words; None where something other than the model answers them."""
        now = self._now()
        async with self._database.begin() as transaction:
            open_ids = await inbox.open_among(transaction, burst.update_ids)
            person = await people.by_id(transaction, burst.person_id)
            if person is None or not open_ids:
                await inbox.end(
                    transaction, burst.update_ids, Ended.IGNORED, reason="erased", now=now
                )
                return None
            if burst.leave_out_all_but(open_ids):
                screening = await self._hearing.burst(burst)
            text, ids = burst.text, burst.update_ids
            if keep is not None and not await keep(transaction, person):
                return None
            if person.was_off_record(now):  # the sweep comes hourly, the next word may be sooner
                await conversations.end_off_record(transaction, person.person_id, now=now)
                person = replace(person, off_record_until_at=None)
            place = None
            if keep is None:  # a button's words are ours: no risk, and no answer to a question
                place = await self._hearing.waiting(transaction, person.person_id, now)
                screening = await self._hearing.in_context(
                    transaction, person.person_id, burst.texts, screening, place, now
                )
            said = Utterance(
                person, ids, text, screening, now, is_typed=keep is None, is_edit=burst.is_edit
            )
            epoch = burst.arrivals[-1].epoch
            late = epoch is not None and epoch < person.epoch
            if await self._instead.holds(transaction, said, late=late):
                return None
            if place is not None:  # the next word answers the model, not that question
                await self._leave(transaction, person.person_id, place)
            if await self._instead.answers(transaction, said):
                return None
            turn = await self._instead.keep(transaction, said)
            notes = await self._quota.notes(transaction, person, now=now)
        return PendingTurn(person, turn, ids, screening, burst, notes)

    @staticmethod
    async def _leave(transaction: Transaction, person_id: PersonId, place: ScriptPosition) -> None:
        if place.script == script.GENTLE:
            await script_positions.answered(transaction, person_id)
        else:
            await script_positions.end(transaction, person_id)
