"""The conversation with a person at risk: reviewed words only, no model."""

from collections.abc import Callable, Collection
from datetime import datetime

from bot.crisis.case_recorder import CaseRecorder
from bot.crisis.script import ScriptRunner
from bot.operators.takeover import TakeoverRelay
from bot.texts import Texts
from bot.texts.help_lines import HelpLines
from review.cases import records as review
from review.cases.desk import Desk
from safety.response.policy import Response, respond
from safety.screening.levels import Level
from safety.screening.screener import Screening
from storage import Transaction
from storage.companion import conversations, open_questions, people
from storage.companion.conversations import Speaker
from storage.companion.people import Person
from storage.ids import PersonId, TurnId, UpdateId
from storage.messages import inbox, outbox
from storage.messages.body import MessageBody
from storage.messages.inbox import Ended
from storage.messages.outbox import OutboxState
from storage.review import safety_counts
from storage.review.cases import Case
from storage.review.safety_counts import SafetyEvent


class CrisisResponder:
    """Reviewed replies, and what follows them until an operator or the lapse ends it.

    Args:
        texts: every word that people read.
        help_lines: numbers to call.
        records: what a message at risk leaves for operators.
        human: where words go while an operator has the conversation.
        has_people: whether anybody is told, so that the person may be told of them.
        after: called for a person after the commit: running words stop.
    """

    def __init__(
        self,
        *,
        texts: Texts,
        help_lines: HelpLines,
        records: CaseRecorder,
        human: TakeoverRelay,
        has_people: bool,
        after: Callable[[PersonId], None],
    ) -> None:
        self._texts = texts
        self._help_lines = help_lines
        self._script = ScriptRunner(texts, help_lines)
        self._records = records
        self._human = human
        self._has_people = has_people
        self.after = after

    async def answer(
        self,
        transaction: Transaction,
        person: Person,
        update_ids: Collection[UpdateId],
        text: str,
        screening: Screening,
        *,
        now: datetime,
        said_already: bool = False,
    ) -> None:
        """Answer a message of level 3 or 4: reviewed reply, case, operators; ends the rows.

        With `said_already` the emergency sender has given the opening while the database was
        away; everything else follows now. An operator who has the conversation answers instead,
        unless the level rose: then the reviewed reply, with its numbers, goes first.
        """
        response = respond(screening)
        assert response is not None
        await open_questions.close(transaction, person.person_id)
        talks = await self._human.case(transaction, person.person_id, now=now)
        if talks is None:
            await people.raise_epoch(transaction, person.person_id)
        is_held = await review.case_on_hold(transaction, person.person_id, now=now) is not None
        opened = await self._records.open(transaction, person, response, screening, now=now)
        if talks is not None and not opened.level_rose:
            turn_id = await self._human.hear(
                transaction, person, talks, update_ids, text, screening, now=now
            )
        else:
            turn_id = await self._reply(
                transaction,
                person,
                update_ids,
                text,
                screening,
                opened,
                is_held=is_held,
                now=now,
                said_already=said_already,
            )
            if talks is not None:
                await self._human.pass_on(transaction, person, talks, text, screening)
        await safety_counts.add(
            transaction,
            SafetyEvent.FIXED_REPLY,
            level=int(response.level),
            script=response.script,
            now=now,
        )
        await self._records.note(transaction, person, opened, text, screening, turn_id, now=now)

    async def _reply(
        self,
        transaction: Transaction,
        person: Person,
        update_ids: Collection[UpdateId],
        text: str,
        screening: Screening,
        opened: review.OpenedCase,
        *,
        is_held: bool,
        now: datetime,
        said_already: bool,
    ) -> TurnId | None:
        response = respond(screening)
        assert response is not None
        body = await self._script.answer(
            transaction,
            person,
            response,
            text,
            screening,
            is_held=is_held,
            is_open=said_already,
            now=now,
        )
        told_now = self._has_people and (opened.is_new or opened.level_rose)
        if told_now and await Desk.is_staffed(transaction):
            told = self._texts(person.language, "operator_note_people")
            body = MessageBody(body.text + "\n" + told, body.buttons)
        turn_id = await self._say(
            transaction,
            person,
            update_ids,
            text,
            screening,
            body,
            now=now,
            said_already=said_already,
        )
        if not is_held and person.region is None and person.has_consented:
            await self._ask_region(transaction, person, now)
        return turn_id

    def fixed_reply(self, language: str, region: str | None, response: Response) -> str:
        """The reviewed words that answer a message at risk where there is no storage."""
        return self._script.opening(language, region, response)

    async def hold(
        self,
        transaction: Transaction,
        person: Person,
        case: Case,
        update_ids: Collection[UpdateId],
        text: str,
        screening: Screening,
        *,
        now: datetime,
    ) -> None:
        """Answer in a held conversation with the script's next text.

        Words of level 2 prolong the hold. Words below level 3 may be off the record here too.
        """
        response = respond(screening)
        if response is not None:
            await review.extend_hold(transaction, case, now=now)
        body = await self._script.go_on(
            transaction, person, case.script, text, screening.level, now=now
        )
        turn_id = await self._say(
            transaction,
            person,
            update_ids,
            text,
            screening,
            body,
            now=now,
            off_record=person.is_off_record(now),
        )
        if response is not None:
            raised = review.OpenedCase(case.case_id, is_new=False, level_rose=False)
            await self._records.note(transaction, person, raised, text, screening, turn_id, now=now)

    async def remind(
        self,
        transaction: Transaction,
        person: Person,
        case: Case,
        update_ids: Collection[UpdateId],
        *,
        now: datetime,
    ) -> None:
        """Answer a press in a held conversation; no words of the person are there to keep."""
        body = await self._script.go_on(transaction, person, case.script, "", Level.NONE, now=now)
        await self._put(transaction, person, update_ids, body, now)

    def lines(self, person: Person, *, emergency_first: bool = False) -> str:
        """The numbers of the person's region, a line each."""
        return self._help_lines.text(
            person.language, person.region, emergency_first=emergency_first
        )

    async def _say(
        self,
        transaction: Transaction,
        person: Person,
        update_ids: Collection[UpdateId],
        text: str,
        screening: Screening,
        body: MessageBody,
        *,
        now: datetime,
        said_already: bool = False,
        off_record: bool = False,
    ) -> TurnId | None:
        """Keep and say a reply; return the turn of the person's words, where they are kept."""
        turn_id = None
        if person.has_consented:  # before consent the words themselves are not kept
            turn = await conversations.open_turn(
                transaction,
                person.person_id,
                update_ids,
                text=text,
                level=int(screening.level),
                now=now,
                off_record=off_record,
            )
            await conversations.append(
                transaction,
                person.person_id,
                turn.session_id,
                Speaker.SCRIPT,
                text=body.text,
                now=now,
                off_record=off_record,
            )
            turn_id = turn.turn_id
        await self._put(transaction, person, update_ids, body, now, said_already=said_already)
        return turn_id

    async def _put(
        self,
        transaction: Transaction,
        person: Person,
        update_ids: Collection[UpdateId],
        body: MessageBody,
        now: datetime,
        *,
        said_already: bool = False,
    ) -> None:
        await outbox.put(
            transaction,
            outbox.MessageKind.CRISIS,
            body,
            person_id=person.person_id,
            update_id=max(update_ids),
            now=now,
            ended_as=OutboxState.SENT if said_already else None,
        )
        await inbox.end(transaction, update_ids, Ended.ANSWERED, reason="fixed_reply", now=now)

    async def _ask_region(self, transaction: Transaction, person: Person, now: datetime) -> None:
        """Ask where the person is, for numbers that they can dial; never guessed."""
        text = self._texts(person.language, "ask_region_crisis")
        await outbox.put(
            transaction,
            outbox.MessageKind.CRISIS,
            MessageBody(text, self._help_lines.region_buttons(person.language)),
            person_id=person.person_id,
            now=now,
        )
