"""The case feed: a message in the operators' chat for each event of a case.

A message that needs no action makes no sound.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from bot.operators.announcements import OperatorMessenger
from bot.operators.answers_line import AnswersLine
from bot.operators.case_head import CaseHead
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
# These events make a sound.
LOUD = (
    EventType.ASKED,
    EventType.DRAFT_WAITS,
    EventType.RELEASED,
    EventType.LEASE_RAN_OUT,
    EventType.NOBODY_CAME,
    EventType.PERSON_SAID,
)


class CaseFeed:
    """Shows events of cases in the operators' chat and pages operators."""

    def __init__(self, messenger: OperatorMessenger, texts: Texts, zone: ZoneInfo) -> None:
        self._messenger = messenger
        self._texts = texts
        self._head = CaseHead(messenger, zone)
        self._answers = AnswersLine(messenger)
        self._buttons = CaseButtons(messenger)

    async def on_event(self, transaction: Transaction, event: Event) -> None:
        """Show an event, in the transaction of the act."""
        match event.what:
            case EventType.OPENED | EventType.RAISED:
                await self._show_risk(transaction, event)
            case EventType.ASKED:
                about = await self._head.lines(transaction, event.case)
                await self._post(transaction, event, "\n".join([self._text(event), *about]))
            case EventType.PAGED:
                await self._show_page(transaction, event)
            case EventType.NOTED:
                await self._post(transaction, event, self._text(event), with_buttons=False)
            case EventType.PERSON_SAID if "sent" in event.detail:
                silent = event.case.claimed_by is None
                await self._post(transaction, event, self._text(event), silent=silent)
            case EventType.ANSWERED:
                await self._answers.show(transaction, event)
            case EventType.RESOLVED:
                await self._post(transaction, event, self._text(event), with_buttons=False)
                await self._change_topic(transaction, event, CLOSE)
            case _:
                if text := self._text(event):
                    await self._post(transaction, event, text)

    async def why_unwanted(self, transaction: Transaction, message: OutboxMessage) -> str | None:
        """Return None, because an operator's reply is always wanted."""
        del transaction, message
        return None

    async def on_end(
        self,
        transaction: Transaction,
        message: OutboxMessage,
        state: OutboxState,
        reason: str | None,
    ) -> None:
        """Tell operators whether their reply reached the person."""
        if message.body.case_id is None:
            return
        case_id = CaseId(message.body.case_id)
        case = await cases.get(transaction, case_id)
        if case is None or case.person_id is None:
            return
        has_text = state in (OutboxState.SENT, OutboxState.UNKNOWN)
        outcome = state if has_text else OutboxState.FAILED
        key = "relay_blocked" if reason == "blocked" else f"relay_{outcome}"
        await self._messenger.post(
            transaction,
            self._messenger.text(key, case=case_id, words=message.body.text),
            buttons=self._buttons.for_case(case),
            person_id=case.person_id,
            case_id=case_id,
            silent=state is OutboxState.SENT,
        )

    def _text(self, event: Event) -> str:
        """Return the text of an event, or "" if it is not shown."""
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
                | EventType.TAKEN_BACK
                | EventType.NOBODY_CAME
                | EventType.NOTED
            ):
                key = f"case_{event.what}"
            case EventType.ASKED:
                values |= {"level": event.case.level, "words": event.words[:EXCERPT]}
                key = "case_asked"
            case EventType.LEASE_RAN_OUT:
                key = "case_lease_ran_out"
            case EventType.HANDED_BACK:
                key = "case_handed_back_words" if event.words else "case_handed_back"
                values |= event.detail
            case EventType.PERSON_SAID if "sent" in event.detail:
                is_taken_over = event.case.lease_until_at is not None
                key = "case_person_sent" if is_taken_over else "case_person_sent_held"
                values["sent"] = self._sent(event.detail["sent"])
            case EventType.PERSON_SAID:
                values["level"] = event.detail["level"]
                at_risk = event.detail["level"] >= Level.ACTIVE
                key = "case_person_at_risk" if at_risk else "case_person_said"
            case EventType.DRAFT_WAITS:
                key = "case_draft_waits"
            case EventType.SHADOW_CHANGED if "agrees" in event.detail:
                key = "case_shadow_agreed" if event.detail["agrees"] else "case_shadow_declined"
            case EventType.RESOLVED:
                values["how"] = self._messenger.text(f"resolution_{event.detail['resolution']}")
                key = "case_resolved"
            case _:
                return ""
        return self._messenger.text(key, **values).rstrip()

    def _sent(self, sent: SentObject) -> str:
        kind = self._messenger.text(f"sent_{sent.kind}")
        more = sent.emoji
        if sent.seconds is not None:
            more = self._messenger.text("sent_seconds", seconds=sent.seconds)
        return self._messenger.text("sent_more", sent=kind, more=more) if more else kind

    async def _show_risk(self, transaction: Transaction, event: Event) -> None:
        """Show a case of level 3 or 4 that was opened or raised."""
        case, messenger = event.case, self._messenger
        if case.level < Level.ACTIVE:
            return
        if event.what is EventType.RAISED and not event.detail.get("rose"):
            await self._show_further_message(transaction, event)
            return
        key = "case_opened" if event.what is EventType.OPENED else "case_raised"
        lines = [
            messenger.text(
                key, case=case.case_id, level=case.level, categories=messenger.categories(case)
            ),
            messenger.text("case_words_withheld")
            if event.detail["hidden"]
            else event.words[:EXCERPT],
        ]
        if event.detail.get("language"):
            lines.append(messenger.language_line(event.detail["language"]))
        lines += await self._head.lines(transaction, case)
        before = await case_queue.place_in_line(transaction, case)
        if before and case.claimed_by is None:
            lines.append(messenger.text("case_in_line", count=before))
        await self._post(transaction, event, "\n".join(lines), silent=False)
        if event.what is EventType.RAISED:  # its name holds the level
            await self._change_topic(transaction, event, RENAME)

    async def _show_further_message(self, transaction: Transaction, event: Event) -> None:
        """Show another message at risk, except in a takeover, where it is already shown.

        It makes a sound if the case is claimed, because nothing else calls that operator.
        """
        if event.case.lease_until_at is None and event.words:
            text = self._messenger.text(
                "case_more", case=event.case.case_id, words=event.words[:EXCERPT]
            )
            silent = event.case.claimed_by is None
            await self._post(transaction, event, text, with_buttons=False, silent=silent)

    async def _show_page(self, transaction: Transaction, event: Event) -> None:
        case, messenger = event.case, self._messenger
        minutes = _minutes(case, transaction.now)
        if "operators" not in event.detail:
            key = "case_paged_outside" if event.detail["outside"] else "case_page_failed"
            text = messenger.text(key, case=case.case_id, minutes=minutes)
            await self._post(transaction, event, text)
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
        await self._post(transaction, event, text)

    async def _post(
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

    async def _change_topic(self, transaction: Transaction, event: Event, change: str) -> None:
        """Queue a change of a case's topic, if cases of its level have one."""
        case = event.case
        if case.level >= Level.ACTIVE:
            await self._messenger.post(transaction, "", case_id=case.case_id, topic=change)


def _minutes(case: Case, now: datetime) -> int:
    """Return how many minutes a case has waited."""
    return max(0, round((now - case.last_risk_at).total_seconds() / 60))
