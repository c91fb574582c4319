"""Takeovers on the person's side: messages to the person, and what the person writes meanwhile."""

from datetime import timedelta

from bot.operators.shadow_review import consent_body
from bot.texts import Texts
from bot.texts.help_lines import HelpLines
from bot.updates.utterance import Utterance
from review.cases.escalation import Escalation
from review.cases.events import Event, EventType
from review.cases.takeover import TAKE_BACK_WITHIN, Takeover
from storage import Transaction
from storage.companion import conversations, open_questions, people
from storage.companion.conversations import Speaker
from storage.companion.people import Person
from storage.ids import PersonId, TurnId
from storage.messages import inbox, outbox
from storage.messages.body import MessageBody
from storage.messages.inbox import Ended
from storage.review import cases
from storage.review.cases import Case

# These events close the person's open questions, because another speaker follows.
CLOSES_QUESTIONS = (
    EventType.TAKEN_OVER,
    EventType.HANDED_BACK,
    EventType.LEASE_RAN_OUT,
    EventType.RESOLVED,
)


class PersonNotifier:
    """Tells people what operators do in their conversation."""

    def __init__(self, texts: Texts, help_lines: HelpLines) -> None:
        self._texts = texts
        self._help_lines = help_lines

    async def on_event(self, transaction: Transaction, event: Event) -> None:
        """Tell the person about an event that concerns them."""
        if event.case.person_id is None:
            return
        person = await people.by_id(transaction, event.case.person_id)
        if person is None:
            return
        if event.what is EventType.OPERATOR_SAID:
            await self._send_reply(transaction, person, event)
        elif event.what is EventType.SHADOW_ASKED:
            await outbox.put(
                transaction,
                outbox.MessageKind.NOTICE,
                consent_body(self._texts, person.language),
                person_id=person.person_id,
            )
        elif text := self._text(person, event):
            if event.what in CLOSES_QUESTIONS:
                await open_questions.close(transaction, person.person_id)
            await self._tell(transaction, person, text)

    def _text(self, person: Person, event: Event) -> str:
        def lines() -> str:
            return self._help_lines.text(person.language, person.region, emergency_first=True)

        match event.what:
            case EventType.TAKEN_OVER | EventType.HANDED_OVER if event.case.lease_until_at:
                is_first = event.what is EventType.TAKEN_OVER
                return self._by(person, event, "human_joined" if is_first else "human_changed")
            case EventType.HANDED_BACK:
                return self._texts(person.language, "human_left")
            case EventType.LEASE_RAN_OUT:
                parts = ("human_silent", "human_silent_lines")
                return "\n".join([*(self._texts(person.language, key) for key in parts), lines()])
            case EventType.NOBODY_CAME:
                return self._texts(person.language, "nobody_came", lines=lines())
            case EventType.RESOLVED if event.detail["was_taken_over"] or event.detail["was_held"]:
                return self._texts(person.language, "hold_ended")
            case _:
                return ""

    def _by(self, person: Person, event: Event, key: str, **values: str) -> str:
        """Return a text that names the operator, if the operator chose a name for people."""
        name = event.operator.public_name if event.operator is not None else ""
        if name:
            return self._texts(person.language, f"{key}_named", name=name, **values)
        return self._texts(person.language, key, **values)

    async def _tell(self, transaction: Transaction, person: Person, text: str) -> None:
        """Send a reviewed text, and store it as a turn so that operators see it too."""
        if person.has_consented:
            session_id = await conversations.current_session(transaction, person.person_id)
            await conversations.append(
                transaction,
                person.person_id,
                session_id,
                Speaker.SCRIPT,
                text=text,
                off_record=person.is_off_record(transaction.now),
            )
        await outbox.put(
            transaction, outbox.MessageKind.CRISIS, MessageBody(text), person_id=person.person_id
        )

    async def _send_reply(self, transaction: Transaction, person: Person, event: Event) -> None:
        """Send an operator's message, marked as a human's. The turn has the words alone."""
        turn_id = event.detail.get("turn")
        text = self._by(person, event, "human_said", words=event.words)
        await outbox.put(
            transaction,
            outbox.MessageKind.OPERATOR_REPLY,
            MessageBody(text, case_id=event.case.case_id),
            person_id=person.person_id,
            turn_id=TurnId(turn_id) if turn_id is not None else None,
            wait=TAKE_BACK_WITHIN if "canned" in event.detail else timedelta(),
        )


class TakeoverForwarder:
    """Forwards messages to the operator who has the conversation."""

    def __init__(self, takeover: Takeover, escalation: Escalation) -> None:
        self._takeover = takeover
        self._escalation = escalation

    async def active_case(self, transaction: Transaction, person_id: PersonId) -> Case | None:
        """Return the case in which an operator has this conversation, unless its lease is over."""
        case = await self._takeover.running(transaction, person_id)
        if case is None or case.lease_until_at is None:
            return None
        if case.lease_until_at <= transaction.now:
            await self._escalation.end_lease(transaction, case)
            return None
        return case

    async def forward_turn(
        self, transaction: Transaction, utterance: Utterance, case: Case
    ) -> TurnId | None:
        """Store an utterance, show it to the operator and end its rows. Returns the turn."""
        person = utterance.person
        turn_id = None
        if person.has_consented:
            turn = await conversations.open_turn(
                transaction,
                person.person_id,
                utterance.update_ids,
                text=utterance.told,
                level=int(utterance.screening.level),
                off_record=person.is_off_record(transaction.now),
            )
            turn_id = turn.turn_id
        await self.forward_text(transaction, utterance, case)
        await inbox.end(transaction, utterance.update_ids, Ended.HELD, reason="takeover")
        return turn_id

    async def forward_text(
        self, transaction: Transaction, utterance: Utterance, case: Case
    ) -> None:
        """Show the operator what the person said."""
        current = await cases.get(transaction, case.case_id) or case
        await self._takeover.heard(
            transaction,
            current,
            utterance.told,
            level=int(utterance.screening.level),
            is_kept=utterance.person.has_consented,
        )
