"""The intake, which screens and stores updates before they are confirmed to Telegram.

The caller confirms an update after `receive` has returned. If `receive` raises, the update comes
again.
"""

import asyncio
import json
from collections import Counter

import structlog

from bot.checkins.settings import activity
from bot.context import Context
from bot.crisis.response import CrisisResponder
from bot.receiving.fallback_reply import FallbackReply
from bot.receiving.lanes import Lanes
from bot.receiving.reader import Received, UpdateReader
from bot.texts import language_of
from bot.updates.arrivals import Arrival
from bot.updates.parsing import ParsedUpdate, UpdateKind
from bot.updates.utterance import Utterance
from storage import Transaction
from storage.companion import people
from storage.companion.people import Person
from storage.messages import inbox
from storage.messages.inbox import Ended

log = structlog.get_logger(__name__)
STORE_S = 15.0
MOST_FAILURES = 5
# The kinds of updates that no handler answers, and the reasons of their ends.
ENDS_AT_ONCE = {
    UpdateKind.OTHER: "not_for_us",
    UpdateKind.GROUP: "group",
    UpdateKind.MALFORMED: "malformed",
}


class Intake:
    """The only entrance for updates."""

    def __init__(
        self,
        context: Context,
        *,
        reader: UpdateReader,
        crisis: CrisisResponder,
        fallback_reply: FallbackReply,
        lanes: Lanes,
    ) -> None:
        self._database = context.database
        self._metrics = context.metrics
        self._reader = reader
        self._crisis = crisis
        self._fallback_reply = fallback_reply
        self._lanes = lanes
        self._failures: Counter[int] = Counter()

    async def receive(self, raw: object) -> None:
        """Screen, store and hand on one update. A repeat does nothing.

        Raises:
            Exception: the update could not be stored and has to come again. A message at risk has
                already got the fallback reply.
        """
        received = await self._reader.read(raw)
        if received is None:
            return
        try:
            async with asyncio.timeout(STORE_S):
                arrival = await self._store(received)
        except Exception as error:
            if await self._ends_as_unstorable(received, error):
                return
            await self._answer_unstored(received)
            raise
        self._failures.pop(received.update_id, None)
        self._metrics.updates.labels(received.parsed.kind).inc()
        if received.parsed.text:
            self._metrics.screenings.labels(int(received.screening.level)).inc()
        if arrival is not None:
            self._lanes.add(arrival)

    async def answer_unstored(self, raw: object) -> None:
        """Answer a message at risk that waits behind an update that could not be stored."""
        received = await self._reader.read(raw)
        if received is not None:
            await self._answer_unstored(received)

    async def resume(self) -> int:
        """Let lanes read all open updates after a start, and return how many there are.

        Each lane screens its own stored updates, so that people do not wait for each other.
        """
        async with self._database.read() as transaction:
            counts = await inbox.open_owners(transaction)
        for person_id in counts:
            self._lanes.reload(person_id)
        return sum(counts.values())

    async def _answer_unstored(self, received: Received) -> None:
        telegram_id = received.parsed.telegram_id
        if received.crisis_response is None or telegram_id is None:
            return
        language = language_of(received.parsed.language_code)
        await self._fallback_reply.answer(
            received.update_id,
            telegram_id,
            language,
            received.crisis_response,
            received.parsed.text,
        )

    async def _ends_as_unstorable(self, received: Received, error: Exception) -> bool:
        """End an update that storage repeatedly refuses, and return whether it has ended.

        It gets a row without payload, so that it does not block later updates.
        """
        log.error("update_not_stored", error=type(error).__name__)
        self._failures[received.update_id] += 1
        if self._failures[received.update_id] < MOST_FAILURES:
            return False
        try:
            async with asyncio.timeout(STORE_S), self._database.begin() as transaction:
                await inbox.add(
                    transaction,
                    received.update_id,
                    kind=UpdateKind.MALFORMED,
                    payload=None,
                    person_id=None,
                    level=int(received.screening.level),
                    ended_as=Ended.DEAD,
                    reason="unstorable",
                )
        except Exception:  # storage is away
            return False
        await self._answer_unstored(received)
        self._failures.pop(received.update_id, None)
        self._metrics.ends.labels(Ended.DEAD).inc()
        return True

    async def _store(self, received: Received) -> Arrival | None:
        """Write the inbox row. The same transaction answers a message at risk."""
        parsed = received.parsed
        is_told = self._fallback_reply.has_answered(received.update_id)
        async with self._database.begin() as transaction:
            person = await self._known_person(transaction, parsed)
            if person is None:
                if await inbox.exists(transaction, received.update_id):
                    return None  # a repeat from a person who is erased by now
                person = await self._new_person(transaction, parsed)
            ended, reason = self._end_at_once(received)
            is_new = await inbox.add(
                transaction,
                received.update_id,
                kind=parsed.kind,
                payload=None if ended else json.dumps(received.raw),
                person_id=person.person_id if person else None,
                level=int(received.screening.level),
                categories=",".join(received.screening.categories),
                ended_as=ended,
                reason=reason,
            )
            if not is_new:
                return None
            if received.crisis_response is not None and person is not None:
                utterance = Utterance(
                    person, [received.update_id], parsed.text, received.screening, is_told=is_told
                )
                await self._crisis.respond(transaction, utterance)
            if person is not None and parsed.kind is not UpdateKind.MEMBERSHIP:
                if person.blocked_at is not None:  # a message proves that it no longer holds
                    await people.set_blocked(transaction, person.telegram_id, None)
                await activity.reset_silence(transaction, person.person_id)
        if is_told:
            self._fallback_reply.forget(received.update_id)
        if ended:
            self._metrics.ends.labels(ended).inc()
            return None
        if person is not None:
            self._fallback_reply.remember_person(person)
        if received.crisis_response is not None and person is not None:
            self._metrics.ends.labels(Ended.ANSWERED).inc()
            return None
        return self._arrival(received, person)

    @staticmethod
    def _arrival(received: Received, person: Person | None) -> Arrival:
        assert received.update is not None
        return Arrival(
            received.update_id,
            person.person_id if person else None,
            received.parsed.kind,
            received.update,
            received.parsed.text,
            received.screening,
            person.epoch if person else None,
        )

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
    def _end_at_once(received: Received) -> tuple[Ended | None, str | None]:
        """Return the end and its reason for an update that no handler answers."""
        if received.crisis_response is not None:
            return None, None
        if received.update is None:
            return Ended.DEAD, "malformed"
        reason = ENDS_AT_ONCE.get(received.parsed.kind)
        return (Ended.IGNORED, reason) if reason else (None, None)
