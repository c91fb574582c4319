"""The transaction around a handler: the person, the answer and the end of the inbox row."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from telegram import Message, Update
from telegram.error import TelegramError
from telegram.ext import ContextTypes

from bot.texts import Texts
from bot.transport.telegram_client import remove_keyboard
from storage import Database, Transaction
from storage.companion import people
from storage.companion.people import Person
from storage.ids import UpdateId
from storage.messages import inbox, keyboards, outbox
from storage.messages.body import MessageBody
from storage.messages.inbox import Ended

HandlerContext = ContextTypes.DEFAULT_TYPE
log = structlog.get_logger(__name__)
MOST_TOAST = 200


@dataclass(frozen=True, slots=True)
class UnitOfWork:
    """A person, and the transaction that answers them."""

    transaction: Transaction
    person: Person
    texts: Texts
    update_id: UpdateId | None = None

    def text(self, key: str, /, **values: Any) -> str:
        """Return a text in the person's language."""
        return self.texts(self.person.language, key, **values)

    async def say(self, body: MessageBody, *, edits: int | None = None) -> None:
        """Queue an answer, which replaces the message `edits` if one is given."""
        await outbox.put(
            self.transaction,
            outbox.MessageKind.NOTICE,
            body,
            person_id=self.person.person_id,
            update_id=self.update_id,
            preview_message_id=edits,
        )

    async def say_text(self, key: str, /, **values: Any) -> None:
        """Queue an answer with one text."""
        await self.say(MessageBody(self.text(key, **values)))


@dataclass(frozen=True, slots=True)
class Responder:
    """Open the transactions of all handlers of people's commands and buttons."""

    database: Database
    texts: Texts

    @asynccontextmanager
    async def open(self, update: Update, reason: str) -> AsyncIterator[UnitOfWork | None]:
        """Open a transaction that answers an update. Yields None for an unknown person."""
        await acknowledge(update)
        pressed = _answered_keyboard(update)
        async with self.database.begin() as transaction:
            uow = await self._of(transaction, update)
            yield uow
            if uow is not None and pressed is not None:
                await keyboards.forget(transaction, uow.person.person_id, pressed.message_id)
            await inbox.end(
                transaction, [UpdateId(update.update_id)], Ended.ANSWERED, reason=reason
            )
        if pressed is not None:
            await remove_keyboard(pressed.get_bot(), pressed.chat.id, pressed.message_id)

    @asynccontextmanager
    async def reading(self, update: Update) -> AsyncIterator[UnitOfWork | None]:
        """Open a transaction that only reads, and leave the update open."""
        async with self.database.read() as transaction:
            yield await self._of(transaction, update)

    async def _of(self, transaction: Transaction, update: Update) -> UnitOfWork | None:
        user = update.effective_user
        person = await people.by_telegram_id(transaction, user.id) if user else None
        if person is None:
            return None
        return UnitOfWork(transaction, person, self.texts, UpdateId(update.update_id))

    async def text(self, update: Update, key: str, **values: Any) -> None:
        """Answer with one text."""
        async with self.open(update, key) as answering:
            if answering:
                await answering.say_text(key, **values)


def choice_of(update: Update, allowed: tuple[str, ...]) -> str | None:
    """Return the part of a button's data after the colon, if it is an allowed value."""
    data = data_of(update)
    return data if data in allowed else None


def data_of(update: Update) -> str:
    """Return the part of a button's data after the colon."""
    query = update.callback_query
    return (query.data or "").partition(":")[2] if query else ""


def message_id(update: Update) -> int | None:
    """Return the id of the message with the pressed button, or None if it is not available."""
    query = update.callback_query
    return query.message.message_id if query is not None and query.message is not None else None


def _answered_keyboard(update: Update) -> Message | None:
    """Return the message of a pressed button, if its keyboard asks one thing and is answered."""
    query = update.callback_query
    message = query.message if query is not None else None
    if not isinstance(message, Message) or message.reply_markup is None:
        return None
    rows = message.reply_markup.inline_keyboard
    asked = {keyboards.family_of(str(button.callback_data or "")) for row in rows for button in row}
    is_answered = len(asked) == 1 and not asked & keyboards.KEPT
    return message if is_answered and message.chat.type == "private" else None


async def acknowledge(update: Update, text: str = "", *, alert: bool = False) -> bool:
    """Stop the button's spinner, perhaps with a short text. Returns whether it succeeded."""
    query = update.callback_query
    if query is None:
        return False
    try:
        await query.answer(text[:MOST_TOAST] or None, show_alert=alert or None)
    except TelegramError as error:
        log.info("acknowledge_failed", error=type(error).__name__)
        return False
    return True
