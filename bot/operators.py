"""The operators' chat: the buttons under a case.

Knows nothing of what a case means to the person beyond resolving it. Only listed
operators may act; everybody else gets nothing.
"""

from collections.abc import Callable
from datetime import datetime

from telegram import Update
from telegram.ext import ContextTypes

from bot.answering import acknowledge
from bot.notices import OperatorNotices
from bot.texts import Texts
from review.access import RefusedError
from review.desk import Desk
from storage import Database, Transaction, inbox, operators
from storage.cases import Resolution
from storage.ids import CaseId, UpdateId
from storage.inbox import Ended
from storage.operators import Operator


class Operators:
    """What operators can do in Telegram."""

    def __init__(
        self,
        *,
        database: Database,
        texts: Texts,
        notices: OperatorNotices,
        desk: Desk,
        chat_id: int | None,
        wake: Callable[[], None],
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._texts = texts
        self._desk = desk
        self._chat_id = chat_id
        self._wake = wake
        self._now = now
        self._notices = notices

    def is_chat(self, chat_id: int) -> bool:
        """Whether this is the operators' chat."""
        return chat_id == self._chat_id

    async def on_case(self, update: Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
        """`case:ID:resolve`: close a case and give the conversation back."""
        query = update.callback_query
        assert query is not None
        user = query.from_user
        chat = update.effective_chat
        listed = chat is not None and self.is_chat(chat.id)
        number = (query.data or "").split(":")[1]
        now = self._now()
        async with self._database.begin() as transaction:
            actor = await operators.by_telegram_id(transaction, user.id)
            listed = listed and actor is not None
            if listed and actor is not None and number.isdecimal():
                await self._resolve(transaction, actor, number, now)
            await inbox.end(
                transaction,
                [UpdateId(update.update_id)],
                Ended.ANSWERED if listed else Ended.IGNORED,
                reason="case" if listed else "not_an_operator",
                now=now,
            )
        await acknowledge(update)
        self._wake()

    async def _resolve(
        self, transaction: Transaction, actor: Operator, number: str, now: datetime
    ) -> None:
        try:
            await self._desk.resolve(transaction, actor, CaseId(int(number)), Resolution.HELPED)
        except RefusedError as refused:
            await self._notices.put(transaction, refused.key, now=now, case=number)
