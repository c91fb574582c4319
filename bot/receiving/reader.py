"""The reader of updates, which parses and screens what Telegram sent or the inbox holds."""

import asyncio
import json
from dataclasses import dataclass, replace

import structlog
from telegram import Update

from bot.context import Context
from bot.crisis.screening import MOST_AT_ONCE, SafeScreener
from bot.operators.chat import OperatorsChat
from bot.receiving.lanes import MOST_QUEUED
from bot.updates import parsing
from bot.updates.arrivals import Arrival
from bot.updates.attached import attached_words
from bot.updates.layers import LayeredReader
from bot.updates.parsing import ParsedUpdate, UpdateKind
from bot.updates.quotes import Quote
from safety.response.policy import Response, respond
from safety.screening.levels import Level
from safety.screening.outcome import Screening, merge
from storage.companion.people import Person
from storage.ids import PersonId, UpdateId
from storage.messages import inbox, inbox_queue
from storage.messages.inbox import Ended

log = structlog.get_logger(__name__)
MOST_READS = 4
# What becomes words if something beside the text raises the level.
WORDLESS = (UpdateKind.UNREADABLE, UpdateKind.OTHER)


@dataclass(frozen=True, slots=True)
class Received:
    """A parsed and screened update that is not stored yet.

    Attributes:
        update: the library's object, or None if the library cannot parse the update.
        screening: None for a person's long text, which their lane screens.
        crisis_response: the response to a message of level 3 or 4 in a private chat, or None.
    """

    update_id: UpdateId
    raw: object
    update: Update | None
    parsed: ParsedUpdate
    screening: Screening | None
    crisis_response: Response | None

    def arrival(self, person: Person | None) -> Arrival:
        """Return the update as its lane takes it, once it is stored and screened."""
        assert self.update is not None  # or it has ended
        assert self.screening is not None
        return Arrival(
            self.update_id,
            person.person_id if person else None,
            self.parsed.kind,
            self.update,
            self.parsed.text,
            self.screening,
            self.parsed.source,
            person.epoch if person else None,
            quote=self.parsed.quote,
        )


class UpdateReader:
    """Reads updates."""

    def __init__(
        self, context: Context, screener: SafeScreener, operators_chat: OperatorsChat
    ) -> None:
        self._database = context.database
        self._bot = context.bot
        self._metrics = context.metrics
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
        received = Received(UpdateId(update_id), raw, update, parsed, None, None)
        # A long text is stored first, so that nobody else waits until it is screened.
        is_late = update is not None and parsed.telegram_id is not None
        is_late = is_late and len(parsed.text) > MOST_AT_ONCE
        return received if is_late else await self.screened(received)

    async def screened(self, received: Received) -> Received:
        """Return an update with its screening."""
        if received.screening is not None:
            return received
        parsed, screening = await self._screened(received.raw, received.parsed)
        response = respond(screening)
        if response is not None and (not response.blocks_model or parsed.telegram_id is None):
            response = None
        return replace(received, parsed=parsed, screening=screening, crisis_response=response)

    async def read_stored(self, person_id: PersonId | None) -> list[Arrival]:
        """Read the open updates of a lane. An update that is no longer readable ends as dead."""
        async with self._reads:
            while True:
                async with self._database.read() as transaction:
                    rows = await inbox_queue.open_rows_of(
                        transaction, person_id, limit=MOST_QUEUED + 1
                    )
                parsed = [await self._arrival(row) for row in rows]
                arrivals = [arrival for arrival in parsed if arrival is not None]
                if len(arrivals) == len(rows):
                    return arrivals

    async def _arrival(self, row: inbox_queue.OpenRow) -> Arrival | None:
        await asyncio.sleep(0)  # many rows must not block the event loop
        raw = json.loads(row.payload)
        update, parsed = self._parse(raw)
        if update is None:  # only an older version could read it
            async with self._database.begin() as transaction:
                await inbox.end(transaction, [row.update_id], Ended.DEAD, reason="malformed")
            return None
        parsed, screening = await self._screened(raw, parsed)
        if row.level == inbox.NOT_SCREENED:
            self._metrics.screenings.labels(int(screening.level)).inc()
            async with self._database.begin() as transaction:
                await inbox.set_level(transaction, row.update_id, int(screening.level))
        return Arrival(
            row.update_id,
            row.person_id,
            parsed.kind,
            update,
            parsed.text,
            screening,
            parsed.source,
            quote=parsed.quote,
        )

    async def _screened(self, raw: object, parsed: ParsedUpdate) -> tuple[ParsedUpdate, Screening]:
        """Screen the text, its quote and what is written beside it, which only raise the level.

        Words beside it that raise it become a part of the text. A message without text is then one
        of words.
        """
        screening = await self._screener.screen_async(parsed.text)
        if parsed.telegram_id is None:
            return parsed, screening
        if parsed.quote is not None:
            parsed, screening = await self._with_quote(parsed, parsed.quote, screening)
        words = attached_words(raw)
        if not words:
            return parsed, screening
        beside = await self._screener.screen_async(words)
        if beside.level < _least(parsed) or beside.level <= screening.level:
            return parsed, screening
        kind = UpdateKind.WORDS if parsed.kind in WORDLESS else parsed.kind
        text = "\n".join(part for part in (parsed.text, words) if part)
        return replace(parsed, kind=kind, text=text), merge([screening, beside])

    async def _with_quote(
        self, parsed: ParsedUpdate, quote: Quote, screening: Screening
    ) -> tuple[ParsedUpdate, Screening]:
        """Screen quoted words. A reply to a message asks a gentle question at most."""
        if quote.is_bots:
            return parsed, screening
        quoted = await self._screener.screen_async(quote.words)
        if not quote.is_chosen and quoted.level > Level.PASSIVE:
            quoted = replace(quoted, level=Level.PASSIVE)
        if quoted.level < _least(parsed) or quoted.level <= screening.level:
            return parsed, screening
        if parsed.kind in WORDLESS:
            parsed = replace(parsed, kind=UpdateKind.WORDS, text=quote.words, quote=None)
        return parsed, merge([screening, quoted])

    def _parse(self, raw: object) -> tuple[Update | None, ParsedUpdate]:
        reader = LayeredReader(self._bot)
        try:
            update = reader.read(raw)
            if update is not None:
                self._operators_chat.follow_migration(update)
                parsed = parsing.parse(update, self._operators_chat.id, raw)
        except Exception as error:  # any shape of garbage may come
            log.warning("update_malformed", error=type(error).__name__)
            update = None
        for part in reader.dropped:
            self._metrics.dropped_parts.labels(part).inc()
        if reader.dropped:
            log.warning("update_parts_dropped", parts=sorted(set(reader.dropped)))
        return (None, parsing.parse_leniently(raw)) if update is None else (update, parsed)


def _least(parsed: ParsedUpdate) -> Level:
    """Return the level from which on what is beside the text counts."""
    return Level.ACTIVE if parsed.kind is UpdateKind.COMMAND else Level.PASSIVE
