"""The command `/console`, which sends an operator a one-time link.

Other people get the answer to an unknown command.
"""

from collections.abc import Callable

from telegram import Update

from bot.context import Context
from bot.updates.responder import HandlerContext
from review.operators import sign_in
from review.operators.access import RefusedError
from storage import Transaction
from storage.messages.body import MessageBody
from storage.review import operators
from storage.review.operators import Operator

MINUTES = int(sign_in.LINK_HOLDS.total_seconds() // 60)


class ConsoleLink:
    """Handles `/console`.

    Args:
        context: the environment.
        link: returns the URL for a sign-in token.
    """

    def __init__(self, context: Context, link: Callable[[str], str]) -> None:
        self._database = context.database
        self._answers = context.answers
        self._link = link

    async def on_console(self, update: Update, _context: HandlerContext) -> None:
        """Answer `/console` with a link."""
        user = update.effective_user
        async with self._database.read() as transaction:
            operator = await operators.by_telegram_id(transaction, user.id) if user else None
        if operator is None:
            await self._answers.text(update, "unknown_command")
            return
        async with self._answers.open(update, "console") as uow:
            if uow is not None:
                text = await self._text(uow.transaction, operator)
                await uow.say(MessageBody(text))

    async def _text(self, transaction: Transaction, operator: Operator) -> str:
        texts = self._answers.texts
        try:
            token = await sign_in.offer(transaction, operator, way="bot")
        except RefusedError as refused:
            await sign_in.refused(transaction, refused.key, operator=operator)
            return texts(operator.language, "console_too_many")
        return texts(operator.language, "console_link", link=self._link(token), minutes=MINUTES)
