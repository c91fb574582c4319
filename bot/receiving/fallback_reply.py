"""The fallback reply: the fixed reply to a message at risk while the database is away.

It is the only message that does not go through the outbox. Telegram sends the update again until it
can be stored. A spool on disk remembers the answered updates, so that each gets one reply.
"""

import json
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from bot.context import Context
from bot.crisis.response import CrisisResponder
from bot.transport.errors import Failure, SendError
from bot.transport.telegram_client import parts_of, send_part
from bot.updates.parsing import ParsedUpdate
from safety.response.policy import Response
from storage import StorageError
from storage.companion.people import Person
from storage.messages.body import MessageBody
from storage.upkeep.sealed_file import replacing

log = structlog.get_logger(__name__)
SPOOL = "emergency.json"
MOST_KNOWN = 20_000
MOST_SPOOLED = 10_000
FINAL = (Failure.BLOCKED, Failure.UNREACHABLE, Failure.REFUSED)
LONGEST_WAIT_S = 60.0


@dataclass(slots=True)
class _Tries:
    """The progress of one reply: parts sent, failures, and the time of the next try."""

    parts: int = 0
    failures: int = 0
    not_before: float = 0.0
    is_over: bool = False


class FallbackReply:
    """Sends fallback replies, one per update, without storage."""

    def __init__(
        self,
        context: Context,
        crisis: CrisisResponder,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bot = context.bot
        self._limiter = context.limiter
        self._metrics = context.metrics
        self._crisis = crisis
        self._spool = context.settings.data_dir / SPOOL
        self._answered: OrderedDict[int, None] = OrderedDict.fromkeys(_read(self._spool))
        self._clock = clock
        self._sending: set[int] = set()
        self._tries: OrderedDict[int, _Tries] = OrderedDict()
        self._people: OrderedDict[int, tuple[str, str | None]] = OrderedDict()

    def remember_person(self, person: Person) -> None:
        """Remember a person's language and region for their help lines."""
        self._people[person.telegram_id] = (person.language, person.region)
        self._people.move_to_end(person.telegram_id)
        while len(self._people) > MOST_KNOWN:
            self._people.popitem(last=False)

    def has_answered(self, update_id: int) -> bool:
        """Return whether this update got a fallback reply."""
        return update_id in self._answered

    async def answer(
        self,
        update_id: int,
        telegram_id: int,
        language: str,
        response: Response,
        parsed: ParsedUpdate,
    ) -> None:
        """Send the fixed reply unless it was sent. A failure is tried again with the update."""
        tries = self._tries.get(update_id) or _Tries()
        is_waiting = tries.is_over or self._clock() < tries.not_before
        if update_id in self._answered or update_id in self._sending or is_waiting:
            return
        self._sending.add(update_id)
        language, region = self._people.get(telegram_id, (language, None))
        body = MessageBody(self._crisis.fixed_reply(language, region, response, parsed.text))
        thread_id = parsed.source.thread_id if parsed.source else None
        try:
            await self._limiter.wait(telegram_id)
            for part in range(tries.parts, len(parts_of(body))):
                await send_part(self._bot, telegram_id, body, part, thread_id=thread_id)
                tries.parts = part + 1
        except SendError as error:
            self._record_failure(update_id, tries, error)
        else:
            self._tries.pop(update_id, None)
            self._remember(update_id)
            self._metrics.sends.labels("emergency", "sent").inc()
        finally:
            self._sending.discard(update_id)

    def _record_failure(self, update_id: int, tries: _Tries, error: SendError) -> None:
        """Record a failed attempt, and set the time of the next."""
        tries.is_over = error.failure in FINAL
        wait_s = min(2.0 ** min(tries.failures, 6), LONGEST_WAIT_S)
        tries.not_before = self._clock() + (error.retry_after_s or wait_s)
        tries.failures += 1
        if tries.failures == 1 or tries.is_over:
            log.error("emergency_send_failed", error=error.name)
        self._metrics.sends.labels("emergency", str(error.failure)).inc()
        self._tries[update_id] = tries
        while len(self._tries) > MOST_SPOOLED:
            self._tries.popitem(last=False)

    def forget(self, update_id: int) -> None:
        """Forget an update, which is stored now."""
        self._tries.pop(update_id, None)
        if update_id in self._answered:
            del self._answered[update_id]
            self._write()

    def _remember(self, update_id: int) -> None:
        self._answered[update_id] = None
        while len(self._answered) > MOST_SPOOLED:
            self._answered.popitem(last=False)
        self._write()

    def _write(self) -> None:
        """Rewrite the spool. If the disk refuses it, memory still has the ids."""
        try:
            with replacing(self._spool) as file:
                file.write(json.dumps(list(self._answered)).encode())
        except StorageError as error:
            log.error("emergency_spool_failed", error=type(error.__cause__).__name__)


def _read(spool: Path) -> list[int]:
    try:
        numbers = json.loads(spool.read_text())
    except (OSError, ValueError):
        return []
    return [number for number in numbers if isinstance(number, int)]
