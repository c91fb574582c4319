"""The handlers of the operators' chat: buttons under a case, commands and answers to a prompt.

Only listed operators can act, in the operators' chat or by a button of a private page. All other
messages in the chat end unread.
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
    """A command of an operator, whose verb is None if it is unknown."""

    verb: str | None
    case_id: CaseId | None
    words: str


class OperatorHandlers:
    """Handles what operators do in Telegram."""

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
        """Handle a button under a case (`case:ID:verb`)."""
        query, chat = update.callback_query, update.effective_chat
        assert query is not None
        is_allowed = chat is not None and (
            self._chat.matches(chat.id) or chat.id == query.from_user.id
        )
        pressed = parse_data(query.data or "")
        actor, refused = None, None
        async with self._database.begin() as transaction:
            if is_allowed:
                actor = await self._actor(transaction, query.from_user)
            if actor is not None and pressed is not None:
                try:
                    await self._commands.execute(
                        transaction,
                        actor,
                        pressed.case_id,
                        pressed.verb,
                        number=pressed.number or 0,
                    )
                except RefusedError as error:
                    refused = error
            await self._end(transaction, update, actor)
        if actor is None:
            return
        if refused is None or pressed is None:
            key = "reply_goes" if pressed is not None and pressed.verb == "say" else "done"
            done = self._texts(actor.language, key) if pressed is not None else ""
            await acknowledge(update, done)
            return
        reason = self._messenger.refusal(refused, pressed.case_id, actor.language)
        if not await acknowledge(update, reason, alert=True):  # too late for a private alert
            async with self._database.begin() as transaction:
                await self._refuse(transaction, refused, pressed.case_id)

    async def on_words(self, update: Update, context: HandlerContext) -> None:
        """Handle a command in the chat, or an answer to a prompt for a message."""
        message = update.effective_message
        if message is None or message.from_user is None:
            return
        async with self._database.begin() as transaction:
            actor = None
            if self._chat.matches(message.chat_id):
                actor = await self._actor(transaction, message.from_user)
            if actor is not None:
                command = await self._command(transaction, message, context)
                if command is not None:
                    await self._execute(transaction, update, actor, command)
            await self._end(transaction, update, actor)

    async def _execute(
        self, transaction: Transaction, update: Update, actor: Operator, command: OperatorCommand
    ) -> None:
        message = update.effective_message
        is_text = message is not None and message.text is not None
        if update.edited_message is not None:
            await self._explain_edit(transaction, update.edited_message, command.case_id)
        elif not is_text or command.verb is None or command.case_id is None:
            key = "commands" if command.verb is None else "which_case"
            key = key if is_text else "words_only"
            await self._messenger.post(
                transaction, self._messenger.text(key), case_id=command.case_id, silent=True
            )
        else:
            try:
                await self._commands.execute(
                    transaction, actor, command.case_id, command.verb, command.words
                )
            except RefusedError as refused:
                await self._refuse(transaction, refused, command.case_id)

    async def _command(
        self, transaction: Transaction, message: Message, context: HandlerContext
    ) -> OperatorCommand | None:
        """Return the command in a message, or None if it is talk among operators."""
        text = message.text or message.caption or ""
        topic = await self._case_of_topic(transaction, message)
        if (match := _COMMAND.match(text)) is not None:
            name, recipient, rest = match[1].lower(), match[2], match[3] or ""
            if recipient is not None and recipient.lower() != context.bot.username.lower():
                return None
            case_id = topic
            if topic is None:  # the command has to name the case
                number, *more = rest.split(maxsplit=1)[:2] or [""]
                case_id, rest = parse_case_id(number), "".join(more)
            return OperatorCommand(COMMANDS.get(name), case_id, rest)
        prompt = message.reply_to_message
        if prompt is None or prompt.from_user is None or prompt.from_user.id != context.bot.id:
            return None
        case_id = self._commands.case_of_prompt(prompt.text or "")
        if case_id is None or topic not in (None, case_id):
            return None
        return OperatorCommand("reply", case_id, text)

    @staticmethod
    async def _case_of_topic(transaction: Transaction, message: Message) -> CaseId | None:
        if not message.is_topic_message or message.message_thread_id is None:
            return None
        case = await cases.by_thread(transaction, message.message_thread_id)
        return case.case_id if case is not None else None

    async def _explain_edit(
        self, transaction: Transaction, message: Message, case_id: CaseId | None
    ) -> None:
        """Say once that an edit does not change what was sent to the person."""
        if message.message_id in self._edits:
            return
        self._edits.append(message.message_id)
        await self._messenger.post(
            transaction, self._messenger.text("edit_not_sent"), case_id=case_id, silent=True
        )

    async def _refuse(
        self, transaction: Transaction, refused: RefusedError, case_id: CaseId
    ) -> None:
        exists = await cases.get(transaction, case_id) is not None
        await self._messenger.post(
            transaction,
            self._messenger.refusal(refused, case_id),
            case_id=case_id if exists and refused.key is not Refusal.CASE_GONE else None,
        )

    async def _actor(self, transaction: Transaction, user: User) -> Operator | None:
        """Return the listed operator, who gets the name from Telegram at the first act."""
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
