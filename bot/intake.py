"""Intake: an update is screened, stored, and only then confirmed and handed on.

Knows nothing of how updates arrive (poll or webhook) nor of what a reply says. The
caller confirms an update to Telegram after `receive` has returned; if it raises,
the update stays unconfirmed and comes again.
"""

import json
from collections.abc import Callable
from datetime import datetime

import structlog
from telegram import Bot, Update

from bot import updates
from bot.crisis import Crisis
from bot.lanes import Arrival, Lanes
from bot.metrics import Metrics
from bot.texts import language_of
from bot.updates import Kind, Reading
from safety.policy import respond
from safety.screen import Screener, Screening
from storage import Database, Transaction, inbox, people
from storage.ids import UpdateId
from storage.inbox import Ended
from storage.people import Person

log = structlog.get_logger(__name__)
PAYLOAD_LIMIT = 64_000
ENDS_AT_ONCE = {Kind.OTHER: "not_for_us", Kind.GROUP: "group", Kind.MALFORMED: "malformed"}


class Intake:
    """The one entrance for updates."""

    def __init__(
        self,
        *,
        database: Database,
        bot: Bot,
        screener: Screener,
        crisis: Crisis,
        lanes: Lanes,
        metrics: Metrics,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._bot = bot
        self._screener = screener
        self._crisis = crisis
        self._lanes = lanes
        self._metrics = metrics
        self._now = now

    async def receive(self, raw: object) -> None:
        """Take one update as Telegram sent it; a repeat does nothing.

        Raises:
            Exception: the update could not be stored, and must come again.
        """
        update_id = updates.update_id_of(raw)
        if update_id is None:
            log.warning("update_without_id")
            return
        update, reading = self._parse(raw)
        screening = self._screener.screen(reading.text)
        self._metrics.updates.labels(reading.kind).inc()
        if reading.text:
            self._metrics.screenings.labels(int(screening.level)).inc()
        arrival = await self._store(UpdateId(update_id), raw, update, reading, screening)
        if arrival is not None:
            self._lanes.add(arrival)

    async def resume(self) -> int:
        """After a start: take up every update without an end; return how many."""
        async with self._database.read() as transaction:
            rows = await inbox.open_rows(transaction)
        for row in rows:
            await self.readmit(row)
        return len(rows)

    async def readmit(self, row: inbox.OpenRow) -> None:
        """Hand a stored update to its lane again."""
        update, reading = self._parse(json.loads(row.payload))
        screening = self._screener.screen(reading.text)
        if update is not None:
            self._lanes.add(
                Arrival(row.update_id, row.person_id, reading.kind, update, reading.text, screening)
            )

    def _parse(self, raw: object) -> tuple[Update | None, Reading]:
        try:
            update = Update.de_json(raw, self._bot)  # type: ignore[arg-type]
            reading = updates.read(update)
            json.dumps(raw, ensure_ascii=False).encode()  # lone surrogates cannot be stored
        except Exception as error:  # any shape of garbage may come
            log.warning("update_malformed", error=type(error).__name__)
            return None, updates.salvage(raw)
        return update, reading

    async def _store(
        self,
        update_id: UpdateId,
        raw: object,
        update: Update | None,
        reading: Reading,
        screening: Screening,
    ) -> Arrival | None:
        now = self._now()
        response = respond(screening)
        grave = response is not None and response.opens_case
        async with self._database.begin() as transaction:
            if await inbox.knows(transaction, update_id):
                return None
            person = await self._person(transaction, reading, now)
            reason = None if grave else self._ends_at_once(update, reading)
            ended = _end_of(reading) if reason else None
            await inbox.add(
                transaction,
                update_id,
                kind=reading.kind,
                payload=json.dumps(raw, ensure_ascii=False)[:PAYLOAD_LIMIT],
                person_id=person.person_id if person else None,
                level=int(screening.level),
                categories=",".join(screening.categories),
                now=now,
                ended_as=ended,
                reason=reason,
            )
            if ended:
                self._metrics.ends.labels(ended).inc()
                return None
            if grave and person is not None:
                await self._crisis.answer(
                    transaction, person, [update_id], reading.text, screening, now=now
                )
        if grave and person is not None:
            self._crisis.after(person.person_id)
            self._metrics.ends.labels(Ended.ANSWERED).inc()
            return None
        assert update is not None
        person_id = person.person_id if person else None
        epoch = person.epoch if person else None
        return Arrival(update_id, person_id, reading.kind, update, reading.text, screening, epoch)

    async def _person(
        self, transaction: Transaction, reading: Reading, now: datetime
    ) -> Person | None:
        if reading.telegram_id is None or reading.kind is Kind.OTHER:
            return None
        known = await people.by_telegram_id(transaction, reading.telegram_id)
        if known or reading.kind is Kind.MEMBERSHIP:
            return known
        if reading.kind is Kind.MALFORMED and not reading.text:
            return None
        language = language_of(reading.language_code)
        return await people.get_or_create(
            transaction, reading.telegram_id, language=language, now=now
        )

    def _ends_at_once(self, update: Update | None, reading: Reading) -> str | None:
        return ENDS_AT_ONCE.get(reading.kind) if update is not None else "malformed"


def _end_of(reading: Reading) -> Ended:
    return Ended.DEAD if reading.kind is Kind.MALFORMED else Ended.IGNORED
