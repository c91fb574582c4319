"""The interceptor that answers requests in words."""

from dataclasses import dataclass, replace

from bot.checkins.outgoing.evaluation import Admits
from bot.crisis.fixed_reply import FixedReply
from bot.crisis.script import open_question
from bot.requests.answers import RequestAnswers
from bot.updates.utterance import Utterance
from review.cases import records as review
from safety.screening.levels import Level
from safety.screening.requests import read_question
from storage import Transaction
from storage.companion.people import Person
from storage.messages.body import MessageBody
from storage.messages.outbox import MessageKind
from storage.review.cases import Case


@dataclass(frozen=True, slots=True)
class RequestInterceptor:
    """Answers requests with reviewed texts, after a crisis reply and a takeover.

    Attributes:
        answers: the answers.
        fixed_reply: stores and sends them.
        admits: whether the companion talks with a person. Strangers of a closed pilot get its text.
    """

    answers: RequestAnswers
    fixed_reply: FixedReply
    admits: Admits

    async def intercept(self, transaction: Transaction, utterance: Utterance) -> bool:
        """Answer the utterance if it is a request."""
        if not utterance.is_typed or not utterance.is_new:
            return False
        request = read_question(utterance.text)
        if request is None:
            return False
        person = utterance.person
        case = await review.case_on_hold(transaction, person.person_id)
        if case is None and not self.admits(person):
            return False
        if case is not None and utterance.screening.level >= Level.PASSIVE:
            await review.extend_hold(transaction, case)
        is_seen = person.has_consented and not person.is_off_record(transaction.now)
        body = await self.answers.answer(
            transaction,
            person,
            request,
            words=utterance.told if is_seen else "",
            is_urgent=case is not None and review.is_urgent(case),
        )
        if case is not None or utterance.screening.level >= Level.PASSIVE:
            body = await self._in_crisis(transaction, person, case, body)
        await self.fixed_reply.send(
            transaction,
            utterance,
            body,
            reason=f"asked_{request}",
            is_kept=person.has_consented,
            kind=MessageKind.NOTICE if case is None else MessageKind.CRISIS,
        )
        return True

    async def _in_crisis(
        self, transaction: Transaction, person: Person, case: Case | None, body: MessageBody
    ) -> MessageBody:
        """Add the numbers, and in a hold the script's open question, which stays open."""
        first = case is not None and review.is_urgent(case)
        lines = self.answers.help_lines.text(person.language, person.region, emergency_first=first)
        parts = [body.text] if lines in body.text else [body.text, lines]
        if case is None:
            return replace(body, text="\n".join(parts))
        question = await open_question(transaction, person.person_id)
        if question is not None and self.answers.texts.has(question):
            parts.append(self.answers.texts(person.language, question))
        buttons = body.buttons or self.answers.help_lines.request_buttons(person.language)
        return replace(body, text="\n".join(parts), buttons=buttons)
