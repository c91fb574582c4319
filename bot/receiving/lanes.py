"""Lanes: one per person, so that replies keep their order; many run side by side.

A burst of words is merged after a moment of silence; words that come while a reply is written, but
before any of it was shown, join the question; a command or a button waits for its turn, except that
`/new` and `/stop` cut the running reply short.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from bot.crisis.safe_mode import ModelSilenced
from bot.updates.arrivals import Arrival, Burst, Unit
from bot.updates.parsing import UpdateKind, is_stop
from storage.database.events import PersonInterrupted, UpdatesReleased
from storage.ids import PersonId, UpdateId

log = structlog.get_logger(__name__)
MOST_MERGED = 20
MOST_LETTERS = 8_192
"""Letters from which on a burst takes no further message."""
LONGEST_BURST_S = 8.0
MOST_QUEUED = 200
"""Updates of one person held in memory; more wait in SQL and are read when there is room."""
CUTS_SHORT = ("/new",)


Handle = Callable[[Unit], Awaitable[None]]
ReadStored = Callable[[PersonId | None], Awaitable[Sequence[Arrival]]]
NOBODY = -1
"""The lane of updates that belong to no person."""


@dataclass(slots=True)
class _Lane:
    queue: deque[Arrival] = field(default_factory=deque)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    running: asyncio.Task[None] | None = None
    unit: Unit | None = None
    overflowed: bool = False
    refilling: bool = False
    known: set[UpdateId] = field(default_factory=set)  # those read from SQL


class Lanes:
    """All lanes; one exists only while it has something to do.

    Args:
        handle: brings a unit to its end.
        read_stored: reads a person's stored updates again, in order, some more than a lane holds.
        burst_window_s: the silence after which words are answered.
    """

    def __init__(self, handle: Handle, *, read_stored: ReadStored, burst_window_s: float) -> None:
        self._handle = handle
        self._read_stored = read_stored
        self._window_s = burst_window_s
        self._lanes: dict[int, _Lane] = {}
        self._closing = False

    def add(self, arrival: Arrival) -> None:
        """Queue an update; never refuses (what a full lane leaves out stays in SQL)."""
        if self._closing:
            return
        key, lane = self._lane(arrival.person_id)
        if arrival.update_id in lane.known:
            return
        if len(lane.queue) >= MOST_QUEUED or lane.refilling or lane.overflowed:
            lane.overflowed = True  # it would overtake those that wait in SQL
            return
        lane.queue.append(arrival)
        lane.news.set()
        if lane.running is not None and _ends_running(lane.unit, arrival):
            lane.running.cancel()
        self._start(key, lane)

    def on_released(self, released: UpdatesReleased) -> None:
        """Take up what waited for a person's consent."""
        self.reload(released.person_id)

    def reload(self, person_id: PersonId | None) -> None:
        """Let a lane read what is stored for it, before anything newer."""
        if self._closing:
            return
        key, lane = self._lane(person_id)
        lane.overflowed = True
        self._start(key, lane)

    def cancel(self, interrupted: PersonInterrupted) -> None:
        """Cut the running reply short, unless it is the reply itself that interrupts."""
        lane = self._lanes.get(interrupted.person_id)
        if lane is None or lane.running is None or lane.running is asyncio.current_task():
            return
        lane.running.cancel()

    def cancel_all(self, _silenced: ModelSilenced) -> None:
        """Cut every running reply short: the model must be silent now."""
        for lane in self._lanes.values():
            if lane.running is not None and isinstance(lane.unit, Burst):
                lane.running.cancel()

    @property
    def depth(self) -> int:
        """How many updates wait in lanes."""
        return sum(len(lane.queue) for lane in self._lanes.values())

    @property
    def is_busy(self) -> bool:
        """Whether any lane has work."""
        return bool(self._lanes)

    async def aclose(self, *, grace_s: float = 0.0) -> None:
        """Stop; what has not ended is taken up at the next start.

        Args:
            grace_s: How long what runs now may still go on; nothing else is begun.
        """
        self._closing = True
        running = [lane.running for lane in self._lanes.values() if lane.running]
        if running and grace_s > 0:
            await asyncio.wait(running, timeout=grace_s)
        tasks = [lane.task for lane in self._lanes.values() if lane.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _lane(self, person_id: PersonId | None) -> tuple[int, _Lane]:
        key = person_id if person_id is not None else NOBODY
        return key, self._lanes.setdefault(key, _Lane())

    def _start(self, key: int, lane: _Lane) -> None:
        if lane.task is None:
            lane.task = asyncio.create_task(self._run(key, lane), name=f"lane-{key}")

    async def _run(self, key: int, lane: _Lane) -> None:
        try:
            while not self._closing and (lane.queue or await self._refilled(key, lane)):
                lane.unit = await self._next(lane)
                if self._closing:  # words that were still being gathered
                    break
                if isinstance(lane.unit, Burst) and any(_is_cut(next_) for next_ in lane.queue):
                    continue  # a new session was asked for: `/new` itself ends these rows
                lane.running = asyncio.create_task(self._do(lane.unit))
                try:
                    await lane.running
                except asyncio.CancelledError:
                    if not lane.running.done() or self._closing:
                        lane.running.cancel()
                        with suppress(asyncio.CancelledError):
                            await lane.running
                        raise
                    self._put_back(lane)
                finally:
                    lane.running = None
                    lane.unit = None
        finally:
            lane.task = None
            if not lane.queue or self._closing:
                self._lanes.pop(key, None)

    async def _refilled(self, key: int, lane: _Lane) -> bool:
        """Read what did not fit; whether there is anything."""
        while lane.overflowed:
            lane.refilling = True
            lane.overflowed = False
            try:
                stored = await self._read_stored(None if key == NOBODY else PersonId(key))
            except Exception as error:  # the database is away: asked again in a moment
                log.error("refill_failed", error=type(error).__name__)
                lane.overflowed = True
                await asyncio.sleep(1)
            else:
                lane.queue.extend(stored[:MOST_QUEUED])
                lane.known = {each.update_id for each in lane.queue}
                lane.overflowed |= len(stored) > MOST_QUEUED
                if lane.queue:
                    break
            finally:
                lane.refilling = False
        return bool(lane.queue)

    async def _do(self, unit: Unit) -> None:
        await self._handle(unit)

    def _put_back(self, lane: _Lane) -> None:
        # The reply was cut short before anybody saw a word: its words join the newer ones.
        # After a crisis the turn itself finds that its epoch is over; before /new there is
        # nothing left to answer.
        cut_short = bool(lane.queue) and _is_cut(lane.queue[0])
        if isinstance(lane.unit, Burst):
            if not cut_short:
                lane.queue.extendleft(reversed(lane.unit.arrivals))
        elif lane.unit is not None:  # a button whose reply was cut: it must still have an end
            lane.queue.appendleft(lane.unit)

    async def _next(self, lane: _Lane) -> Unit:
        first = lane.queue.popleft()
        if first.kind not in (UpdateKind.WORDS, UpdateKind.EDIT) or first.person_id is None:
            return first
        burst = Burst(first.person_id, [first])
        deadline = asyncio.get_running_loop().time() + LONGEST_BURST_S
        letters = len(first.text)
        while len(burst.arrivals) < MOST_MERGED:
            if not lane.queue and not await self._quiet(lane, deadline):
                break
            if not lane.queue or lane.queue[0].kind not in (UpdateKind.WORDS, UpdateKind.EDIT):
                break
            letters += len(lane.queue[0].text)
            if letters > MOST_LETTERS:
                break
            burst.arrivals.append(lane.queue.popleft())
        return burst

    async def _quiet(self, lane: _Lane, deadline: float) -> bool:
        """Wait for more words; False after a moment of silence or when it has been long."""
        lane.news.clear()
        left_s = min(self._window_s, deadline - asyncio.get_running_loop().time())
        if left_s <= 0:
            return False
        try:
            async with asyncio.timeout(left_s):  # wait_for can swallow a cancellation
                await lane.news.wait()
        except TimeoutError:
            return False
        return True


def _ends_running(unit: Unit | None, arrival: Arrival) -> bool:
    if not isinstance(unit, Burst):
        return False
    if arrival.kind is UpdateKind.COMMAND:
        return _is_cut(arrival)
    return arrival.kind in (UpdateKind.WORDS, UpdateKind.EDIT) and not unit.shown


def _is_cut(arrival: Arrival) -> bool:
    if arrival.kind is not UpdateKind.COMMAND:
        return False
    return is_stop(arrival.text) or arrival.text.split("@")[0].split()[0] in CUTS_SHORT
