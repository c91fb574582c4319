"""The emergency sender: a fixed reply to a message at risk when the database is away.

What it has answered is remembered by update id in memory and in a small file that is flushed to
disk, so that a person gets the words once although their update comes again and again until it can
be stored; the case follows then. Words that did not go out are tried again when it comes again,
unless Telegram said for good that it will not take them. It is the one exception to the rule that
words go through the outbox.
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
    """How far the words for one update came: parts sent, failures, when the next try may be."""

    parts: int = 0
    failures: int = 0
    not_before: float = 0.0
    is_over: bool = False


class FallbackReply:
    """Answers at once, once, without storage."""

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
        self._under_way: set[int] = set()
        self._tries: OrderedDict[int, _Tries] = OrderedDict()
        self._people: OrderedDict[int, tuple[str, str | None]] = OrderedDict()

    def remember_person(self, person: Person) -> None:
        """Remember a person's language and region, for numbers they can dial."""
        self._people[person.telegram_id] = (person.language, person.region)
        self._people.move_to_end(person.telegram_id)
        while len(self._people) > MOST_KNOWN:
            self._people.popitem(last=False)

    def has_answered(self, update_id: int) -> bool:
        """Whether this update got its fixed reply while it could not be stored."""
        return update_id in self._answered

    async def answer(
        self, update_id: int, telegram_id: int, language: str, response: Response
    ) -> None:
        """Send the fixed reply, unless it was sent; a failure leaves it to the next attempt."""
        tries = self._tries.get(update_id) or _Tries()
        waits = tries.is_over or self._clock() < tries.not_before
        if update_id in self._answered or update_id in self._under_way or waits:
            return
        self._under_way.add(update_id)
        language, region = self._people.get(telegram_id, (language, None))
        body = MessageBody(self._crisis.fixed_reply(language, region, response))
        try:
            await self._limiter.wait(telegram_id)
            for part in range(tries.parts, len(parts_of(body))):
                await send_part(self._bot, telegram_id, body, part)
                tries.parts = part + 1
        except SendError as error:
            self._note(update_id, tries, error)
        else:
            self._tries.pop(update_id, None)
            self._remember(update_id)
            self._metrics.sends.labels("emergency", "sent").inc()
        finally:
            self._under_way.discard(update_id)

    def _note(self, update_id: int, tries: _Tries, error: SendError) -> None:
        """Keep in mind how an attempt failed; an end for good is told by the outbox later."""
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
        """The update is stored now: it need not be remembered any longer."""
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
        """Write the spool anew, whole; memory keeps what a full disk refuses."""
        try:
            with replacing(self._spool) as file:
                file.write(json.dumps(list(self._answered)).encode())
        except StorageError as error:
            log.error("emergency_spool_failed", error=type(error.__cause__).__name__)


def _read(spool: Path) -> list[int]:
    try:
        found = json.loads(spool.read_text())
    except (OSError, ValueError):
        return []
    return [number for number in found if isinstance(number, int)]
