"""The writer of the inbox, which stores updates and answers messages at risk with them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from bot.checkins.settings import activity
from bot.crisis.context_screening import ContextScreener
from bot.crisis.response import CrisisResponder
from bot.receiving.fallback_reply import FallbackReply
from bot.receiving.late_notice import LateNotice
from bot.receiving.reader import Received
from bot.texts import language_of
from bot.updates.parsing import ParsedUpdate, UpdateKind
from bot.updates.utterance import Utterance
from safety.screening.outcome import Screening
from storage import Transaction
from storage.companion import people
from storage.companion.people import Person
from storage.messages import inbox, inbox_queue
from storage.messages.inbox import Ended

# The kinds of updates that no handler answers, and the reasons of their ends.
ENDS_AT_ONCE = {
    UpdateKind.OTHER: "not_for_us",
    UpdateKind.GROUP: "group",
    UpdateKind.MALFORMED: "malformed",
}
# The reason of an edit that leaves the text as it was.
UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class StoredUpdate:
    """What became of an update in its transaction.

    Attributes:
        person: who sent it, or None.
        ended: its end, or None if a handler answers it.
        has_written: whether it is a sign of life of that person.
        is_repeat: whether it was stored before.
    """

    person: Person | None
    ended: Ended | None
    has_written: bool = False
    is_repeat: bool = False


_REPEAT = StoredUpdate(None, None, is_repeat=True)


class InboxWriter:
    """Writes updates into the inbox."""

    def __init__(
        self,
        screener: ContextScreener,
        crisis: CrisisResponder,
        fallback_reply: FallbackReply,
        late_notice: LateNotice,
    ) -> None:
        self._screener = screener
        self._crisis = crisis
        self._fallback_reply = fallback_reply
        self._late_notice = late_notice

    async def write(self, transaction: Transaction, page: Sequence[Received]) -> list[StoredUpdate]:
        """Store updates and note who has written. Messages at risk are answered too."""
        self._late_notice.note_page(transaction.now)
        stored = [await self._write(transaction, received) for received in page]
        writers = {s.person.person_id: s.person for s in stored if s.person and s.has_written}
        for person in writers.values():
            await _note_life(transaction, person)
        return stored

    async def _write(self, transaction: Transaction, received: Received) -> StoredUpdate:
        """Write the inbox row. The same transaction answers a message at risk."""
        parsed, screening = received.parsed, received.screening
        person = await self._known_person(transaction, parsed)
        if person is None:
            if await inbox.exists(transaction, received.update_id):
                return _REPEAT  # from a person who is erased by now
            person = await self._new_person(transaction, parsed)
        ended, reason = await self._end_at_once(transaction, received, person)
        if person is not None and ended is None:
            await self._late_notice.tell(transaction, person, received.update)
        is_new = await inbox.add(
            transaction,
            received.update_id,
            kind=parsed.kind,
            payload=None if ended else json.dumps(received.raw),
            person_id=person.person_id if person else None,
            level=int(screening.level) if screening else inbox.NOT_SCREENED,
            categories=",".join(screening.categories) if screening else "",
            ended_as=ended,
            reason=reason,
            source=parsed.source,
            text=parsed.text,
        )
        if not is_new:
            return _REPEAT
        if screening is not None and received.crisis_response is not None and person and not ended:
            await self._answer(transaction, received, screening, person)
        wrote = parsed.kind is not UpdateKind.MEMBERSHIP and reason != UNCHANGED
        return StoredUpdate(person, ended, has_written=wrote)

    async def screen_late(self, transaction: Transaction, received: Received) -> Ended | None:
        """Store the level of a text, and answer it if it is at risk. Returns how it has ended."""
        person = await self._known_person(transaction, received.parsed)
        if person is None or not await inbox_queue.open_among(transaction, [received.update_id]):
            return Ended.IGNORED  # it has ended since it was stored
        assert received.screening is not None
        await inbox.set_level(transaction, received.update_id, int(received.screening.level))
        if received.crisis_response is None:
            return None
        await self._answer(transaction, received, received.screening, person)
        return Ended.ANSWERED

    async def _answer(
        self, transaction: Transaction, received: Received, screening: Screening, person: Person
    ) -> None:
        """Answer a message at risk."""
        text, quote = received.parsed.text, received.parsed.quote
        utterance = Utterance(
            person,
            [received.update_id],
            text,
            screening,
            is_told=self._fallback_reply.has_answered(received.update_id),
            quoted=await self._screener.quoted(
                transaction, person.person_id, [quote] if quote is not None else []
            ),
        )
        # After a question the same words can say more: a cut is then a wound.
        utterance = await self._screener.screen_in_context(transaction, utterance, [text])
        await self._crisis.respond(transaction, utterance)

    @staticmethod
    async def _known_person(transaction: Transaction, parsed: ParsedUpdate) -> Person | None:
        if parsed.telegram_id is None or parsed.kind is UpdateKind.OTHER:
            return None
        return await people.by_telegram_id(transaction, parsed.telegram_id)

    @staticmethod
    async def _new_person(transaction: Transaction, parsed: ParsedUpdate) -> Person | None:
        """Create the person who sent an update, unless it is no message of a person."""
        if parsed.telegram_id is None or parsed.kind in (UpdateKind.OTHER, UpdateKind.MEMBERSHIP):
            return None
        if parsed.kind is UpdateKind.MALFORMED and not parsed.text:
            return None
        language = language_of(parsed.language_code)
        return await people.get_or_create(transaction, parsed.telegram_id, language=language)

    @staticmethod
    async def _end_at_once(
        transaction: Transaction, received: Received, person: Person | None
    ) -> tuple[Ended | None, str | None]:
        """Return the end and its reason for an update that no handler answers."""
        parsed, update = received.parsed, received.update
        source, person_id = parsed.source, person.person_id if person else None
        if source is not None and source.message_id is not None and person_id is not None:
            is_edit = update is not None and update.edited_message is not None
            if is_edit and await inbox.is_unchanged(
                transaction, person_id, source.message_id, parsed.text
            ):
                return Ended.IGNORED, UNCHANGED
            is_picture = parsed.kind is UpdateKind.UNREADABLE and source.album_id is not None
            if is_picture and await inbox.has_album(transaction, person_id, source.album_id or ""):
                return Ended.IGNORED, "album"  # its first message is answered
        if received.crisis_response is not None:
            return None, None
        if received.update is None:
            return Ended.DEAD, "malformed"
        reason = ENDS_AT_ONCE.get(received.parsed.kind)
        return (Ended.IGNORED, reason) if reason else (None, None)


async def _note_life(transaction: Transaction, person: Person) -> None:
    """Note that a person has written, which proves that no block holds any more."""
    if person.blocked_at is not None:
        await people.set_blocked(transaction, person.telegram_id, None)
    await activity.reset_silence(transaction, person.person_id)
