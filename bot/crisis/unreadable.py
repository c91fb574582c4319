"""The handler of messages without text, such as stickers, voice and pictures.

In a hold or a takeover, operators see the kind of the message. In a hold the person gets a reviewed
text with help lines, and the script's question stays open.
"""

from telegram import Message, TelegramObject, Update

from bot.context import Context
from bot.crisis.contact_alert import ContactAlert
from bot.operators.takeover import TakeoverForwarder
from bot.updates.parsing import UpdateKind
from bot.updates.responder import HandlerContext, UnitOfWork
from review.cases import records as review
from review.cases.desk import Desk
from safety.response.script import GENTLE
from storage.companion import conversations, script_positions
from storage.companion.conversations import Speaker
from storage.companion.script_positions import ScriptPosition
from storage.ids import UpdateId
from storage.messages import inbox, inbox_queue, outbox
from storage.messages.body import MessageBody
from storage.messages.inbox import Ended
from storage.messages.sent import KINDS, OTHER, SentObject
from storage.review.cases import Case

# The wordings that ask for text. They alternate, so that none repeats at once.
VARIANTS = 3
LONGEST_EMOJI = 8
# Kinds that share the text of another kind.
TEXTS = {
    "audio": "voice",
    "video_note": "video",
    "animation": "video",
    "dice": "sticker",
    "venue": "place",
    "location": "place",
    "poll": "other",
}


class UnreadableHandler:
    """Answers messages without text and shows their kind to operators.

    Args:
        context: the environment.
        forwarder: knows whether an operator has the conversation.
        desk: the operators' desk.
        contacts: gives the button that tells a trusted contact.
    """

    def __init__(
        self,
        context: Context,
        forwarder: TakeoverForwarder,
        desk: Desk,
        contacts: ContactAlert,
    ) -> None:
        self._answers = context.answers
        self._texts = context.texts
        self._help_lines = context.help_lines
        self._forwarder = forwarder
        self._desk = desk
        self._contacts = contacts

    async def on_unreadable(self, update: Update, _context: HandlerContext) -> None:
        """Answer a message without text."""
        async with self._answers.open(update, "unreadable") as uow:
            if uow and not await self.answer_in_hold(uow, update):
                message = update.effective_message
                has_part = message is not None and message.effective_attachment is not None
                await uow.say_text("unreadable" if has_part else "unreadable_empty")

    async def answer_in_hold(self, uow: UnitOfWork, update: Update) -> bool:
        """Answer the message in a hold or a takeover, or return False."""
        takeover = await self._forwarder.active_case(uow.transaction, uow.person.person_id)
        case = takeover or await review.case_on_hold(uow.transaction, uow.person.person_id)
        message = update.effective_message
        if case is None or message is None:
            return False
        sent = describe(message)
        await self._record(uow, case, sent)
        update_id = UpdateId(update.update_id)
        if takeover is not None:
            await inbox.end(uow.transaction, [update_id], Ended.HELD, reason="takeover")
        elif not await inbox_queue.is_followed(
            uow.transaction, uow.person.person_id, update_id, UpdateKind.UNREADABLE
        ):
            await self._answer(uow, case, sent, update_id)
        return True

    async def _record(self, uow: UnitOfWork, case: Case, sent: SentObject) -> None:
        await self._keep(uow, Speaker.SENT, sent.text)
        await self._desk.person_sent(uow.transaction, case, sent)

    async def _answer(
        self, uow: UnitOfWork, case: Case, sent: SentObject, update_id: UpdateId
    ) -> None:
        text = self._text(uow, case, sent, await self._count_turn(uow, case))
        await self._keep(uow, Speaker.SCRIPT, text)
        await outbox.put(
            uow.transaction,
            outbox.MessageKind.CRISIS,
            await self._contacts.with_button(
                uow.transaction,
                uow.person,
                MessageBody(text, self._help_lines.request_buttons(uow.person.language)),
            ),
            person_id=uow.person.person_id,
            update_id=update_id,
        )
        await inbox.end(uow.transaction, [update_id], Ended.ANSWERED, reason="fixed_reply")

    def _text(self, uow: UnitOfWork, case: Case, sent: SentObject, turns: int) -> str:
        """Return the answer: not readable, please write, help lines (first in an emergency)."""
        language, kind = uow.person.language, TEXTS.get(sent.kind, sent.kind)
        is_urgent = review.is_urgent(case)
        lines = self._help_lines.text(language, uow.person.region, emergency_first=is_urgent)
        asks = self._texts(language, f"unheard_asks_{turns % VARIANTS + 1}")
        calls = self._texts(language, "unheard_calls_now" if is_urgent else "unheard_calls")
        parts = [calls, lines, asks] if is_urgent else [asks, calls, lines]
        return "\n".join([self._texts(language, f"unheard_{kind}"), *parts])

    @staticmethod
    async def _count_turn(uow: UnitOfWork, case: Case) -> int:
        """Add a turn to the script's position, and return how many there were.

        The position keeps its step and its time, so the question gets no younger.
        """
        position = await script_positions.get(uow.transaction, uow.person.person_id)
        if position is None or position.script == GENTLE:
            position = ScriptPosition(case.script, 0, 1, uow.transaction.now)
        await script_positions.put(
            uow.transaction,
            uow.person.person_id,
            position.script,
            step=position.step,
            turns=position.turns + 1,
            changed_at=position.changed_at,
        )
        return position.turns

    @staticmethod
    async def _keep(uow: UnitOfWork, role: Speaker, text: str) -> None:
        """Store a turn for operators to see, unless the person has not consented."""
        if not uow.person.has_consented:
            return
        person_id = uow.person.person_id
        session_id = await conversations.current_session(uow.transaction, person_id)
        await conversations.append(
            uow.transaction,
            person_id,
            session_id,
            role,
            text=text,
            off_record=uow.person.is_off_record(uow.transaction.now),
        )


def describe(message: Message) -> SentObject:
    """Return the kind of a message, with no content but a sticker's emoji."""
    kind = next((kind for kind in KINDS if getattr(message, kind)), OTHER)
    part = getattr(message, kind, None)
    values = part.to_dict(recursive=False) if isinstance(part, TelegramObject) else {}
    seconds = values.get("duration")
    if isinstance(seconds, int | float):  # the attribute itself warns of its future type
        return SentObject(kind, seconds=max(0, int(seconds)))
    emoji = values.get("emoji") if kind == "sticker" else None
    return SentObject(kind, emoji=_plain(emoji) if isinstance(emoji, str) else "")


def _plain(emoji: str) -> str:
    joined = (c for c in emoji if (c.isprintable() and not c.isspace()) or c == "\u200d")
    return "".join(joined)[:LONGEST_EMOJI]
