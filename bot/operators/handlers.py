"""The operators' chat: buttons under a case, commands, and answers to the bot's question.

Reads who asks for what, and lets `case_acts.py` do it. Only listed operators may act, and only
in the operators' chat (a button in a private message of the bot, too); everybody else gets
nothing. What operators write otherwise stays among them and is not kept.
"""

import re
from collections import deque
from dataclasses import dataclass, replace

from telegram import Message, Update, User

from bot.context import Context
from bot.operators.announcements import OperatorMessenger
from bot.operators.case_commands import COMMANDS, CaseCommands
from bot.operators.case_keyboard import parse_case_id, parse_data
from bot.operators.chat import OperatorsChat
from bot.updates.responder import HandlerContext, acknowledge
from review.operators.access import Refusal, RefusedError
from review.operators.roster import MOST_NAME
from storage import Transaction
from storage.ids import CaseId, UpdateId
from storage.messages import inbox
from storage.messages.inbox import Ended
from storage.review import cases, operators
from storage.review.operators import Operator

_COMMAND = re.compile(r"/(\w+)(?:@(\w+))?(?:\s+(.*))?$", re.DOTALL)
EDITS_REMEMBERED = 500


@dataclass(frozen=True, slots=True)
class OperatorCommand:
    """What an operator wrote: an act (None: a command that is none), a case, words."""

    verb: str | None
    case_id: CaseId | None
    words: str


class OperatorHandlers:
    """What operators can do in Telegram."""

    def __init__(
        self,
        context: Context,
        messenger: OperatorMessenger,
        commands: CaseCommands,
        chat: OperatorsChat,
    ) -> None:
        self._database = context.database
        self._texts = context.texts
        self._messenger = messenger
        self._commands = commands
        self._chat = chat
        self._edits: deque[int] = deque(maxlen=EDITS_REMEMBERED)

    async def on_case(self, update: Update, _context: HandlerContext) -> None:
        """`case:ID:verb`: a button under a case, in their chat or in a page."""
        query, chat = update.callback_query, update.effective_chat
        assert query is not None
        here = chat is not None and (self._chat.matches(chat.id) or chat.id == query.from_user.id)
        pressed = parse_data(query.data or "")
        actor, refused = None, None
        async with self._database.begin() as transaction:
            if here:
                actor = await self._actor(transaction, query.from_user)
            if actor is not None and pressed is not None:
                try:
                    await self._commands.execute(transaction, actor, pressed.case_id, pressed.verb)
                except RefusedError as error:
                    refused = error
            await self._end(transaction, update, actor)
        if actor is None:
            return
        if refused is None or pressed is None:
            done = self._texts(actor.language, "done") if pressed is not None else ""
            await acknowledge(update, done)
            return
        why = self._messenger.refusal(refused, pressed.case_id, actor.language)
        if not await acknowledge(update, why, alert=True):  # pressed too long ago: said to all
            async with self._database.begin() as transaction:
                await self._refuse(transaction, refused, pressed.case_id)

    async def on_words(self, update: Update, context: HandlerContext) -> None:
        """A command in their chat, or an answer to the question what is to be said."""
        message = update.effective_message
        if message is None or message.from_user is None:
            return
        async with self._database.begin() as transaction:
            actor = None
            if self._chat.matches(message.chat_id):
                actor = await self._actor(transaction, message.from_user)
            if actor is not None:
                order = await self._order(transaction, message, context)
                if order is not None:
                    await self._obey(transaction, update, actor, order)
            await self._end(transaction, update, actor)

    async def _obey(
        self, transaction: Transaction, update: Update, actor: Operator, order: OperatorCommand
    ) -> None:
        message = update.effective_message
        is_text = message is not None and message.text is not None
        if update.edited_message is not None:
            await self._no_second_time(transaction, update.edited_message, order.case_id)
        elif not is_text or order.verb is None or order.case_id is None:
            key = "commands" if order.verb is None else "which_case"
            key = key if is_text else "words_only"
            await self._messenger.post(
                transaction, self._messenger.text(key), case_id=order.case_id, silent=True
            )
        else:
            try:
                await self._commands.execute(
                    transaction, actor, order.case_id, order.verb, order.words
                )
            except RefusedError as refused:
                await self._refuse(transaction, refused, order.case_id)

    async def _order(
        self, transaction: Transaction, message: Message, context: HandlerContext
    ) -> OperatorCommand | None:
        """What a message asks for; None where it is talk among operators."""
        text = message.text or message.caption or ""
        topic = await self._case_of_topic(transaction, message)
        if (found := _COMMAND.match(text)) is not None:
            name, to, rest = found[1].lower(), found[2], found[3] or ""
            if to is not None and to.lower() != context.bot.username.lower():
                return None
            case_id = topic
            if topic is None:  # no topic says which case it is about
                number, *more = rest.split(maxsplit=1)[:2] or [""]
                case_id, rest = parse_case_id(number), "".join(more)
            return OperatorCommand(COMMANDS.get(name), case_id, rest)
        asked = message.reply_to_message
        if asked is None or asked.from_user is None or asked.from_user.id != context.bot.id:
            return None
        case_id = self._commands.prompted(asked.text or "")
        if case_id is None or topic not in (None, case_id):
            return None
        return OperatorCommand("reply", case_id, text)

    @staticmethod
    async def _case_of_topic(transaction: Transaction, message: Message) -> CaseId | None:
        if not message.is_topic_message or message.message_thread_id is None:
            return None
        case = await cases.by_thread(transaction, message.message_thread_id)
        return case.case_id if case is not None else None

    async def _no_second_time(
        self, transaction: Transaction, message: Message, case_id: CaseId | None
    ) -> None:
        """An edit changes nothing: what went to the person went as it was. Said once."""
        if message.message_id in self._edits:
            return
        self._edits.append(message.message_id)
        await self._messenger.post(
            transaction, self._messenger.text("edit_not_sent"), case_id=case_id, silent=True
        )

    async def _refuse(
        self, transaction: Transaction, refused: RefusedError, case_id: CaseId
    ) -> None:
        known = await cases.get(transaction, case_id) is not None
        await self._messenger.post(
            transaction,
            self._messenger.refusal(refused, case_id),
            case_id=case_id if known and refused.key is not Refusal.CASE_GONE else None,
        )

    async def _actor(self, transaction: Transaction, user: User) -> Operator | None:
        """The listed operator; at the first act they get the name that Telegram knows."""
        actor = await operators.by_telegram_id(transaction, user.id)
        name = " ".join((user.first_name or "").split())[:MOST_NAME]
        if actor is None or actor.name or not name:
            return actor
        await operators.change(transaction, actor.operator_id, name=name)
        return replace(actor, name=name)

    @staticmethod
    async def _end(transaction: Transaction, update: Update, actor: Operator | None) -> None:
        await inbox.end(
            transaction,
            [UpdateId(update.update_id)],
            Ended.ANSWERED if actor is not None else Ended.IGNORED,
            reason="case" if actor is not None else "not_an_operator",
        )
