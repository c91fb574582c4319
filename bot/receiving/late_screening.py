"""Long texts, which are stored first and screened after that, so that nobody waits for them."""

import asyncio
from collections import Counter

import structlog

from bot.context import Context
from bot.receiving.inbox_writer import InboxWriter
from bot.receiving.lanes import Lanes
from bot.receiving.reader import Received, UpdateReader
from storage.companion.people import Person
from storage.ids import PersonId
from storage.messages.inbox import Ended

log = structlog.get_logger(__name__)
# One person's texts that wait here. Their lane screens the others, one after the other.
MOST_EACH = 2


class LateScreening:
    """Screens stored texts, answers those at risk at once, and hands the others to their lane."""

    def __init__(
        self, context: Context, *, reader: UpdateReader, writer: InboxWriter, lanes: Lanes
    ) -> None:
        self._database = context.database
        self._metrics = context.metrics
        self._reader = reader
        self._writer = writer
        self._lanes = lanes
        self._waiting: Counter[PersonId] = Counter()
        self._left: set[PersonId] = set()  # who has further texts in SQL
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, received: Received, person: Person) -> None:
        """Screen a text that is stored, unless its person has too many."""
        person_id = person.person_id
        if self._waiting[person_id] >= MOST_EACH:
            self._left.add(person_id)
            return
        self._waiting[person_id] += 1
        task = asyncio.create_task(self._run(received, person), name="late-screening")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def is_busy(self) -> bool:
        """Whether any text is being screened."""
        return bool(self._tasks)

    async def aclose(self) -> None:
        """Stop. Texts that are not screened are read after the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, received: Received, person: Person) -> None:
        person_id = person.person_id
        try:
            await self._screen(received, person)
        except Exception as error:  # the database is away: the lane tries again
            log.error("late_screening_failed", error=type(error).__name__)
            self._left.add(person_id)
        finally:
            self._waiting[person_id] -= 1
            if not self._waiting[person_id]:
                del self._waiting[person_id]
                if person_id in self._left:
                    self._left.discard(person_id)
                    self._lanes.reload(person_id)

    async def _screen(self, received: Received, person: Person) -> None:
        screened = await self._reader.screened(received)
        assert screened.screening is not None
        self._metrics.screenings.labels(int(screened.screening.level)).inc()
        async with self._database.begin() as transaction:
            ended = await self._writer.screen_late(transaction, screened)
        if ended is None:
            self._lanes.add(screened.arrival(person))
        elif ended is Ended.ANSWERED:
            self._metrics.ends.labels(ended).inc()
