"""Intake: an update is screened, stored, and only then confirmed and handed on.

The caller confirms an update to Telegram after `receive` has returned; if it raises, the update
stays unconfirmed and comes again.
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
ENDS_AT_ONCE = {
    UpdateKind.OTHER: "not_for_us",
    UpdateKind.GROUP: "group",
    UpdateKind.MALFORMED: "malformed",
}


class Intake:
    """The one entrance for updates."""

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
        """Take one update as Telegram sent it; a repeat does nothing.

        Raises:
            Exception: the update could not be stored, and must come again. A message at risk
                has its fixed reply all the same.
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
        """Answer a message at risk without storing it: an update before it cannot be stored."""
        received = await self._reader.read(raw)
        if received is not None:
            await self._answer_unstored(received)

    async def resume(self) -> int:
        """After a start: let lanes take up every update without an end; return how many.

        Nobody waits until the stored words of others are screened.
        """
        async with self._database.read() as transaction:
            waiting = await inbox.open_owners(transaction)
        for person_id in waiting:
            self._lanes.reload(person_id)
        return sum(waiting.values())

    async def _answer_unstored(self, received: Received) -> None:
        telegram_id = received.parsed.telegram_id
        if received.crisis_response is None or telegram_id is None:
            return
        language = language_of(received.parsed.language_code)
        await self._fallback_reply.answer(
            received.update_id, telegram_id, language, received.crisis_response
        )

    async def _ends_as_unstorable(self, received: Received, error: Exception) -> bool:
        """Whether it is the update that storage cannot take, and not storage that is away.

        It gets a row without its words, so that it ends and does not stop those behind it.
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
        except Exception:  # storage is away after all
            return False
        await self._answer_unstored(received)
        self._failures.pop(received.update_id, None)
        self._metrics.ends.labels(Ended.DEAD).inc()
        return True

    async def _store(self, received: Received) -> Arrival | None:
        """Write the inbox row; a message at risk is answered in the same transaction."""
        reading = received.parsed
        is_told = self._fallback_reply.has_answered(received.update_id)
        async with self._database.begin() as transaction:
            person = await self._known(transaction, reading)
            if person is None:
                if await inbox.exists(transaction, received.update_id):
                    return None  # a repeat: whoever sent it was erased since, and stays so
                person = await self._newcomer(transaction, reading)
            ended, reason = self._end_at_once(received)
            is_new = await inbox.add(
                transaction,
                received.update_id,
                kind=reading.kind,
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
                    person, [received.update_id], reading.text, received.screening, is_told=is_told
                )
                await self._crisis.respond(transaction, utterance)
            if person is not None and reading.kind is not UpdateKind.MEMBERSHIP:
                if person.blocked_at is not None:  # nobody writes to a bot that they block
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
    async def _known(transaction: Transaction, reading: ParsedUpdate) -> Person | None:
        if reading.telegram_id is None or reading.kind is UpdateKind.OTHER:
            return None
        return await people.by_telegram_id(transaction, reading.telegram_id)

    @staticmethod
    async def _newcomer(transaction: Transaction, reading: ParsedUpdate) -> Person | None:
        """Make the person whom an update is the first word of, if it is a word of a person."""
        if reading.telegram_id is None or reading.kind in (UpdateKind.OTHER, UpdateKind.MEMBERSHIP):
            return None
        if reading.kind is UpdateKind.MALFORMED and not reading.text:
            return None
        language = language_of(reading.language_code)
        return await people.get_or_create(transaction, reading.telegram_id, language=language)

    @staticmethod
    def _end_at_once(received: Received) -> tuple[Ended | None, str | None]:
        """How an update ends that nobody has to answer."""
        if received.crisis_response is not None:
            return None, None
        if received.update is None:
            return Ended.DEAD, "malformed"
        reason = ENDS_AT_ONCE.get(received.parsed.kind)
        return (Ended.IGNORED, reason) if reason else (None, None)
