"""The buttons of the first minutes, of settings, and of a reply that failed.

Knows nothing of the model. A button's data is `kind:choice`; what a button of an older
version asks for is ignored.
"""

from collections.abc import Awaitable, Callable

from telegram import Update

from bot.conversation.turn_handler import TurnHandler
from bot.onboarding import AGES, Onboarding
from bot.texts import LANGUAGES
from bot.updates.responder import (
    HandlerContext,
    Responder,
    UnitOfWork,
    acknowledge,
    choice_of,
    data_of,
)
from storage import Database, people
from storage.body import MessageBody
from storage.ids import TurnId, UpdateId
from storage.inbox import OpenRow


class ButtonHandlers:
    """The handlers."""

    def __init__(
        self,
        *,
        database: Database,
        answers: Responder,
        onboarding: Onboarding,
        conversation: TurnHandler,
        readmit: Callable[[OpenRow], Awaitable[None]],
    ) -> None:
        self._database = database
        self._answers = answers
        self._texts = answers.texts
        self._onboarding = onboarding
        self._conversation = conversation
        self._readmit = readmit

    async def on_start(self, update: Update, _context: HandlerContext) -> None:
        """The other language, asked for on the first page."""
        async with self._answers.open(update, "start") as answering:
            language = await self._set_language(update, answering)
            if answering and language:
                await answering.say(self._onboarding.start_body(language))

    async def on_lang(self, update: Update, _context: HandlerContext) -> None:
        """A language was chosen."""
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
        """Yes or no to being kept."""
        choice = choice_of(update, ("yes", "no"))
        async with self._answers.open(update, "consent") as answering:
            if answering is None:
                return
            person, transaction, now = answering.person, answering.transaction, answering.now
            if choice == "yes":
                await self._onboarding.consent(transaction, person, now=now)
            elif person.has_consented:  # agreed before: "no" means to leave
                await answering.say(self._onboarding.forget_body(person.language))
            else:
                await self._onboarding.refuse(transaction, person, "refused", now=now)

    async def on_age(self, update: Update, _context: HandlerContext) -> None:
        """The age band; the words that waited are answered now."""
        age = choice_of(update, AGES)
        waiting: list[OpenRow] = []
        async with self._answers.open(update, "age") as answering:
            if answering and age and answering.person.has_consented:
                waiting = await self._onboarding.age(
                    answering.transaction, answering.person, age, now=answering.now
                )
        for row in waiting:
            await self._readmit(row)

    async def on_region(self, update: Update, _context: HandlerContext) -> None:
        """The region, for local numbers."""
        async with self._answers.open(update, "region") as answering:
            if answering and answering.person.has_consented:
                await self._onboarding.region(
                    answering.transaction, answering.person, data_of(update), now=answering.now
                )

    async def on_retry(self, update: Update, _context: HandlerContext) -> None:
        """Try a failed turn again, if it is the person's own and still unanswered."""
        data = data_of(update)
        await acknowledge(update)
        user = update.effective_user
        async with self._database.read() as transaction:
            person = await people.by_telegram_id(transaction, user.id) if user else None
        if person is not None and data.isdecimal() and len(data) < 19:
            turn_id = TurnId(int(data))
            if await self._conversation.retry(
                person.person_id, turn_id, UpdateId(update.update_id)
            ):
                return
        await self._answers.text(update, "retry_gone")

    async def on_old(self, update: Update, _context: HandlerContext) -> None:
        """A button of an older version: nothing happens, and it ends."""
        async with self._answers.open(update, "old_button"):
            pass
