"""The reader of updates, which parses and screens what Telegram sent or the inbox holds."""

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
from safety.screening.outcome import Screening
from storage.ids import PersonId, UpdateId
from storage.messages import inbox
from storage.messages.inbox import Ended

log = structlog.get_logger(__name__)
MOST_READS = 4


@dataclass(frozen=True, slots=True)
class Received:
    """A parsed and screened update that is not stored yet.

    Attributes:
        update: the library's object, or None if the library cannot parse the update.
        crisis_response: the response to a message of level 3 or 4 in a private chat, or None.
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
        """Read an update from Telegram. Returns None if it has no id."""
        update_id = parsing.update_id_of(raw)
        if update_id is None:
            log.warning("update_without_id")
            return None
        update, parsed = self._parse(raw)
        screening = await self._screener.screen_async(parsed.text)
        response = respond(screening)
        if response is not None and (not response.blocks_model or parsed.telegram_id is None):
            response = None
        return Received(UpdateId(update_id), raw, update, parsed, screening, response)

    async def read_stored(self, person_id: PersonId | None) -> list[Arrival]:
        """Read the open updates of a lane. An update that is no longer readable ends as dead."""
        async with self._reads:
            while True:
                async with self._database.read() as transaction:
                    rows = await inbox.open_rows_of(transaction, person_id, limit=MOST_QUEUED + 1)
                parsed = [await self._arrival(row) for row in rows]
                arrivals = [arrival for arrival in parsed if arrival is not None]
                if len(arrivals) == len(rows):
                    return arrivals

    async def _arrival(self, row: inbox.OpenRow) -> Arrival | None:
        await asyncio.sleep(0)  # many rows must not block the event loop
        update, parsed = self._parse(json.loads(row.payload))
        if update is None:  # only an older version could read it
            async with self._database.begin() as transaction:
                await inbox.end(transaction, [row.update_id], Ended.DEAD, reason="malformed")
            return None
        screening = await self._screener.screen_async(parsed.text)
        return Arrival(row.update_id, row.person_id, parsed.kind, update, parsed.text, screening)

    def _parse(self, raw: object) -> tuple[Update | None, ParsedUpdate]:
        try:
            update = Update.de_json(raw, self._bot)  # type: ignore[arg-type]
            self._operators_chat.follow_migration(update)
            parsed = parsing.parse(update, self._operators_chat.id)
        except Exception as error:  # any shape of garbage may come
            log.warning("update_malformed", error=type(error).__name__)
            return None, parsing.parse_leniently(raw)
        return update, parsed
