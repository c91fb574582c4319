"""Messages without text: stickers, voice, pictures.

While a case holds the person, or an operator talks with them, the answer is a reviewed text with
numbers to call. Operators see that something came, and its kind. The script's question stays open.
"""

from collections import OrderedDict
from dataclasses import dataclass

from telegram import Message, TelegramObject, Update

from bot.context import Context
from bot.operators.takeover import TakeoverRelay
from bot.updates.parsing import UpdateKind
from bot.updates.responder import HandlerContext, UnitOfWork
from review.cases import records as review
from review.cases.desk import Desk
from safety.response.policy import Script
from safety.response.script import GENTLE
from safety.screening.levels import Level
from storage.companion import conversations, script_positions
from storage.companion.conversations import Speaker
from storage.companion.script_positions import ScriptPosition
from storage.ids import PersonId, UpdateId
from storage.messages import inbox, outbox
from storage.messages.body import MessageBody
from storage.messages.inbox import Ended
from storage.messages.sent import KINDS, OTHER, SentObject
from storage.review.cases import Case

VARIANTS = 3
"""How many wordings ask for words, so that none comes twice running."""
LONGEST_EMOJI = 8
MOST_ALBUMS = 10_000
TEXTS = {
    "audio": "voice",
    "video_note": "video",
    "animation": "video",
    "dice": "sticker",
    "venue": "place",
    "location": "place",
    "poll": "other",
}
"""Kinds that share their words with another."""


@dataclass(frozen=True, slots=True)
class AlbumSeen:
    """Several pictures sent as one: the first is noted, one of them is answered."""

    person_id: PersonId
    album_id: str
    is_answered: bool


class Unheard:
    """Answers and notes it.

    Args:
        context: the environment.
        human: who has the conversation.
        desk: where operators hear of it.
    """

    def __init__(self, context: Context, human: TakeoverRelay, desk: Desk) -> None:
        self._answers = context.answers
        self._texts = context.texts
        self._help_lines = context.help_lines
        self._human = human
        self._desk = desk
        self._albums: OrderedDict[PersonId, AlbumSeen] = OrderedDict()

    async def on_unreadable(self, update: Update, _context: HandlerContext) -> None:
        """Answer stickers, voice and pictures without text. A hold has its own texts for them."""
        async with self._answers.open(update, "unreadable") as answering:
            if answering and not await self.take(answering, update):
                await answering.say(
                    MessageBody(self._texts(answering.person.language, "unreadable"))
                )

    async def take(self, a: UnitOfWork, update: Update) -> bool:
        """Take what came, if a case holds the person or an operator talks with them."""
        talks = await self._human.active_case(a.transaction, a.person.person_id)
        case = talks or await review.case_on_hold(a.transaction, a.person.person_id)
        message = update.effective_message
        if case is None or message is None:
            return False
        sent, album = describe(message), self._album(a.person.person_id, message)
        if album is None:
            await self._note(a, case, sent)
        update_id = UpdateId(update.update_id)
        if talks is not None:
            await inbox.end(a.transaction, [update_id], Ended.HELD, reason="takeover")
        answers = talks is None and not (album and album.is_answered)
        answers = answers and not await inbox.is_followed(
            a.transaction, a.person.person_id, update_id, UpdateKind.UNREADABLE
        )
        if answers:
            await self._answer(a, case, sent, update_id)
        if message.media_group_id is not None:
            is_answered = answers or (album is not None and album.is_answered)
            a.transaction.record(AlbumSeen(a.person.person_id, message.media_group_id, is_answered))
        return True

    def _album(self, person_id: PersonId, message: Message) -> AlbumSeen | None:
        """The album that this is a further part of."""
        found = self._albums.get(person_id)
        return found if found and found.album_id == message.media_group_id else None

    def remember(self, album: AlbumSeen) -> None:
        """Know the further parts of an album. After a restart they are answered once more."""
        self._albums[album.person_id] = album
        self._albums.move_to_end(album.person_id)
        if len(self._albums) > MOST_ALBUMS:
            self._albums.popitem(last=False)

    async def _note(self, a: UnitOfWork, case: Case, sent: SentObject) -> None:
        await self._keep(a, Speaker.SENT, sent.text)
        await self._desk.person_sent(a.transaction, case, sent)

    async def _answer(
        self, a: UnitOfWork, case: Case, sent: SentObject, update_id: UpdateId
    ) -> None:
        words = self._words(a, case, sent, await self._turns(a, case))
        await self._keep(a, Speaker.SCRIPT, words)
        await outbox.put(
            a.transaction,
            outbox.MessageKind.CRISIS,
            MessageBody(words),
            person_id=a.person.person_id,
            update_id=update_id,
        )
        await inbox.end(a.transaction, [update_id], Ended.ANSWERED, reason="fixed_reply")

    def _words(self, a: UnitOfWork, case: Case, sent: SentObject, turns: int) -> str:
        """That it could not be read, a wish for words, numbers; in an emergency these first."""
        language, kind = a.person.language, TEXTS.get(sent.kind, sent.kind)
        grave = case.level >= Level.IMMINENT or case.script == Script.MEDICAL
        lines = self._help_lines.text(language, a.person.region, emergency_first=grave)
        asks = self._texts(language, f"unheard_asks_{turns % VARIANTS + 1}")
        calls = self._texts(language, "unheard_calls_now" if grave else "unheard_calls")
        parts = [calls, lines, asks] if grave else [asks, calls, lines]
        return "\n".join([self._texts(language, f"unheard_{kind}"), *parts])

    @staticmethod
    async def _turns(a: UnitOfWork, case: Case) -> int:
        """How many texts were said in the script, this one beside; its question stays where it is.

        The question gets no younger: after the hold it is too old for an answer.
        """
        place = await script_positions.get(a.transaction, a.person.person_id)
        if place is None or place.script == GENTLE:
            place = ScriptPosition(case.script, 0, 1, a.transaction.now)
        await script_positions.put(
            a.transaction,
            a.person.person_id,
            place.script,
            step=place.step,
            turns=place.turns + 1,
            changed_at=place.changed_at,
        )
        return place.turns

    @staticmethod
    async def _keep(a: UnitOfWork, role: Speaker, text: str) -> None:
        """Keep a turn, so that operators see it in its place; before consent none is kept."""
        if not a.person.has_consented:
            return
        person_id = a.person.person_id
        session_id = await conversations.current_session(a.transaction, person_id)
        await conversations.append(
            a.transaction,
            person_id,
            session_id,
            role,
            text=text,
            off_record=a.person.is_off_record(a.transaction.now),
        )


def describe(message: Message) -> SentObject:
    """Say what a message without words is; nothing of its content but a sticker's emoji."""
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
