"""The first minutes of a person: consent, age group and region.

Before consent only the first messages are kept. After a refusal nothing is kept.
"""

from collections.abc import Collection

from telegram import Update

from bot.context import Context
from bot.conversation.legal_notices import LegalNotices
from bot.people.erasure import Erasure
from bot.people.typed_age import read_age
from bot.texts import LANGUAGES
from bot.updates.responder import HandlerContext, UnitOfWork, choice_of, data_of
from bot.updates.utterance import Utterance
from review.cases import records as review
from safety.screening.levels import Level
from storage import Transaction
from storage.companion import people
from storage.companion.people import Person
from storage.ids import UpdateId
from storage.messages import inbox, inbox_queue, outbox
from storage.messages.body import Keyboard, MessageBody
from storage.messages.inbox import Ended

CONSENT_VERSION = "1"
AGES = ("under_14", "14_17", "adult", "unsaid")
MOST_WAITING = 20


class Onboarding:
    """Ask for consent, age group and region, and record the answers."""

    def __init__(
        self, context: Context, *, erasure: Erasure, duties: LegalNotices, warns_of_demo: bool
    ) -> None:
        self._texts = context.texts
        self._help_lines = context.help_lines
        self._erasure = erasure
        self._duties = duties
        self._days = context.settings.retention_days
        self._warns_of_demo = warns_of_demo

    def start_body(self, language: str) -> MessageBody:
        """Return the answer to `/start`."""
        text = self._texts(language, "start", days=self._days)
        text += "\n\n" + self._duties.opening(language)
        if self._warns_of_demo:
            text += "\n\n" + self._texts(language, "demo_notice")
        other = "en" if language == "zh" else "zh"
        switch = [(self._texts(language, "switch_language"), f"start:{other}")]
        return MessageBody(text, [*self._consent_buttons(language), switch])

    def _consent_buttons(self, language: str) -> Keyboard:
        return [
            [(self._texts(language, "consent_yes"), "consent:yes")],
            [(self._texts(language, "consent_no"), "consent:no")],
        ]

    async def intercept(self, transaction: Transaction, utterance: Utterance) -> bool:
        """Ask a person who has not agreed yet for consent, and read an age that they type."""
        if utterance.person.has_consented:
            return await self._take_age(transaction, utterance)
        await self.ask_consent(transaction, utterance.person, utterance.update_ids)
        return True

    async def _take_age(self, transaction: Transaction, utterance: Utterance) -> bool:
        """Answer a typed age like its button, while the question is open."""
        person = utterance.person
        if person.age_band is not None or not utterance.is_typed or not utterance.is_new:
            return False
        age = read_age(utterance.text)
        if age is None or utterance.is_edit or utterance.screening.level >= Level.PASSIVE:
            return False
        await inbox.end(transaction, utterance.update_ids, Ended.ANSWERED, reason="age")
        await self.age(transaction, person, age)
        return True

    async def ask_consent(
        self, transaction: Transaction, person: Person, update_ids: Collection[UpdateId]
    ) -> None:
        """Hold a newcomer's messages. Show the page of consent once, then only remind."""
        waiting = await inbox_queue.waiting_count(transaction, person.person_id)
        if waiting >= MOST_WAITING:
            await inbox.end(transaction, update_ids, Ended.IGNORED, reason="no_consent")
            return
        await inbox.await_consent(transaction, update_ids)
        body = self.start_body(person.language)
        if waiting or await inbox.has_ended_by(transaction, person.person_id, "start"):
            reminder = self._texts(person.language, "start_waiting")
            body = MessageBody(reminder, self._consent_buttons(person.language))
        await outbox.put(transaction, outbox.MessageKind.NOTICE, body, person_id=person.person_id)

    async def consent(self, transaction: Transaction, person: Person) -> None:
        """Record consent and ask for the age group."""
        if person.consent_at is None:
            await people.change(
                transaction,
                person.person_id,
                consent_at=transaction.now,
                consent_version=CONSENT_VERSION,
            )
        buttons = [[(self._texts(person.language, f"age_{age}"), f"age:{age}")] for age in AGES]
        await self._notice(transaction, person, "ask_age", buttons)

    async def refuse(self, transaction: Transaction, person: Person, key: str) -> None:
        """Erase a person whom the companion does not talk with, and tell them so."""
        await self._erasure.refuse(transaction, person, key)

    def forget_body(self, language: str) -> MessageBody:
        """Return the question before erasure."""
        return MessageBody(
            self._texts(language, "forget_ask"),
            [
                [(self._texts(language, "forget_yes"), "forget:yes")],
                [(self._texts(language, "forget_no"), "forget:no")],
            ],
        )

    async def age(self, transaction: Transaction, person: Person, age: str) -> None:
        """Record the age group, ask for the region and release the messages that waited."""
        if age == "under_14":
            await self.refuse(transaction, person, "under_14")
            return
        await people.change(transaction, person.person_id, age_band=age)
        rows = self._help_lines.region_buttons(person.language)
        await self._notice(transaction, person, "ask_region", rows)
        if not await inbox.release_after_consent(transaction, person.person_id):
            await self._notice(transaction, person, "ready", [])

    async def region(self, transaction: Transaction, person: Person, region: str) -> None:
        """Record the region, and send its numbers at once during a crisis."""
        known = region if self._help_lines.knows(region) else None
        await people.change(transaction, person.person_id, region=known)
        key, values = "region_saved", {}
        if await review.case_on_hold(transaction, person.person_id) is not None:
            key = "region_saved_lines"
            values = {"lines": self._help_lines.text(person.language, known)}
        await self._notice(transaction, person, key, [], **values)

    async def _notice(
        self, transaction: Transaction, person: Person, key: str, buttons: Keyboard, **values: str
    ) -> None:
        await outbox.put(
            transaction,
            outbox.MessageKind.NOTICE,
            MessageBody(self._texts(person.language, key, **values), buttons),
            person_id=person.person_id,
        )


