"""The reader of updates: what Telegram sent or the inbox holds, parsed and screened."""

import asyncio
import json
from dataclasses import dataclass

import structlog
from telegram import Update

from bot.context import Context
from bot.crisis.screening import SafeScreener
from bot.operators.chat import OperatorsChat
from bot.receiving.lanes import MOST_QUEUED
from bot.updates import parsing
from bot.updates.arrivals import Arrival
from bot.updates.parsing import ParsedUpdate
from safety.response.policy import Response, respond
from safety.screening.screener import Screening
from storage.ids import PersonId, UpdateId
from storage.messages import inbox
from storage.messages.inbox import Ended

log = structlog.get_logger(__name__)
MOST_READS = 4


@dataclass(frozen=True, slots=True)
class Received:
    """An update as read and screened, before storage.

    Attributes:
        update: the library's object, or None if it cannot read the update.
        crisis_response: what a message at risk in a private chat asks for, or None.
    """

    update_id: UpdateId
    raw: object
    update: Update | None
    parsed: ParsedUpdate
    screening: Screening
    crisis_response: Response | None


class UpdateReader:
    """Reads updates."""

    def __init__(
        self, context: Context, screener: SafeScreener, operators_chat: OperatorsChat
    ) -> None:
        self._database = context.database
        self._bot = context.bot
        self._screener = screener
        self._operators_chat = operators_chat
        self._reads = asyncio.Semaphore(MOST_READS)

    async def read(self, raw: object) -> Received | None:
        """Read an update as Telegram sent it. Returns None if it has no id."""
        update_id = parsing.update_id_of(raw)
        if update_id is None:
            log.warning("update_without_id")
            return None
        update, reading = self._parse(raw)
        screening = await self._screener.screen_async(reading.text)
        response = respond(screening)
        is_grave = (
            response is not None and response.blocks_model and reading.telegram_id is not None
        )
        return Received(
            UpdateId(update_id), raw, update, reading, screening, response if is_grave else None
        )

    async def read_stored(self, person_id: PersonId | None) -> list[Arrival]:
        """Read what is stored for a lane. What can no longer be read ends."""
        async with self._reads:
            while True:
                async with self._database.read() as transaction:
                    rows = await inbox.open_rows_of(transaction, person_id, limit=MOST_QUEUED + 1)
                found = [await self._arrival(row) for row in rows]
                arrivals = [arrival for arrival in found if arrival is not None]
                if len(arrivals) == len(rows):
                    return arrivals

    async def _arrival(self, row: inbox.OpenRow) -> Arrival | None:
        await asyncio.sleep(0)  # many rows hold nobody else up
        update, reading = self._parse(json.loads(row.payload))
        if update is None:  # an older version could read it
            async with self._database.begin() as transaction:
                await inbox.end(transaction, [row.update_id], Ended.DEAD, reason="malformed")
            return None
        screening = await self._screener.screen_async(reading.text)
        return Arrival(row.update_id, row.person_id, reading.kind, update, reading.text, screening)

    def _parse(self, raw: object) -> tuple[Update | None, ParsedUpdate]:
        try:
            update = Update.de_json(raw, self._bot)  # type: ignore[arg-type]
            self._operators_chat.follow_migration(update)
            reading = parsing.parse(update, self._operators_chat.id)
        except Exception as error:  # any shape of garbage may come
            log.warning("update_malformed", error=type(error).__name__)
            return None, parsing.parse_leniently(raw)
        return update, reading
