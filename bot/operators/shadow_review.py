"""Shadow review as the person sees it: the question of consent, and replies that were read."""

from telegram import Update

from bot.texts import Texts
from bot.updates.responder import HandlerContext, Responder, choice_of
from review.cases.shadow_review import Shadow
from storage import Transaction
from storage.companion.people import Person
from storage.messages import outbox
from storage.messages.body import MessageBody
from storage.review.shadow_drafts import ShadowDraft


def consent_body(texts: Texts, language: str) -> MessageBody:
    """The question whether a human may read and edit the companion's replies."""
    buttons = [
        (texts(language, "shadow_yes"), "shadow:on"),
        (texts(language, "shadow_no"), "shadow:off"),
    ]
    return MessageBody(texts(language, "shadow_ask"), [buttons])


class ShadowConsent:
    """The buttons under that question, and the words that go out at last."""

    def __init__(self, answers: Responder, shadow: Shadow) -> None:
        self._answers = answers
        self._shadow = shadow

    async def on_shadow(self, update: Update, _context: HandlerContext) -> None:
        """Agree, or take it back; off until somebody agrees."""
        choice = choice_of(update, ("on", "off"))
        async with self._answers.open(update, "shadow") as answering:
            if answering is None or choice is None or not answering.person.has_consented:
                return
            agrees = choice == "on"
            await self._shadow.answered(answering.transaction, answering.person, agrees=agrees)
            key = "shadow_set_on" if agrees else "shadow_set_off"
            text = self._answers.texts(answering.person.language, key)
            await answering.say(MessageBody(text))


class ReviewedReplySender:
    """Queues a reply that waited, with a word where a human edited it."""

    def __init__(self, answers: Responder) -> None:
        self._answers = answers

    async def __call__(
        self,
        transaction: Transaction,
        person: Person,
        draft: ShadowDraft,
        words: str,
        edited: bool,
    ) -> None:
        """Queue it, fenced like any reply of the model."""
        told = self._answers.texts(person.language, "shadow_edited") if edited else ""
        await outbox.put(
            transaction,
            outbox.MessageKind.REPLY,
            MessageBody("\n\n".join(part for part in (words, told, draft.below) if part)),
            person_id=person.person_id,
            epoch=draft.epoch,
            update_id=draft.update_id,
            turn_id=draft.question_turn_id,
        )