class ButtonHandlers:
    """Handle the buttons of onboarding and of languages."""

    def __init__(self, context: Context, onboarding: Onboarding) -> None:
        self._answers = context.answers
        self._texts = context.texts
        self._onboarding = onboarding

    async def on_start(self, update: Update, _context: HandlerContext) -> None:
        """Show the first page in the other language."""
        async with self._answers.open(update, "start") as answering:
            language = await self._set_language(update, answering)
            if answering and language:
                await answering.say(self._onboarding.start_body(language))

    async def on_lang(self, update: Update, _context: HandlerContext) -> None:
        """Set the chosen language."""
        async with self._answers.open(update, "language") as answering:
            language = await self._set_language(update, answering)
            if answering and language:
                await answering.say(MessageBody(self._texts(language, "language_set")))

    @staticmethod
    async def _set_language(update: Update, answering: UnitOfWork | None) -> str | None:
        language = choice_of(update, LANGUAGES)
        if answering and language:
            await people.change(
                answering.transaction, answering.person.person_id, language=language
            )
        return language

    async def on_consent(self, update: Update, _context: HandlerContext) -> None:
        """Record consent, or erase a person who refuses."""
        choice = choice_of(update, ("yes", "no"))
        async with self._answers.open(update, "consent") as answering:
            if answering is None:
                return
            person, transaction = answering.person, answering.transaction
            if choice == "yes":
                await self._onboarding.consent(transaction, person)
            elif person.has_consented:  # "no" after consent means to leave
                await answering.say(self._onboarding.forget_body(person.language))
            else:
                await self._onboarding.refuse(transaction, person, "refused")

    async def on_age(self, update: Update, _context: HandlerContext) -> None:
        """Record the age group and let the messages that waited be answered."""
        age = choice_of(update, AGES)
        async with self._answers.open(update, "age") as answering:
            if answering and age and answering.person.has_consented:
                await self._onboarding.age(answering.transaction, answering.person, age)

    async def on_region(self, update: Update, _context: HandlerContext) -> None:
        """Record the region."""
        async with self._answers.open(update, "region") as answering:
            if answering and answering.person.has_consented:
                await self._onboarding.region(
                    answering.transaction, answering.person, data_of(update)
                )

    async def on_old(self, update: Update, _context: HandlerContext) -> None:
        """End the update of a button from an older version."""
        async with self._answers.open(update, "old_button"):
            pass
