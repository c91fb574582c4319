"""`/console` in a private chat: a one-time link for a listed operator.

Everybody else gets what any unknown command gets.
"""

from collections.abc import Awaitable, Callable

from telegram import Update

from bot.updates.responder import HandlerContext, Responder
from review.operators import sign_in
from review.operators.access import RefusedError
from storage import Database, Transaction
from storage.messages.body import MessageBody
from storage.review import operators
from storage.review.operators import Operator

MINUTES = int(sign_in.LINK_HOLDS.total_seconds() // 60)


class ConsoleLink:
    """The handler of `/console`.

    Args:
        database: where operators are listed.
        answers: opens answers.
        link: what a token looks like as an address.
        on_unknown: what is answered to a command that does not exist.
    """

    def __init__(
        self,
        database: Database,
        answers: Responder,
        link: Callable[[str], str],
        *,
        on_unknown: Callable[[Update, HandlerContext], Awaitable[None]],
    ) -> None:
        self._database = database
        self._answers = answers
        self._link = link
        self._on_unknown = on_unknown

    async def on_console(self, update: Update, context: HandlerContext) -> None:
        """`/console`."""
        user = update.effective_user
        async with self._database.read() as transaction:
            operator = await operators.by_telegram_id(transaction, user.id) if user else None
        if operator is None:
            await self._on_unknown(update, context)
            return
        async with self._answers.open(update, "console") as answering:
            if answering is not None:
                text = await self._text(answering.transaction, operator)
                await answering.say(MessageBody(text))

    async def _text(self, transaction: Transaction, operator: Operator) -> str:
        texts = self._answers.texts
        try:
            token = await sign_in.offer(transaction, operator, way="bot")
        except RefusedError as refused:
            await sign_in.refused(transaction, refused.key, operator=operator)
            return texts(operator.language, "console_too_many")
        return texts(operator.language, "console_link", link=self._link(token), minutes=MINUTES)
