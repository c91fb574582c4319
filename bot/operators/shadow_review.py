"""Shadow review on the person's side: the question of consent and the reviewed replies."""

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
    """Return the question whether an operator may read and edit the replies."""
    buttons = [
        (texts(language, "shadow_yes"), "shadow:on"),
        (texts(language, "shadow_no"), "shadow:off"),
    ]
    return MessageBody(texts(language, "shadow_ask"), [buttons])


class ShadowConsent:
    """Handles the buttons under that question."""

    def __init__(self, answers: Responder, shadow: Shadow) -> None:
        self._answers = answers
        self._shadow = shadow

    async def on_shadow(self, update: Update, _context: HandlerContext) -> None:
        """Turn shadow review on or off."""
        choice = choice_of(update, ("on", "off"))
        async with self._answers.open(update, "shadow") as uow:
            if uow is None or choice is None or not uow.person.has_consented:
                return
            agrees = choice == "on"
            await self._shadow.answered(uow.transaction, uow.person, agrees=agrees)
            key = "shadow_set_on" if agrees else "shadow_set_off"
            text = self._answers.texts(uow.person.language, key)
            await uow.say(MessageBody(text))


class ReviewedReplySender:
    """Queues reviewed replies."""

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
        """Queue a reply, with a note if an operator edited it."""
        note = self._answers.texts(person.language, "shadow_edited") if edited else ""
        await outbox.put(
            transaction,
            outbox.MessageKind.REPLY,
            MessageBody("\n\n".join(part for part in (words, note, draft.below) if part)),
            person_id=person.person_id,
            epoch=draft.epoch,
            update_id=draft.update_id,
            turn_id=draft.question_turn_id,
        )
