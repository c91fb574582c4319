"""The intake, which screens and stores updates before they are confirmed to Telegram.

The caller confirms an update after `receive` has returned. If `receive` raises, the update comes
again.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence

import structlog

from bot.context import Context
from bot.receiving.fallback_reply import FallbackReply
from bot.receiving.inbox_writer import InboxWriter, StoredUpdate
from bot.receiving.lanes import Lanes
from bot.receiving.late_screening import LateScreening
from bot.receiving.reader import Received, UpdateReader
from bot.texts import language_of
from bot.updates.parsing import UpdateKind
from storage.ids import UpdateId
from storage.messages import inbox, inbox_queue
from storage.messages.inbox import Ended

log = structlog.get_logger(__name__)
STORE_S = 15.0
# A fixed reply does not wait longer for a database that hangs.
STORE_GRAVE_S = 2.0
MOST_FAILURES = 5


class Intake:
    """The only entrance for updates.

    Args:
        context: the environment.
        reader: parses and screens.
        writer: stores, and answers messages at risk.
        fallback_reply: answers them if storage is away.
        lanes: take what is stored.
        grave_s: how long a message at risk waits for storage.
    """

    def __init__(
        self,
        context: Context,
        *,
        reader: UpdateReader,
        writer: InboxWriter,
        fallback_reply: FallbackReply,
        lanes: Lanes,
        grave_s: float = STORE_GRAVE_S,
    ) -> None:
        self._grave_s = grave_s
        self._database = context.database
        self._metrics = context.metrics
        self._reader = reader
        self._writer = writer
        self._fallback_reply = fallback_reply
        self._lanes = lanes
        self._late_screening = LateScreening(context, reader=reader, writer=writer, lanes=lanes)
        self._failures: Counter[int] = Counter()

    async def receive(self, raw: object) -> None:
        """Screen, store and hand on one update. A repeat does nothing.

        Raises:
            Exception: the update could not be stored and has to come again. A message at risk has
                already got the fallback reply.
        """
        received = await self._read(raw)
        if received is not None:
            await self._receive(received)

    async def _read(self, raw: object) -> Received | None:
        """Read an update. One that got the fallback reply is at risk, so it is screened at once."""
        received = await self._reader.read(raw)
        if received is not None and self._fallback_reply.has_answered(received.update_id):
            return await self._reader.screened(received)
        return received

    async def receive_page(self, page: Sequence[object]) -> set[UpdateId]:
        """Screen, store and hand on a page of updates, those of people at risk first.

        The others are stored in one transaction, so that nobody waits for a crowd. Each person's
        updates keep their order.

        Returns:
            The updates that are stored. The others keep their place and have to come again.
        """
        read = [await self._read(raw) for raw in page]
        received = [update for update in read if update is not None]
        at_risk = {u.parsed.telegram_id for u in received if u.crisis_response is not None}
        urgent = [update for update in received if update.parsed.telegram_id in at_risk]
        rest = [update for update in received if update.parsed.telegram_id not in at_risk]
        stored = await self._receive_each(urgent)
        if rest and await self._are_received(rest):
            return stored.union(update.update_id for update in rest)
        return stored | await self._receive_each(rest)

    async def _receive_each(self, updates: Sequence[Received]) -> set[UpdateId]:
        """Store updates one by one. After a failure only messages at risk are tried."""
        stored: set[UpdateId] = set()
        has_failed = False
        for update in updates:
            if has_failed and (await self._reader.screened(update)).crisis_response is None:
                continue
            if await self._is_received(update):
                stored.add(update.update_id)
            else:
                has_failed = True
        return stored

    async def _is_received(self, received: Received) -> bool:
        try:
            await self._receive(received)
        except Exception as error:
            log.error("intake_failed", error=type(error).__name__)
            return False
        return True

    async def _are_received(self, page: Sequence[Received]) -> bool:
        """Store a page in one transaction, and return False if it was rolled back."""
        try:
            await self._store(page, STORE_S)
        except Exception as error:
            log.warning("page_not_stored", error=type(error).__name__)
            return False
        return True

    async def _receive(self, received: Received) -> None:
        limit_s = STORE_S if received.crisis_response is None else self._grave_s
        try:
            await self._store([received], limit_s)
        except Exception as error:
            received = await self._reader.screened(received)
            if await self._ends_as_unstorable(received, error):
                return
            await self._answer_unstored(received)
            raise

    async def _store(self, page: Sequence[Received], limit_s: float) -> None:
        """Store updates in one transaction, and hand them on after it."""
        async with asyncio.timeout(limit_s), self._database.begin() as transaction:
            stored = await self._writer.write(transaction, page)
        for received, outcome in zip(page, stored, strict=True):
            self._hand_on(received, outcome)

    async def resume(self) -> int:
        """Let lanes read all open updates after a start, and return how many there are.

        Each lane screens its own stored updates, so that people do not wait for each other.
        """
        async with self._database.read() as transaction:
            counts = await inbox_queue.open_owners(transaction)
        for person_id in counts:
            self._lanes.reload(person_id)
        return sum(counts.values())

    @property
    def is_busy(self) -> bool:
        """Whether any stored text waits to be screened."""
        return self._late_screening.is_busy

    async def aclose(self) -> None:
        """Stop screening. What is stored is read after the next start."""
        await self._late_screening.aclose()

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
            received.parsed,
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
                    level=int(received.screening.level) if received.screening else 0,
                    ended_as=Ended.DEAD,
                    reason="unstorable",
                )
        except Exception:  # storage is away
            return False
        await self._answer_unstored(received)
        self._failures.pop(received.update_id, None)
        self._metrics.ends.labels(Ended.DEAD).inc()
        return True

    def _hand_on(self, received: Received, stored: StoredUpdate) -> None:
        """Count a stored update and give it to its lane, unless it has ended."""
        self._failures.pop(received.update_id, None)
        self._metrics.updates.labels(received.parsed.kind).inc()
        if received.parsed.text and received.screening is not None:
            self._metrics.screenings.labels(int(received.screening.level)).inc()
        if stored.is_repeat:
            return
        self._fallback_reply.forget(received.update_id)
        ended, person = stored.ended, stored.person
        if ended is None and person is not None:
            self._fallback_reply.remember_person(person)
            ended = Ended.ANSWERED if received.crisis_response is not None else None
        if ended is not None:
            self._metrics.ends.labels(ended).inc()
        elif received.screening is None and person is not None:
            self._late_screening.begin(received, person)
        else:
            self._lanes.add(received.arrival(person))
