"""The reviewed answers to requests, made from the settings and the state that hold now."""

from dataclasses import dataclass

from bot.checkins.settings import service
from bot.texts import Texts
from bot.texts.help_lines import HelpLines
from review.cases.desk import Desk
from review.cases.human_requests import HumanRequests, HumanWait
from safety.screening.requests import ServiceRequest
from storage import Transaction
from storage.checkins import questions
from storage.checkins import settings as check_in_settings
from storage.companion.people import Person
from storage.messages.body import MessageBody
from storage.upkeep import retention

# The data of the buttons that ask for the region of the numbers.
REGION_DATA = "ask:in"


@dataclass(frozen=True, slots=True)
class RequestAnswers:
    """Answer requests.

    Attributes:
        days: how long a conversation is kept.
        is_demo: whether the model is a demo.
    """

    texts: Texts
    help_lines: HelpLines
    humans: HumanRequests
    days: int
    is_demo: bool

    async def answer(
        self,
        transaction: Transaction,
        person: Person,
        request: ServiceRequest,
        *,
        words: str = "",
        is_urgent: bool = False,
    ) -> MessageBody:
        """Return the answer to a request, and do what it asks for.

        Args:
            transaction: the transaction of the answer.
            person: the person who asks.
            request: what they ask for.
            words: their message, or "" if operators may not read it.
            is_urgent: whether emergency numbers come first.
        """
        match request:
            case ServiceRequest.LINES:
                body = self.lines(person, is_urgent=is_urgent)
            case ServiceRequest.HUMAN:
                body = await self._human(transaction, person, words, is_urgent=is_urgent)
            case ServiceRequest.IDENTITY:
                is_staffed = self.humans.has_chat and await Desk.is_staffed(transaction)
                body = MessageBody(self._identity(person, is_staffed))
            case ServiceRequest.PRIVACY:
                body = MessageBody(await self._privacy(transaction, person))
            case _:  # no more check-ins; a goodbye asks nothing and does not come here
                body = MessageBody(await self._stop_check_ins(transaction, person))
        if person.has_consented:
            return body
        return MessageBody(f"{body.text}\n{self._text(person, 'request_start')}", body.buttons)

    def lines(
        self, person: Person, region: str | None = None, *, is_urgent: bool = False
    ) -> MessageBody:
        """Return the numbers of a region, by default the person's. Unknown, it is asked for."""
        region = region or person.region
        lines = self.help_lines.text(person.language, region, emergency_first=is_urgent)
        text = self._text(person, "request_lines", lines=lines)
        if region is not None:
            return MessageBody(text)
        where = self._text(person, "request_lines_where")
        buttons = self.help_lines.region_buttons(person.language, REGION_DATA)
        return MessageBody(f"{text}\n{where}", buttons)

    def _text(self, person: Person, key: str, **values: object) -> str:
        return self.texts(person.language, key, **values)

    async def _human(
        self, transaction: Transaction, person: Person, words: str, *, is_urgent: bool
    ) -> MessageBody:
        wait = await self.humans.ask(transaction, person.person_id, words)
        minutes = int(self.humans.longest_wait.total_seconds() // 60)
        parts = [self._text(person, f"request_human_{wait}", minutes=minutes)]
        if wait is HumanWait.JOINED:
            return MessageBody(parts[0])
        if wait is not HumanWait.NOBODY:
            parts.append(self._text(person, "request_human_meanwhile"))
        lines = self.help_lines.text(person.language, person.region, emergency_first=is_urgent)
        parts.append(self._text(person, "request_human_calls", lines=lines))
        return MessageBody("\n".join(parts))

    def _identity(self, person: Person, is_staffed: bool) -> str:
        people = "people" if is_staffed else "no_people"
        keys = ("request_identity", f"request_identity_{people}", "request_identity_limits")
        parts = [self._text(person, key) for key in keys]
        if self.is_demo:
            parts.append(self._text(person, "demo_notice"))
        return "\n".join(parts)

    async def _privacy(self, transaction: Transaction, person: Person) -> str:
        people = "people" if await Desk.is_staffed(transaction) else "no_people"
        parts = [
            self._text(person, "request_privacy"),
            self._text(person, f"request_privacy_{people}"),
        ]
        if not person.has_consented:
            hours = retention.UNCONSENTED_HOURS
            parts.append(self._text(person, "request_privacy_unconsented", hours=hours))
        elif person.is_off_record(transaction.now):
            parts.append(self._text(person, "request_privacy_off_record"))
        else:
            parts.append(self._text(person, "request_privacy_kept", days=self.days))
        if person.training_consent_at is not None:
            parts.append(self._text(person, "request_privacy_training"))
        if person.shadow_consent_at is not None:
            parts.append(self._text(person, "request_privacy_shadow"))
        parts.append(self._text(person, "request_privacy_phone"))
        return "\n".join(parts)

    async def _stop_check_ins(self, transaction: Transaction, person: Person) -> str:
        settings = await check_in_settings.get(transaction, person.person_id)
        await questions.close(transaction, person.person_id)
        if settings is None:
            return self._text(person, "request_checkins_none")
        await service.stop(transaction, person.person_id)
        is_off = settings.stopped_at is not None
        key = "request_checkins_off_already" if is_off else "request_checkins_off"
        return self._text(person, key)
