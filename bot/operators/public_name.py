"""The command `/name`, by which an operator chooses the name that people read.

Other people get the answer to an unknown command.
"""

from telegram import Update

from bot.context import Context
from bot.updates.responder import HandlerContext
from review.operators import roster
from review.operators.access import RefusedError
from storage import Transaction
from storage.messages.body import MessageBody
from storage.review import operators
from storage.review.operators import Operator

# What an operator writes to have no name again.
NO_NAME = "-"


class PublicNameCommand:
    """Handles `/name`."""

    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._answers = context.answers

    async def on_name(self, update: Update, context: HandlerContext) -> None:
        """Set the name, or say which one people read."""
        user = update.effective_user
        async with self._database.read() as transaction:
            operator = await operators.by_telegram_id(transaction, user.id) if user else None
        if operator is None:
            await self._answers.text(update, "unknown_command")
            return
        async with self._answers.open(update, "name") as uow:
            if uow is not None:
                chosen = " ".join(context.args or ())
                await uow.say(MessageBody(await self._text(uow.transaction, operator, chosen)))

    async def _text(self, transaction: Transaction, operator: Operator, chosen: str) -> str:
        texts, language = self._answers.texts, operator.language
        name = operator.public_name
        if chosen:
            try:
                name = await roster.set_public_name(
                    transaction, operator, "" if chosen == NO_NAME else chosen
                )
            except RefusedError as refused:
                return texts(language, refused.key)
        if name:
            return texts(language, "public_name", name=name)
        return texts(language, "public_name_none")
