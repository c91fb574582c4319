"""Cases in the operators' chat: what is told of them there, one message an event.

The operators' side of a case's events (`review/cases/events.py`), in Telegram. What needs nobody
now makes no sound: the whole group takes 20 messages a minute.
"""

from datetime import datetime

from bot.operators.announcements import OperatorMessenger
from bot.operators.case_keyboard import CaseButtons
from bot.operators.topics import CLOSE, RENAME
from bot.texts import Texts
from review.cases.events import Event, EventType
from safety.screening.levels import Level
from storage import Transaction
from storage.ids import CaseId, OperatorId
from storage.messages.outbox import OutboxMessage, OutboxState
from storage.messages.sent import SentObject
from storage.review import case_queue, cases, operators
from storage.review.cases import Case

EXCERPT = 600
LOUD = (
    EventType.DRAFT_WAITS,
    EventType.RELEASED,
    EventType.LEASE_RAN_OUT,
    EventType.NOBODY_CAME,
    EventType.PERSON_SAID,
)


class CaseFeed:
    """Tells the operators' chat what happens to cases, and pages operators."""

    def __init__(self, messenger: OperatorMessenger, texts: Texts) -> None:
        self._messenger = messenger
        self._texts = texts
        self._buttons = CaseButtons(messenger)

    async def on_event(self, transaction: Transaction, event: Event) -> None:
        """Tell of an event, in the transaction of the act."""
        match event.what:
            case EventType.OPENED | EventType.RAISED:
                await self._opened(transaction, event)
            case EventType.PAGED:
                await self._paged(transaction, event)
            case EventType.NOTED:
                await self._say(transaction, event, self._text(event), with_buttons=False)
            case EventType.PERSON_SAID if (
                "sent" in event.detail
            ):  # as loud as further words at risk
                silent = event.case.claimed_by is None
                await self._say(transaction, event, self._text(event), silent=silent)
            case EventType.RESOLVED:
                await self._say(transaction, event, self._text(event), with_buttons=False)
                await self._topic(transaction, event, CLOSE)
            case _:
                if text := self._text(event):
                    await self._say(transaction, event, text)

    async def why_unwanted(self, transaction: Transaction, message: OutboxMessage) -> str | None:
        """Send an operator's words to a person in any case."""
        del transaction, message
        return None

    async def on_end(
        self,
        transaction: Transaction,
        message: OutboxMessage,
        state: OutboxState,
        reason: str | None,
    ) -> None:
        """Echo an operator's words to a person, now that it is known whether they arrived."""
        if message.body.case_id is None:
            return
        case_id = CaseId(message.body.case_id)
        case = await cases.get(transaction, case_id)
        if case is None or case.person_id is None:
            return
        known = state in (OutboxState.SENT, OutboxState.UNKNOWN)
        kind = state if known else OutboxState.FAILED
        key = "relay_blocked" if reason == "blocked" else f"relay_{kind}"
        await self._messenger.post(
            transaction,
            self._messenger.text(key, case=case_id, words=message.body.text),
            buttons=self._buttons.for_case(case),
            person_id=case.person_id,
            case_id=case_id,
            silent=state is OutboxState.SENT,
        )

    def _text(self, event: Event) -> str:
        """What is said of an event; nothing of those that concern no one here."""
        values: dict[str, object] = {
            "case": event.case.case_id,
            "operator": self._messenger.name(event.operator),
            "words": event.words,
        }
        match event.what:
            case (
                EventType.CLAIMED
                | EventType.RELEASED
                | EventType.TAKEN_OVER
                | EventType.NOBODY_CAME
                | EventType.NOTED
            ):
                key = f"case_{event.what}"
            case EventType.LEASE_RAN_OUT:
                key = "case_lease_ran_out"
            case EventType.HANDED_BACK:
                key = "case_handed_back_words" if event.words else "case_handed_back"
                values |= event.detail
            case EventType.PERSON_SAID if "sent" in event.detail:
                talks = event.case.lease_until_at is not None
                key = "case_person_sent" if talks else "case_person_sent_held"
                values["sent"] = self._sent(event.detail["sent"])
            case EventType.PERSON_SAID:
                values["level"] = event.detail["level"]
                grave = event.detail["level"] >= Level.ACTIVE
                key = "case_person_at_risk" if grave else "case_person_said"
            case EventType.DRAFT_WAITS:
                key = "case_draft_waits"
            case EventType.SHADOW_CHANGED if "agrees" in event.detail:
                key = "case_shadow_agreed" if event.detail["agrees"] else "case_shadow_declined"
            case EventType.RESOLVED:
                values["how"] = self._messenger.text(f"resolution_{event.detail['resolution']}")
                key = "case_resolved"
            case _:
                return ""
        return self._messenger.text(key, **values)

    def _sent(self, sent: SentObject) -> str:
        what = self._messenger.text(f"sent_{sent.kind}")
        more = sent.emoji
        if sent.seconds is not None:
            more = self._messenger.text("sent_seconds", seconds=sent.seconds)
        return self._messenger.text("sent_more", sent=what, more=more) if more else what

    async def _opened(self, transaction: Transaction, event: Event) -> None:
        """A grave case, or one that became graver; or further words at risk."""
        case, messenger = event.case, self._messenger
        if case.level < Level.ACTIVE:
            return
        if event.what is EventType.RAISED and not event.detail.get("rose"):
            await self._more(transaction, event)
            return
        head = "case_opened" if event.what is EventType.OPENED else "case_raised"
        lines = [
            messenger.text(
                head, case=case.case_id, level=case.level, categories=messenger.categories(case)
            ),
            messenger.text("case_words_withheld")
            if event.detail["hidden"]
            else event.words[:EXCERPT],
        ]
        before = await case_queue.place_in_line(transaction, case)
        if before and case.claimed_by is None:
            lines.append(messenger.text("case_in_line", count=before))
        await self._say(transaction, event, "\n".join(lines), silent=False)
        if event.what is EventType.RAISED:  # after the words: its name tells the level
            await self._topic(transaction, event, RENAME)

    async def _more(self, transaction: Transaction, event: Event) -> None:
        """A further message at risk; in a takeover it is told as the person's words already.

        It sounds where somebody has the case: their clock has stopped, nothing else would call.
        """
        if event.case.lease_until_at is None and event.words:
            text = self._messenger.text(
                "case_more", case=event.case.case_id, words=event.words[:EXCERPT]
            )
            silent = event.case.claimed_by is None
            await self._say(transaction, event, text, with_buttons=False, silent=silent)

    async def _paged(self, transaction: Transaction, event: Event) -> None:
        case, messenger = event.case, self._messenger
        minutes = _minutes(case, transaction.now)
        if "operators" not in event.detail:
            key = "case_paged_outside" if event.detail["outside"] else "case_page_failed"
            text = messenger.text(key, case=case.case_id, minutes=minutes)
            await self._say(transaction, event, text)
            return
        names = []
        for operator_id in event.detail["operators"]:
            operator = await operators.get(transaction, OperatorId(operator_id))
            if operator is None:
                continue
            names.append(messenger.name(operator))
            language = operator.language
            text = self._texts(
                language,
                "page_direct",
                case=case.case_id,
                level=case.level,
                minutes=minutes,
                categories=messenger.categories(case, language),
            )
            claim = (self._texts(language, "button_claim"), f"case:{case.case_id}:claim")
            await messenger.send_to(transaction, operator, text, buttons=[[claim]])
        text = messenger.text(
            "case_paged", case=case.case_id, operator=", ".join(names), minutes=minutes
        )
        await self._say(transaction, event, text)

    async def _say(
        self,
        transaction: Transaction,
        event: Event,
        text: str,
        *,
        with_buttons: bool = True,
        silent: bool | None = None,
    ) -> None:
        case = event.case
        await self._messenger.post(
            transaction,
            text,
            buttons=self._buttons.for_case(case) if with_buttons else None,
            person_id=case.person_id,
            case_id=case.case_id,
            silent=event.what not in LOUD if silent is None else silent,
        )

    async def _topic(self, transaction: Transaction, event: Event, act: str) -> None:
        """Have something done with the topic of a case, if it is one that has a topic."""
        case = event.case
        if case.level >= Level.ACTIVE:
            await self._messenger.post(transaction, "", case_id=case.case_id, topic=act)


def _minutes(case: Case, now: datetime) -> int:
    """For how long a case has waited."""
    return max(0, round((now - case.last_risk_at).total_seconds() / 60))
