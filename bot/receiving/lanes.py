"""Lanes: a queue of updates per person, so that replies keep their order.

Updates of one person are handled in the order of their ids, also if they arrive out of order.
Messages are merged into a burst after a moment of silence. A message that comes before any of the
reply was shown joins the question. Commands and buttons wait, but `/new` and `/stop` interrupt the
running reply, and a request for a human or for numbers overtakes it.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog

from bot.crisis.safe_mode import ModelSilenced
from bot.updates.arrivals import Arrival, Burst, Unit
from bot.updates.parsing import UpdateKind, is_edited_command, is_request, is_stop
from storage.database.events import PersonInterrupted, UpdatesReleased
from storage.ids import PersonId, UpdateId

log = structlog.get_logger(__name__)
MOST_MERGED = 20
# A burst of this many characters takes no further message.
MOST_LETTERS = 8_192
LONGEST_BURST_S = 8.0
# A lane holds this many updates in memory. More wait in SQL.
MOST_QUEUED = 200
# The lane of updates without a person.
NO_PERSON = -1

Handle = Callable[[Unit], Coroutine[Any, Any, None]]
ReadStored = Callable[[PersonId | None], Awaitable[Sequence[Arrival]]]


@dataclass(slots=True)
class _Lane:
    queue: deque[Arrival] = field(default_factory=deque)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    running: asyncio.Task[None] | None = None
    unit: Unit | None = None
    has_stored: bool = False  # more updates wait in SQL
    is_reading: bool = False
    known: set[UpdateId] = field(default_factory=set)  # the updates read from SQL


class Lanes:
    """All lanes. A lane exists only while it has work.

    Args:
        handle: handles a unit until it has an end.
        read_stored: reads a person's open updates in order, at least one more than a lane holds.
        burst_window_s: the silence that ends a burst.
        reorder_s: the silence before an update that is not a message, if updates may overtake
            each other.
    """

    def __init__(
        self,
        handle: Handle,
        *,
        read_stored: ReadStored,
        burst_window_s: float,
        reorder_s: float = 0.0,
    ) -> None:
        self._handle = handle
        self._read_stored = read_stored
        self._window_s = burst_window_s
        self._reorder_s = reorder_s
        self._lanes: dict[int, _Lane] = {}
        self._beside: set[asyncio.Task[None]] = set()
        self._closing = False

    def add(self, arrival: Arrival) -> None:
        """Queue an update. If the lane is full, the update stays in SQL until there is room."""
        if self._closing:
            return
        key, lane = self._lane(arrival.person_id)
        if arrival.update_id in lane.known:
            return
        if len(lane.queue) >= MOST_QUEUED or lane.is_reading or lane.has_stored:
            lane.has_stored = True  # or it would overtake the updates in SQL
            return
        if isinstance(lane.unit, Burst) and is_request(arrival.update):
            self._handle_beside(arrival)
            return
        _put_in_order(lane.queue, [arrival])
        lane.arrived.set()
        if lane.running is not None and _ends_running(lane.unit, arrival):
            lane.running.cancel()
        self._start(key, lane)

    def _handle_beside(self, arrival: Arrival) -> None:
        """Handle a request for a human or for numbers at once, while a reply is written."""
        task = asyncio.create_task(self._handle(arrival), name="lane-request")
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    def on_released(self, released: UpdatesReleased) -> None:
        """Read the updates that waited for a person's consent."""
        self.reload(released.person_id)

    def reload(self, person_id: PersonId | None) -> None:
        """Let a lane read its updates from SQL before it takes newer ones."""
        if self._closing:
            return
        key, lane = self._lane(person_id)
        lane.has_stored = True
        self._start(key, lane)

    def cancel(self, interrupted: PersonInterrupted) -> None:
        """Interrupt the running reply, unless it caused the event itself."""
        lane = self._lanes.get(interrupted.person_id)
        if lane is None or lane.running is None or lane.running is asyncio.current_task():
            return
        lane.running.cancel()

    def cancel_all(self, _silenced: ModelSilenced) -> None:
        """Interrupt all running replies, because the model must be silent."""
        for lane in self._lanes.values():
            if lane.running is not None and isinstance(lane.unit, Burst):
                lane.running.cancel()

    @property
    def depth(self) -> int:
        """The number of updates that wait in lanes."""
        return sum(len(lane.queue) for lane in self._lanes.values())

    @property
    def is_busy(self) -> bool:
        """Whether any lane has work."""
        return bool(self._lanes or self._beside)

    async def aclose(self, *, grace_s: float = 0.0) -> None:
        """Stop. Open updates are handled after the next start.

        Args:
            grace_s: the time that running units get to end.
        """
        self._closing = True
        running = [lane.running for lane in self._lanes.values() if lane.running]
        if running and grace_s > 0:
            await asyncio.wait(running, timeout=grace_s)
        tasks = [lane.task for lane in self._lanes.values() if lane.task] + [*self._beside]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _lane(self, person_id: PersonId | None) -> tuple[int, _Lane]:
        key = person_id if person_id is not None else NO_PERSON
        return key, self._lanes.setdefault(key, _Lane())

    def _start(self, key: int, lane: _Lane) -> None:
        if lane.task is None:
            lane.task = asyncio.create_task(self._run(key, lane), name=f"lane-{key}")

    async def _run(self, key: int, lane: _Lane) -> None:
        try:
            while not self._closing and (lane.queue or await self._read(key, lane)):
                lane.unit = await self._next(lane)
                if self._closing:  # the burst may not be complete
                    break
                if isinstance(lane.unit, Burst) and any(map(_interrupts, lane.queue)):
                    self._requeue(lane)
                    continue
                lane.running = asyncio.create_task(self._handle(lane.unit))
                try:
                    await lane.running
                except asyncio.CancelledError:
                    if not lane.running.done() or self._closing:
                        lane.running.cancel()
                        with suppress(asyncio.CancelledError):
                            await lane.running
                        raise
                    self._requeue(lane)
                finally:
                    lane.running = None
                    lane.unit = None
        finally:
            lane.task = None
            if not lane.queue or self._closing:
                self._lanes.pop(key, None)

    async def _read(self, key: int, lane: _Lane) -> bool:
        """Read updates from SQL, and return whether there are any."""
        while lane.has_stored:
            lane.is_reading = True
            lane.has_stored = False
            try:
                stored = await self._read_stored(None if key == NO_PERSON else PersonId(key))
            except Exception as error:  # the database is away
                log.error("lane_read_failed", error=type(error).__name__)
                lane.has_stored = True
                await asyncio.sleep(1)
            else:
                lane.queue.extend(stored[:MOST_QUEUED])
                lane.known = {arrival.update_id for arrival in lane.queue}
                lane.has_stored |= len(stored) > MOST_QUEUED
                if lane.queue:
                    break
            finally:
                lane.is_reading = False
        return bool(lane.queue)

    def _requeue(self, lane: _Lane) -> None:
        # The person has not seen any of the reply, so its messages join the newer ones. After a
        # crisis their turn finds that the epoch has risen. `/new` ends the rows before it itself.
        ends = [arrival.update_id for arrival in lane.queue if _interrupts(arrival)]
        if isinstance(lane.unit, Burst):
            last = max(ends, default=-1)
            _put_in_order(lane.queue, [a for a in lane.unit.arrivals if a.update_id > last])
        elif lane.unit is not None:  # a button still needs an end
            lane.queue.appendleft(lane.unit)

    async def _next(self, lane: _Lane) -> Unit:
        """Take the next unit from the queue: a burst, or one update of another kind."""
        first = lane.queue[0]
        is_album = first.kind is UpdateKind.UNREADABLE and first.album_id is not None
        if is_album:  # words may be under a later picture
            await self._await_message(lane, self._window_s)
        elif not _is_message(first) and self._reorder_s:
            await self._await_message(lane, self._reorder_s)
        first = lane.queue.popleft()
        if first.person_id is None or not (
            _is_message(first) or (lane.queue and _are_one_album(first, lane.queue[0]))
        ):
            return first
        burst = Burst(first.person_id, [first])
        deadline = asyncio.get_running_loop().time() + LONGEST_BURST_S
        letters = len(first.text)
        while len(burst.arrivals) < MOST_MERGED:
            left_s = deadline - asyncio.get_running_loop().time()
            if not lane.queue and not await self._await_message(lane, min(self._window_s, left_s)):
                break
            letters += len(lane.queue[0].text)
            if letters > MOST_LETTERS or not _joins(burst, lane.queue[0]):
                break
            burst.arrivals.append(lane.queue.popleft())
        if lane.queue and lane.queue[0].update_id < first.update_id:  # it was overtaken
            _put_in_order(lane.queue, burst.arrivals)
            return lane.queue.popleft()
        burst.arrivals.sort(key=_number)
        return burst

    async def _await_message(self, lane: _Lane, seconds: float) -> bool:
        """Wait for another message, and return False after a silence."""
        lane.arrived.clear()
        if seconds <= 0:
            return False
        try:
            async with asyncio.timeout(seconds):  # wait_for can swallow a cancellation
                await lane.arrived.wait()
        except TimeoutError:
            return False
        return True


