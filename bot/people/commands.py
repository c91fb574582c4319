"""Handlers for people's plain commands, unknown commands and other updates.

Each handler puts its answer into the outbox and ends its inbox row in one transaction.
"""

import structlog
from telegram import Update
from telegram.error import TelegramError

from bot.context import Context
from bot.crisis.contact_alert import ContactAlert
from bot.crisis.contact_side import ContactSide
from bot.operators.chat import OperatorsChat
from bot.people.admission import Admission
from bot.people.onboarding import Onboarding
from bot.updates.responder import HandlerContext
from storage.checkins import queued_questions
from storage.companion import conversations, people, trusted_contacts
from storage.ids import UpdateId
from storage.messages import inbox
from storage.messages.body import MessageBody
from storage.messages.inbox import Ended
from storage.upkeep import retention

log = structlog.get_logger(__name__)
GONE = ("kicked", "left", "banned")


class Commands:
    """Handle plain commands, unknown commands and other updates."""

    def __init__(
        self,
        context: Context,
        *,
        onboarding: Onboarding,
        gate: Admission,
        operators_chat: OperatorsChat,
        contact_side: ContactSide,
        contact_alert: ContactAlert,
    ) -> None:
        self._database = context.database
        self._answers = context.answers
        self._help_lines = context.help_lines
        self._onboarding = onboarding
        self._gate = gate
        self._operators_chat = operators_chat
        self._contact_side = contact_side
        self._contact_alert = contact_alert
        self._days = context.settings.retention_days

    async def on_start(self, update: Update, context: HandlerContext) -> None:
        """Answer `/start` by asking for consent. It may carry an invite or a contact's link."""
        async with self._answers.open(update, "start") as answering:
            if answering is None:
                return
            person, transaction = answering.person, answering.transaction
            code = context.args[0] if context.args else ""
            if await self._contact_side.open_link(answering, code):  # the page of consent waits
                update_ids = [UpdateId(update.update_id)]
                await inbox.end(transaction, update_ids, Ended.ANSWERED, reason="contact")
                return
            admitted = self._gate.admits(person) or await self._gate.redeem(
                transaction, person, code
            )
            if admitted:
                await answering.say(self._onboarding.start_body(person.language))
            else:
                await self._gate.reject(transaction, person, [UpdateId(update.update_id)])

    async def on_help(self, update: Update, _context: HandlerContext) -> None:
        """Answer `/help`."""
        async with self._answers.open(update, "help") as answering:
            if answering:
                buttons = self._help_lines.request_buttons(answering.person.language)
                await answering.say(MessageBody(answering.text("help"), buttons))

    async def on_privacy(self, update: Update, _context: HandlerContext) -> None:
        """Answer `/privacy`, with periods from the table that the sweeps use."""
        async with self._answers.open(update, "privacy") as answering:
            if answering:
                kept = [
                    answering.text(f"kept_{kept.name}", days=kept.days)
                    for kept in retention.classes(self._days)
                ]
                await answering.say_text(
                    "privacy",
                    kept="\n".join(kept),
                    hours=retention.UNCONSENTED_HOURS,
                    link_days=trusted_contacts.LINK_DAYS,
                    records=retention.RECORDS_DAYS,
                )

    async def on_new(self, update: Update, _context: HandlerContext) -> None:
        """Answer `/new`: start a new session and drop the reply in progress."""
        async with self._answers.open(update, "new") as answering:
            if answering is None:
                return
            person_id = answering.person.person_id
            epoch = await people.raise_epoch(answering.transaction, person_id)
            await queued_questions.carry_over(answering.transaction, person_id, epoch)
            await conversations.end_session(answering.transaction, person_id)
            await inbox.end_before(
                answering.transaction, person_id, UpdateId(update.update_id), reason="new_session"
            )
            await answering.say_text("new")

    async def on_language(self, update: Update, _context: HandlerContext) -> None:
        """Answer `/language` with buttons."""
        async with self._answers.open(update, "language") as answering:
            if answering:
                text = answering.text("language_ask")
                await answering.say(
                    MessageBody(text, [[("中文", "lang:zh"), ("English", "lang:en")]])
                )

    async def on_unknown(self, update: Update, _context: HandlerContext) -> None:
        """Answer an unknown command."""
        await self._answers.text(update, "unknown_command")

    async def on_edited(self, update: Update, _context: HandlerContext) -> None:
        """Say that a message that was edited into a command does nothing."""
        await self._answers.text(update, "edited_command")

    async def on_membership(self, update: Update, context: HandlerContext) -> None:
        """Note that a person blocked or unblocked the bot, and leave unknown groups."""
        change = update.my_chat_member
        assert change is not None
        gone = change.new_chat_member.status in GONE
        async with self._answers.open(update, "membership") as answering:
            if answering and change.chat.type == "private":
                blocked_at = answering.transaction.now if gone else None
                await people.set_blocked(answering.transaction, change.chat.id, blocked_at)
                if gone:
                    await self._contact_alert.on_blocked(answering.transaction, answering.person)
        is_stranger = change.chat.type != "private" and not self._operators_chat.matches(
            change.chat.id
        )
        if is_stranger and not gone:
            try:
                await context.bot.leave_chat(change.chat.id)
            except TelegramError as error:
                log.warning("leave_failed", error=type(error).__name__)

    async def on_other(self, update: object, _context: HandlerContext) -> None:
        """End an update that no other handler knows."""
        if not isinstance(update, Update):
            return
        async with self._database.begin() as transaction:
            await inbox.end(
                transaction, [UpdateId(update.update_id)], Ended.IGNORED, reason="not_for_us"
            )
