"""Long texts, which are stored first and screened after that, so that nobody waits for them."""

import asyncio
from collections import deque

import structlog

from bot.context import Context
from bot.receiving.inbox_writer import InboxWriter
from bot.receiving.lanes import Lanes
from bot.receiving.reader import Received, UpdateReader
from storage.companion.people import Person
from storage.ids import PersonId
from storage.messages.inbox import Ended

log = structlog.get_logger(__name__)
# One person's texts that wait here. Their lane screens what comes beyond them.
MOST_EACH = 20


class LateScreening:
    """Screens stored texts, answers those at risk at once, and hands the others to their lane.

    Each person has a queue and one text under way, so that nobody waits behind another's many.
    """

    def __init__(
        self, context: Context, *, reader: UpdateReader, writer: InboxWriter, lanes: Lanes
    ) -> None:
        self._database = context.database
        self._metrics = context.metrics
        self._reader = reader
        self._writer = writer
        self._lanes = lanes
        self._queues: dict[PersonId, deque[tuple[Received, Person]]] = {}
        self._left: set[PersonId] = set()  # who has further texts in SQL
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, received: Received, person: Person) -> None:
        """Screen a text that is stored, after the earlier ones of its person."""
        person_id = person.person_id
        queue = self._queues.get(person_id)
        if queue is None:
            queue = self._queues[person_id] = deque()
            task = asyncio.create_task(self._run(person_id, queue), name="late-screening")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if len(queue) < MOST_EACH and person_id not in self._left:
            queue.append((received, person))
        else:
            self._left.add(person_id)

    @property
    def is_busy(self) -> bool:
        """Whether any text is being screened."""
        return bool(self._tasks)

    async def aclose(self) -> None:
        """Stop. Texts that are not screened are read after the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, person_id: PersonId, queue: deque[tuple[Received, Person]]) -> None:
        try:
            while queue:
                await self._screen(*queue.popleft())
        except Exception as error:  # the database is away: the lane tries again
            log.error("late_screening_failed", error=type(error).__name__)
            self._left.add(person_id)
        finally:
            del self._queues[person_id]
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
