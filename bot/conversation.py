"""Who answers a person's words: a fixed reply, a question of consent, or the model.

Knows nothing of how words arrive, how the model writes or how a reply is sent. The words
are stored in one transaction with that decision.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from telegram import Update

from bot.crisis import Crisis
from bot.finishing import Asked
from bot.gate import Gate
from bot.hearing import Hearing
from bot.human import HumanSide
from bot.lanes import Arrival, Burst
from bot.onboarding import Onboarding
from bot.quota import Quota
from bot.reply import Replier
from bot.risk import RiskRecords
from bot.safe_mode import SafeMode
from bot.takers import Keep, Taker, taken
from bot.texts import Texts
from bot.updates import Kind
from review import cases as review
from safety import dialogue
from safety.policy import respond
from safety.screen import Screening
from storage import Database, Transaction, conversations, dialogues, inbox, outbox, people
from storage.conversations import Role, Turn
from storage.dialogues import Place
from storage.ids import PersonId, TurnId, UpdateId
from storage.inbox import Ended
from storage.outbox import Body
from storage.people import Person


@dataclass(frozen=True, slots=True)
class Said:
    """Words of one person that wait for an answer."""

    person: Person
    update_ids: Sequence[UpdateId]
    text: str
    screening: Screening
    now: datetime
    is_typed: bool = True
    """False: a button stands for them."""


class Conversation:
    """The companion's side of a talk."""

    def __init__(
        self,
        *,
        database: Database,
        hearing: Hearing,
        crisis: Crisis,
        records: RiskRecords,
        human: HumanSide,
        onboarding: Onboarding,
        gate: Gate,
        quota: Quota,
        safe_mode: SafeMode,
        replier: Replier,
        plans: Taker,
        check_ins: Taker,
        texts: Texts,
        wake: Callable[[], None],
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._hearing = hearing
        self._crisis = crisis
        self._records = records
        self._human = human
        self._onboarding = onboarding
        self._gate = gate
        self._quota = quota
        self._safe_mode = safe_mode
        self._replier = replier
        self._plans = plans
        self._check_ins = check_ins
        self._texts = texts
        self._wake = wake
        self._now = now

    async def answer(self, burst: Burst) -> None:
        """Answer the words of one burst."""
        text, screening = burst.text, self._hearing.burst(burst)
        await self._go_on(await self._begin(burst, text, screening))

    async def tapped(self, person: Person, update: Update, text: str, keep: Keep) -> None:
        """Answer a button that stands for words; `keep` has part in their transaction."""
        screening = self._hearing.alone(text)
        update_id = UpdateId(update.update_id)
        arrival = Arrival(
            update_id, person.person_id, Kind.BUTTON, update, text, screening, person.epoch
        )
        burst = Burst(person.person_id, [arrival])
        await self._go_on(await self._begin(burst, text, screening, keep))

    async def _go_on(self, asked: Asked | None) -> None:
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
            said = Said(person, [update_id], turn.text, self._hearing.alone(turn.text), now)
            case = await review.holding(transaction, person_id, now=now)
            if await self._human.case(transaction, person_id, now=now) is not None:
                await inbox.end(transaction, [update_id], Ended.HELD, reason="takeover", now=now)
                asked = None
            elif case is not None:
                await self._crisis.remind(transaction, person, case, [update_id], now=now)
                asked = None
            elif await self._has_other_answer(transaction, said, is_new=False):
                asked = None
            else:
                asked = Asked(person, turn, [update_id], said.screening)
        await self._go_on(asked)
        return True

    async def _begin(
        self, burst: Burst, text: str, screening: Screening, keep: Keep | None = None
    ) -> Asked | None:
        """Store the words; None where something other than the model answers them."""
        now = self._now()
        ids = burst.update_ids
        async with self._database.begin() as transaction:
            open_ids = await inbox.open_among(transaction, ids)
            person = await people.by_id(transaction, burst.person_id)
            if person is None or not open_ids:
                await inbox.end(transaction, ids, Ended.IGNORED, reason="erased", now=now)
                return None
            if keep is not None and not await keep(transaction, person):
                return None
            if person.was_off_record(now):  # the sweep comes hourly, the next word may be sooner
                await conversations.end_off_record(transaction, person.person_id, now=now)
                person = replace(person, off_record_until_at=None)
            place = await self._hearing.waiting(transaction, person.person_id, now)
            screening = await self._hearing.in_context(
                transaction, person.person_id, text, screening, place, now
            )
            said = Said(person, ids, text, screening, now, is_typed=keep is None)
            epoch = burst.arrivals[-1].epoch
            late = epoch is not None and epoch < person.epoch
            if await self._is_held(transaction, said, late=late):
                return None
            if place is not None:  # the next word answers the model, not that question
                await self._leave(transaction, person.person_id, place)
            if await self._is_taken(transaction, said, self._plans, self._check_ins):
                return None
            if await self._has_other_answer(transaction, said):
                return None
            turn = await self._keep(transaction, said)
            notes = await self._quota.notes(transaction, person, now=now)
        return Asked(person, turn, ids, screening, burst, notes)

    @staticmethod
    async def _leave(transaction: Transaction, person_id: PersonId, place: Place) -> None:
        if place.script == dialogue.GENTLE:
            await dialogues.answered(transaction, person_id)
        else:
            await dialogues.end(transaction, person_id)

    @staticmethod
    async def _is_taken(transaction: Transaction, said: Said, *takers: Taker) -> bool:
        """Whether words answer a question of somebody else than the companion."""
        level = said.screening.level
        return said.is_typed and await taken(
            takers, transaction, said.person, said.update_ids, said.text, level, now=said.now
        )

    async def _is_held(self, transaction: Transaction, said: Said, *, late: bool) -> bool:
        """Whether a risk, now or before, keeps the model silent; answers if so.

        Words that are `late` were said before the fixed reply, which has answered them.
        """
        person, ids, now = said.person, said.update_ids, said.now
        response = respond(said.screening)
        case = await review.holding(transaction, person.person_id, now=now)
        if response is not None and response.blocks_model and not (case and late):
            await self._crisis.answer(transaction, person, ids, said.text, said.screening, now=now)
            return True
        talks = await self._human.case(transaction, person.person_id, now=now)
        if talks is not None:
            turn_id = await self._human.hear(
                transaction, person, talks, ids, said.text, said.screening, now=now
            )
            await self._records.note_quiet(
                transaction, person, said.text, said.screening, turn_id, now=now
            )
            return True
        if case is None:
            return False
        if not late:
            if await self._is_taken(transaction, said, self._plans):
                return True
            await self._crisis.hold(
                transaction, person, case, ids, said.text, said.screening, now=now
            )
            return True
        if person.has_consented:
            await self._store(transaction, said)
        await inbox.end(transaction, ids, Ended.ANSWERED, reason="fixed_reply", now=now)
        return True

    async def _has_other_answer(
        self, transaction: Transaction, said: Said, *, is_new: bool = True
    ) -> bool:
        """Whether consent, the pilot, a pause or a quota answers instead of the model."""
        person, ids, now = said.person, said.update_ids, said.now
        if not self._gate.admits(person):
            await self._gate.turn_away(transaction, person, ids, now=now)
            return True
        if not person.has_consented:
            await self._onboarding.ask_consent(transaction, person, ids, now=now)
            return True
        if await self._safe_mode.is_on(transaction):
            key = "paused"
        elif await self._quota.is_over(transaction, person, now=now):
            key = "quota_over"
        else:
            return False
        words = self._texts(person.language, key, lines=self._crisis.lines(person))
        if is_new:
            await self._store(transaction, said, scripted=words)
        await outbox.put(
            transaction,
            outbox.Kind.NOTICE,
            Body(words),
            person_id=person.person_id,
            update_id=max(ids),
            now=now,
        )
        await inbox.end(transaction, ids, Ended.ANSWERED, reason=key, now=now)
        return True

    async def _store(self, transaction: Transaction, said: Said, scripted: str = "") -> None:
        """Keep words that the model does not answer, and the fixed words that did."""
        turn = await self._keep(transaction, said)
        if scripted:
            await conversations.append(
                transaction,
                said.person.person_id,
                turn.session_id,
                Role.SCRIPT,
                text=scripted,
                now=said.now,
                off_record=turn.off_record,
            )

    async def _keep(self, transaction: Transaction, said: Said) -> Turn:
        """Keep the person's words; at level 2 they open a case too."""
        turn = await conversations.open_turn(
            transaction,
            said.person.person_id,
            said.update_ids,
            text=said.text,
            level=int(said.screening.level),
            now=said.now,
            off_record=said.person.is_off_record(said.now),
        )
        await self._records.note_quiet(
            transaction, said.person, said.text, said.screening, turn.turn_id, now=said.now
        )
        return turn
