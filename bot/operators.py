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
from review import cases as review
from storage import Database, Transaction, inbox, outbox, people
from storage.cases import Case
from storage.ids import CaseId, UpdateId
from storage.inbox import Ended
from storage.outbox import Body


class Operators:
    """What operators can do in Telegram."""

    def __init__(
        self,
        *,
        database: Database,
        texts: Texts,
        notices: OperatorNotices,
        operators: frozenset[int],
        chat_id: int | None,
        wake: Callable[[], None],
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._texts = texts
        self._operators = operators
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
        listed = user.id in self._operators and chat is not None and self.is_chat(chat.id)
        number = (query.data or "").split(":")[1]
        now = self._now()
        async with self._database.begin() as transaction:
            resolved = None
            if listed and number.isdecimal():
                resolved = await review.resolve(
                    transaction, CaseId(int(number)), operator_id=user.id, now=now
                )
                await self._tell(transaction, number, resolved, now)
            await inbox.end(
                transaction,
                [UpdateId(update.update_id)],
                Ended.ANSWERED if listed else Ended.IGNORED,
                reason="case" if listed else "not_an_operator",
                now=now,
            )
        await acknowledge(update)
        self._wake()

    async def _tell(
        self, transaction: Transaction, number: str, resolved: Case | None, now: datetime
    ) -> None:
        key = "case_resolved" if resolved else "case_gone"
        await self._notices.put(transaction, key, now=now, case=number)
        if resolved is None or resolved.person_id is None:
            return
        person = await people.by_id(transaction, resolved.person_id)
        if person is not None:
            await outbox.put(
                transaction,
                outbox.Kind.NOTICE,
                Body(self._texts(person.language, "hold_ended")),
                person_id=person.person_id,
                now=now,
            )
