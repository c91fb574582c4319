"""The responder to people at risk, which uses reviewed texts and no model."""

from collections.abc import Collection

from bot.crisis.case_recorder import CaseRecorder
from bot.crisis.contact_alert import ContactAlert
from bot.crisis.script import ScriptRunner
from bot.operators.takeover import TakeoverForwarder
from bot.texts import Texts
from bot.texts.foreign import ForeignSpeech, foreign_texts
from bot.texts.help_lines import HelpLines
from bot.updates.utterance import Utterance
from review.cases import records as review
from review.cases.desk import Desk
from safety.response.policy import Response, respond
from safety.text.languages import other_language
from storage import Transaction
from storage.companion import conversations, open_questions, people
from storage.companion.conversations import Speaker
from storage.companion.people import Person
from storage.ids import TurnId, UpdateId
from storage.messages import inbox, outbox
from storage.messages.body import MessageBody
from storage.messages.inbox import Ended
from storage.messages.outbox import OutboxState
from storage.review import safety_counts
from storage.review.cases import Case
from storage.review.safety_counts import SafetyEvent


class CrisisResponder:
    """Answers people at risk with the reviewed script.

    Args:
        texts: the texts that people read.
        help_lines: the numbers to call.
        speech: the texts in languages that the companion does not speak.
        recorder: records messages at risk for operators.
        forwarder: forwards messages to an operator who has the conversation.
        contacts: tells a person's trusted contact.
        has_operators: whether there are operators to mention in a reply.
    """

    def __init__(
        self,
        *,
        texts: Texts,
        help_lines: HelpLines,
        speech: ForeignSpeech,
        recorder: CaseRecorder,
        forwarder: TakeoverForwarder,
        contacts: ContactAlert,
        has_operators: bool,
    ) -> None:
        self._texts = texts
        self._help_lines = help_lines
        self._speech = speech
        self._script = ScriptRunner(texts, help_lines)
        self._recorder = recorder
        self._forwarder = forwarder
        self._contacts = contacts
        self._has_operators = has_operators

    async def respond(self, transaction: Transaction, utterance: Utterance) -> None:
        """Answer a message of level 3 or 4, open a case and notify operators.

        If the fallback reply has already sent the opening, it is recorded and not sent again. An
        operator who has the conversation answers instead, unless the level rose.
        """
        person = utterance.person
        response = respond(utterance.screening)
        assert response is not None
        await open_questions.close(transaction, person.person_id)
        takeover = await self._forwarder.active_case(transaction, person.person_id)
        if takeover is None:
            await people.raise_epoch(transaction, person.person_id)
        is_held = await review.case_on_hold(transaction, person.person_id) is not None
        opened = await self._recorder.open(transaction, utterance, response)
        if takeover is not None and not opened.level_rose:
            turn_id = await self._forwarder.forward_turn(transaction, utterance, takeover)
        else:
            turn_id = await self._reply(transaction, utterance, opened, is_held=is_held)
            if takeover is not None:
                await self._forwarder.forward_text(transaction, utterance, takeover)
        await safety_counts.add(
            transaction, SafetyEvent.FIXED_REPLY, level=int(response.level), script=response.script
        )
        await self._contacts.tell_by_itself(transaction, person, opened, int(response.level))
        await self._recorder.record(transaction, utterance, opened, turn_id)
        await self._recorder.record_answers(transaction, opened.case_id)

    async def _reply(
        self,
        transaction: Transaction,
        utterance: Utterance,
        opened: review.OpenedCase,
        *,
        is_held: bool,
    ) -> TurnId | None:
        person = utterance.person
        response = respond(utterance.screening)
        assert response is not None
        body = await self._script.answer(
            transaction,
            person,
            response,
            utterance.text,
            utterance.screening,
            is_held=is_held,
            is_opened=utterance.is_told,
        )
        mentions_operators = self._has_operators and (opened.is_new or opened.level_rose)
        is_told = mentions_operators and await Desk.is_staffed(transaction)
        if response.language is not None:
            text = self._speech.crisis(response.language, person.region, tells_operators=is_told)
            body = MessageBody(text)
        elif is_told:
            note = self._texts(person.language, "operator_note_people")
            body = MessageBody(f"{body.text}\n{note}", body.buttons)
        turn_id = await self._store_and_enqueue(transaction, utterance, body)
        if not is_held and person.region is None and person.has_consented:
            await self._ask_region(transaction, person)
        return turn_id

    def fixed_reply(self, language: str, region: str | None, response: Response, text: str) -> str:
        """Return the script's opening. Needs no storage."""
        if response.language is not None:
            return self._speech.crisis(response.language, region, tells_operators=False)
        return self._script.opening(language, region, response, text)

    async def respond_in_hold(
        self, transaction: Transaction, utterance: Utterance, case: Case
    ) -> None:
        """Answer in a held conversation with the script's next text.

        A message of level 2 extends the hold. Below level 3 the turns can be off the record.
        """
        person = utterance.person
        response = respond(utterance.screening)
        if response is not None:
            await review.extend_hold(transaction, case)
        code = other_language(utterance.text)
        if code is not None and code in foreign_texts():
            body = MessageBody(self._speech.crisis(code, person.region, tells_operators=False))
        else:
            body = await self._script.advance(
                transaction, person, case.script, utterance.text, utterance.screening
            )
        turn_id = await self._store_and_enqueue(
            transaction, utterance, body, off_record=person.is_off_record(transaction.now)
        )
        if response is not None:
            opened = review.OpenedCase(case.case_id, is_new=False, level_rose=False)
            await self._recorder.record(transaction, utterance, opened, turn_id)
        await self._recorder.record_answers(transaction, case.case_id)

    async def repeat_step(
        self, transaction: Transaction, person: Person, case: Case, update_ids: Collection[UpdateId]
    ) -> None:
        """Answer the retry of a stored turn in a held conversation, without a new turn."""
        body = await self._script.advance(transaction, person, case.script, "", None)
        await self._enqueue(transaction, person, update_ids, body)

    def lines(self, person: Person, *, emergency_first: bool = False) -> str:
        """Return the help lines of the person's region."""
        return self._help_lines.text(
            person.language, person.region, emergency_first=emergency_first
        )

    async def _store_and_enqueue(
        self,
        transaction: Transaction,
        utterance: Utterance,
        body: MessageBody,
        *,
        off_record: bool = False,
    ) -> TurnId | None:
        """Store the turns after consent and queue the reply. Returns the person's turn, if any."""
        person = utterance.person
        turn_id = None
        if person.has_consented:
            turn = await conversations.open_turn(
                transaction,
                person.person_id,
                utterance.update_ids,
                text=utterance.told,
                level=int(utterance.screening.level),
                off_record=off_record,
            )
            await conversations.append(
                transaction,
                person.person_id,
                turn.session_id,
                Speaker.SCRIPT,
                text=body.text,
                off_record=off_record,
            )
            turn_id = turn.turn_id
        await self._enqueue(
            transaction, person, utterance.update_ids, body, already_sent=utterance.is_told
        )
        return turn_id

    async def _enqueue(
        self,
        transaction: Transaction,
        person: Person,
        update_ids: Collection[UpdateId],
        body: MessageBody,
        *,
        already_sent: bool = False,
    ) -> None:
        await outbox.put(
            transaction,
            outbox.MessageKind.CRISIS,
            await self._contacts.with_button(transaction, person, body),
            person_id=person.person_id,
            update_id=max(update_ids),
            ended_as=OutboxState.SENT if already_sent else None,
        )
        await inbox.end(transaction, update_ids, Ended.ANSWERED, reason="fixed_reply")

    async def _ask_region(self, transaction: Transaction, person: Person) -> None:
        """Ask for the person's region, so that the numbers work there."""
        text = self._texts(person.language, "ask_region_crisis")
        await outbox.put(
            transaction,
            outbox.MessageKind.CRISIS,
            MessageBody(text, self._help_lines.region_buttons(person.language)),
            person_id=person.person_id,
        )