def _number(arrival: Arrival) -> UpdateId:
    return arrival.update_id


def _put_in_order(queue: deque[Arrival], arrivals: Sequence[Arrival]) -> None:
    """Put updates into a queue by their ids."""
    for arrival in arrivals:
        place = len(queue)
        while place and queue[place - 1].update_id > arrival.update_id:
            place -= 1
        queue.insert(place, arrival)


def _is_message(arrival: Arrival) -> bool:
    is_text = arrival.kind in (UpdateKind.WORDS, UpdateKind.EDIT)
    return is_text and not is_edited_command(arrival.update)


def _are_one_album(one: Arrival, other: Arrival) -> bool:
    return _is_message(other) and one.album_id is not None and one.album_id == other.album_id


def _joins(burst: Burst, arrival: Arrival) -> bool:
    """Return whether a message belongs to a burst, which has one topic."""
    return _is_message(arrival) and arrival.thread_id == burst.thread_id


def _ends_running(unit: Unit | None, arrival: Arrival) -> bool:
    if not isinstance(unit, Burst):
        return False
    if arrival.kind is UpdateKind.COMMAND:
        return _interrupts(arrival)
    return _is_message(arrival) and not unit.shown


def _interrupts(arrival: Arrival) -> bool:
    if arrival.kind is not UpdateKind.COMMAND:
        return False
    return is_stop(arrival.text) or arrival.text.split("@")[0].split()[0] == "/new"
