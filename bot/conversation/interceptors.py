"""Who answers a person's words in the model's place: a fixed reply, a human, a question, a pause.

Everything happens in the transaction in which the words are stored.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.conversation.quota import Quota
from bot.crisis.case_recorder import CaseRecorder
from bot.crisis.response import CrisisResponder
from bot.crisis.safe_mode import SafeMode
from bot.operators.takeover import TakeoverRelay
from bot.people.admission import Admission
from bot.people.onboarding import Onboarding
from bot.texts import Texts
from review.cases import records as review
from safety.response.policy import respond
from safety.screening.levels import Level
from safety.screening.screener import Screening
from storage import Transaction
from storage.checkins import questions
from storage.companion import conversations
from storage.companion.conversations import Speaker, Turn
from storage.companion.people import Person
from storage.ids import UpdateId
from storage.messages import inbox, outbox
from storage.messages.body import MessageBody
from storage.messages.inbox import Ended
from storage.review.cases import Case

OnAccepted = Callable[[Transaction, Person], Awaitable[bool]]
"""Keeps what a button says; False where nothing follows, and then it ends the inbox row."""


class Interceptor(Protocol):
    """Something that asked for words, or listens to all of them."""

    async def take(
        self,
        transaction: Transaction,
        person: Person,
        update_ids: Collection[UpdateId],
        text: str,
        level: Level,
        *,
        now: datetime,
        is_edit: bool = False,
    ) -> bool:
        """Take words that are meant for it; False: they are for the companion.

        With `is_edit` the words only reword older messages: they answer no open question.
        """


@dataclass(frozen=True, slots=True)
class Utterance:
    """Words of one person that wait for an answer."""

    person: Person
    update_ids: Sequence[UpdateId]
    text: str
    screening: Screening
    now: datetime
    is_typed: bool = True
    """False: a button stands for them."""
    is_edit: bool = False
    """True: nothing is new but the wording of older messages."""


class InterceptorChain:
    """Whatever else than the model answers."""

    def __init__(
        self,
        *,
        crisis: CrisisResponder,
        records: CaseRecorder,
        human: TakeoverRelay,
        onboarding: Onboarding,
        gate: Admission,
        quota: Quota,
        safe_mode: SafeMode,
        plans: Interceptor,
        check_ins: Interceptor,
        texts: Texts,
    ) -> None:
        self._crisis = crisis
        self._records = records
        self._human = human
        self._onboarding = onboarding
        self._gate = gate
        self._quota = quota
        self._safe_mode = safe_mode
        self._plans = plans
        self._check_ins = check_ins
        self._texts = texts

    async def holds(self, transaction: Transaction, said: Utterance, *, late: bool) -> bool:
        """Whether a risk, now or before, keeps the model silent; answers if so.

        Words that are `late` were said before the fixed reply, which has answered them.
        """
        held = await self._is_held(transaction, said, late=late)
        if held and said.is_typed:
            await questions.close_note(transaction, said.person.person_id)
        return held

    async def holds_again(self, transaction: Transaction, said: Utterance) -> bool:
        """The same for words that were stored before and are to be answered now."""
        person, ids, now = said.person, said.update_ids, said.now
        case = await review.case_on_hold(transaction, person.person_id, now=now)
        if await self._human.case(transaction, person.person_id, now=now) is not None:
            await inbox.end(transaction, ids, Ended.HELD, reason="takeover", now=now)
            return True
        if case is not None:
            await self._crisis.remind(transaction, person, case, ids, now=now)
        return case is not None

    async def answers(
        self, transaction: Transaction, said: Utterance, *, is_new: bool = True
    ) -> bool:
        """Whether consent, the pilot, an open question, a pause or a quota answers.

        Words that only change settings are heard in safe mode and beyond the quota too: they
        need no model.
        """
        person, ids, now = said.person, said.update_ids, said.now
        if not self._gate.admits(person):
            await self._gate.turn_away(transaction, person, ids, now=now)
            return True
        if not person.has_consented:
            await self._onboarding.ask_consent(transaction, person, ids, now=now)
            return True
        if is_new and said.is_typed and await self._is_taken(transaction, said):
            return True
        if await self._safe_mode.is_on(transaction):
            key = "paused"
        elif await self._quota.is_over(transaction, person, now=now):
            key = "quota_over"
        else:
            return False
        await self._say(transaction, said, key, is_kept=is_new)
        return True

    async def keep(self, transaction: Transaction, said: Utterance) -> Turn:
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

    async def _is_held(self, transaction: Transaction, said: Utterance, *, late: bool) -> bool:
        person, ids, now = said.person, said.update_ids, said.now
        response = respond(said.screening)
        case = await review.case_on_hold(transaction, person.person_id, now=now)
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
            await self._go_on(transaction, said, case)
            return True
        if person.has_consented:
            await self._store(transaction, said)
        await inbox.end(transaction, ids, Ended.ANSWERED, reason="fixed_reply", now=now)
        return True

    async def _go_on(self, transaction: Transaction, said: Utterance, case: Case) -> None:
        """Answer in a held conversation.

        A button answers no question of the script, so it never moves the person's place in it.
        """
        if not said.is_typed:
            await self._say(transaction, said, "checkin_held", is_kept=said.person.has_consented)
        elif not await self._offered(transaction, said, self._plans):
            await self._crisis.hold(
                transaction,
                said.person,
                case,
                said.update_ids,
                said.text,
                said.screening,
                now=said.now,
            )

    async def _is_taken(self, transaction: Transaction, said: Utterance) -> bool:
        """Whether words answer a question of somebody else than the companion."""
        if await self._offered(transaction, said, self._plans):
            return True
        taken = await self._offered(transaction, said, self._check_ins)
        if taken:  # they stay the person's words: for their export, and for later screening
            await self._store(transaction, said)
        return taken

    @staticmethod
    async def _offered(transaction: Transaction, said: Utterance, taker: Interceptor) -> bool:
        return await taker.take(
            transaction,
            said.person,
            said.update_ids,
            said.text,
            said.screening.level,
            now=said.now,
            is_edit=said.is_edit,
        )

    async def _say(
        self, transaction: Transaction, said: Utterance, key: str, *, is_kept: bool
    ) -> None:
        """Answer with one reviewed text and the numbers to call; ends the rows."""
        person, ids, now = said.person, said.update_ids, said.now
        words = self._texts(person.language, key, lines=self._crisis.lines(person))
        if is_kept:
            await self._store(transaction, said, scripted=words)
        await outbox.put(
            transaction,
            outbox.MessageKind.NOTICE,
            MessageBody(words),
            person_id=person.person_id,
            update_id=max(ids),
            now=now,
        )
        await inbox.end(transaction, ids, Ended.ANSWERED, reason=key, now=now)

    async def _store(self, transaction: Transaction, said: Utterance, scripted: str = "") -> None:
        """Keep words that the model does not answer, and the fixed words that did."""
        turn = await self.keep(transaction, said)
        if scripted:
            await conversations.append(
                transaction,
                said.person.person_id,
                turn.session_id,
                Speaker.SCRIPT,
                text=scripted,
                now=said.now,
                off_record=turn.off_record,
            )
