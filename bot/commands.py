"""People's own commands and buttons: thin handlers over rows.

Knows nothing of the model. Each handler writes its answer to the outbox and ends its
inbox row in one transaction.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from telegram import Update
from telegram.error import TelegramError
from telegram.ext import (
    Application,
    CallbackQueryHandler,
    ChatMemberHandler,
    CommandHandler,
    ContextTypes,
    MessageHandler,
    TypeHandler,
    filters,
)

from bot.conversation import Conversation
from bot.lanes import Burst
from bot.onboarding import Onboarding
from bot.operators import Operators
from bot.texts import LANGUAGES, Texts
from safety.policy import HOLD_LAPSE_S
from storage import Database, Transaction, conversations, inbox, outbox, people
from storage.ids import TurnId, UpdateId
from storage.inbox import Ended, OpenRow
from storage.outbox import Body
from storage.people import Person

log = structlog.get_logger(__name__)
Context = ContextTypes.DEFAULT_TYPE
COMMANDS = ("start", "help", "new", "language", "privacy", "safety", "forget")


@dataclass(frozen=True, slots=True)
class Answering:
    """A person, and the transaction that answers them."""

    transaction: Transaction
    person: Person
    now: datetime


class Commands:
    """The handlers, and their registration."""

    def __init__(
        self,
        *,
        database: Database,
        texts: Texts,
        onboarding: Onboarding,
        conversation: Conversation,
        operators: Operators,
        retention_days: int,
        wake: Callable[[], None],
        readmit: Callable[[OpenRow], Awaitable[None]],
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._texts = texts
        self._onboarding = onboarding
        self._conversation = conversation
        self._operators = operators
        self._days = retention_days
        self._wake = wake
        self._readmit = readmit
        self._now = now

    def register(self, application: Application[Any, Any, Any, Any, Any, Any]) -> None:
        """Hand every handler to python-telegram-bot."""
        private = filters.ChatType.PRIVATE & filters.UpdateType.MESSAGE
        application.add_handler(TypeHandler(Burst, self.on_burst))
        for name in COMMANDS:
            handler = getattr(self, f"on_{name}")
            application.add_handler(CommandHandler(name, handler, filters=private))
        for prefix in ("start", "consent", "age", "region", "lang", "forget", "retry"):
            handler = getattr(self, f"on_{prefix}_button")
            application.add_handler(CallbackQueryHandler(handler, pattern=f"^{prefix}:"))
        application.add_handler(CallbackQueryHandler(self._operators.on_case, pattern="^case:"))
        application.add_handler(CallbackQueryHandler(self.on_old_button))
        application.add_handler(ChatMemberHandler(self.on_membership))
        application.add_handler(MessageHandler(private & filters.COMMAND, self.on_unknown))
        application.add_handler(MessageHandler(private, self.on_unreadable))

    @asynccontextmanager
    async def _answering(self, update: Update, reason: str) -> AsyncIterator[Answering | None]:
        """One transaction: the person, their answer, the end of the inbox row."""
        user = update.effective_user
        now = self._now()
        if update.callback_query is not None:
            await _acknowledge(update)
        async with self._database.begin() as transaction:
            person = await people.by_telegram_id(transaction, user.id) if user else None
            yield Answering(transaction, person, now) if person else None
            await inbox.end(
                transaction, [UpdateId(update.update_id)], Ended.ANSWERED, reason=reason, now=now
            )
        self._wake()

    async def _say(self, answering: Answering, body: Body) -> None:
        await outbox.put(
            answering.transaction,
            outbox.Kind.NOTICE,
            body,
            person_id=answering.person.person_id,
            now=answering.now,
        )

    async def _text(self, update: Update, key: str, **values: Any) -> None:
        async with self._answering(update, key) as answering:
            if answering:
                text = self._texts(answering.person.language, key, **values)
                await self._say(answering, Body(text))

    async def on_burst(self, burst: Burst, _context: Context) -> None:
        """Words: the conversation answers them."""
        await self._conversation.answer(burst)

    async def on_start(self, update: Update, _context: Context) -> None:
        """`/start`: what this is, and the question of consent."""
        async with self._answering(update, "start") as answering:
            if answering:
                await self._say(answering, self._onboarding.start_body(answering.person.language))

    async def on_help(self, update: Update, _context: Context) -> None:
        """`/help`."""
        await self._text(update, "help")

    async def on_privacy(self, update: Update, _context: Context) -> None:
        """`/privacy`: what is kept, for how long, who sees it."""
        await self._text(update, "privacy", days=self._days)

    async def on_safety(self, update: Update, _context: Context) -> None:
        """`/safety`: the protocol, from the policy that runs."""
        await self._text(update, "safety", hours=HOLD_LAPSE_S // 3600)

    async def on_new(self, update: Update, _context: Context) -> None:
        """`/new`: a new session; whatever was being written is dropped."""
        async with self._answering(update, "new") as answering:
            if answering:
                await people.raise_epoch(answering.transaction, answering.person.person_id)
                await conversations.end_session(
                    answering.transaction, answering.person.person_id, now=answering.now
                )
                await inbox.end_before(
                    answering.transaction,
                    answering.person.person_id,
                    UpdateId(update.update_id),
                    reason="new_session",
                    now=answering.now,
                )
                text = self._texts(answering.person.language, "new")
                await self._say(answering, Body(text))

    async def on_language(self, update: Update, _context: Context) -> None:
        """`/language`: choose by button."""
        async with self._answering(update, "language") as answering:
            if answering:
                text = self._texts(answering.person.language, "language_ask")
                buttons = [[("中文", "lang:zh"), ("English", "lang:en")]]
                await self._say(answering, Body(text, buttons))

    async def on_forget(self, update: Update, _context: Context) -> None:
        """`/forget`: asks once more."""
        async with self._answering(update, "forget") as answering:
            if answering:
                language = answering.person.language
                buttons = [
                    [(self._texts(language, "forget_yes"), "forget:yes")],
                    [(self._texts(language, "forget_no"), "forget:no")],
                ]
                await self._say(answering, Body(self._texts(language, "forget_ask"), buttons))

    async def on_start_button(self, update: Update, _context: Context) -> None:
        """The other language, asked for on the first page."""
        language = _choice(update, LANGUAGES)
        async with self._answering(update, "start") as answering:
            if answering and language:
                await people.change(
                    answering.transaction, answering.person.person_id, language=language
                )
                await self._say(answering, self._onboarding.start_body(language))

    async def on_lang_button(self, update: Update, _context: Context) -> None:
        """A language was chosen."""
        language = _choice(update, LANGUAGES)
        async with self._answering(update, "language") as answering:
            if answering and language:
                await people.change(
                    answering.transaction, answering.person.person_id, language=language
                )
                await self._say(answering, Body(self._texts(language, "language_set")))

    async def on_consent_button(self, update: Update, _context: Context) -> None:
        """Yes or no to being kept."""
        choice = _choice(update, ("yes", "no"))
        async with self._answering(update, "consent") as answering:
            if answering is None:
                return
            if choice == "yes":
                await self._onboarding.consent(
                    answering.transaction, answering.person, now=answering.now
                )
            elif not answering.person.has_consented:
                await self._onboarding.refuse(
                    answering.transaction, answering.person, "refused", now=answering.now
                )

    async def on_age_button(self, update: Update, _context: Context) -> None:
        """The age band; the words that waited are answered now."""
        age = _choice(update, ("under_14", "14_17", "adult", "unsaid"))
        waiting: list[OpenRow] = []
        async with self._answering(update, "age") as answering:
            if answering and age and answering.person.has_consented:
                waiting = await self._onboarding.age(
                    answering.transaction, answering.person, age, now=answering.now
                )
        for row in waiting:
            await self._readmit(row)

    async def on_region_button(self, update: Update, _context: Context) -> None:
        """The region, for local numbers."""
        query = update.callback_query
        region = (query.data or "").partition(":")[2] if query else ""
        async with self._answering(update, "region") as answering:
            if answering and answering.person.has_consented:
                await self._onboarding.region(
                    answering.transaction, answering.person, region, now=answering.now
                )

    async def on_forget_button(self, update: Update, _context: Context) -> None:
        """Yes or no to erasure."""
        choice = _choice(update, ("yes", "no"))
        async with self._answering(update, "forget") as answering:
            if answering is None:
                return
            if choice == "yes":
                await self._onboarding.refuse(
                    answering.transaction, answering.person, "forgotten", now=answering.now
                )
            else:
                text = self._texts(answering.person.language, "forget_kept")
                await self._say(answering, Body(text))

    async def on_retry_button(self, update: Update, _context: Context) -> None:
        """Try a failed turn again, if it is the person's own and still unanswered."""
        query = update.callback_query
        data = (query.data or "").partition(":")[2] if query else ""
        await _acknowledge(update)
        async with self._database.read() as transaction:
            user = update.effective_user
            person = await people.by_telegram_id(transaction, user.id) if user else None
            turn_id = TurnId(int(data)) if data.isdecimal() else None
            turn = await conversations.get_turn(transaction, turn_id) if turn_id else None
            mine = (
                person is not None
                and turn is not None
                and await conversations.owner(transaction, turn.turn_id) == person.person_id
                and not await conversations.is_answered(transaction, turn.turn_id)
            )
        if mine and person is not None and turn is not None:
            await self._conversation.retry(person, turn, UpdateId(update.update_id))
        else:
            await self._text(update, "retry_gone")

    async def on_old_button(self, update: Update, _context: Context) -> None:
        """A button of an older version: nothing happens, and it ends."""
        async with self._answering(update, "old_button"):
            pass

    async def on_unknown(self, update: Update, _context: Context) -> None:
        """A command that does not exist."""
        await self._text(update, "unknown_command")

    async def on_unreadable(self, update: Update, _context: Context) -> None:
        """Stickers, voice, pictures without words."""
        await self._text(update, "unreadable")

    async def on_membership(self, update: Update, context: Context) -> None:
        """Blocked, unblocked, or added to a group (where nothing is said)."""
        change = update.my_chat_member
        assert change is not None
        now = self._now()
        gone = change.new_chat_member.status in ("kicked", "left", "banned")
        async with self._database.begin() as transaction:
            if change.chat.type == "private":
                await people.set_blocked(transaction, change.chat.id, now if gone else None)
            await inbox.end(
                transaction,
                [UpdateId(update.update_id)],
                Ended.ANSWERED,
                reason="membership",
                now=now,
            )
        is_stranger = change.chat.type != "private" and not self._operators.is_chat(change.chat.id)
        if is_stranger and not gone:
            try:
                await context.bot.leave_chat(change.chat.id)
            except TelegramError as error:
                log.warning("leave_failed", error=type(error).__name__)


def _choice(update: Update, allowed: tuple[str, ...]) -> str | None:
    query = update.callback_query
    choice = (query.data or "").partition(":")[2] if query else ""
    return choice if choice in allowed else None


async def _acknowledge(update: Update) -> None:
    """Stop the button's spinner; nothing depends on it."""
    query = update.callback_query
    if query is None:
        return
    try:
        await query.answer()
    except TelegramError as error:
        log.info("acknowledge_failed", error=type(error).__name__)
