"""Lanes by themselves: order, bursts, what is cut short, and more than a lane holds."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest
from telegram import Chat, Message, Update

from bot.receiving.lanes import MOST_LETTERS, MOST_MERGED, MOST_QUEUED, Lanes, ReadStored
from bot.updates.arrivals import Arrival, Burst, Unit
from bot.updates.parsing import UpdateKind
from safety.screening.levels import Level
from safety.screening.outcome import Screening
from storage.ids import PersonId, UpdateId
from tests.support.waiting import until

MEI = PersonId(1)
CALM = Screening(Level.NONE, (), (), "")


def arrival(
    number: int, text: str = "x", kind: UpdateKind = UpdateKind.WORDS, person: int = MEI
) -> Arrival:
    message = Message(number, datetime.now(UTC), Chat(person, "private"), text=text)
    update = Update(number, message=message)
    return Arrival(UpdateId(number), PersonId(person), kind, update, text, CALM)


class Work:
    """What lanes hand on; each unit waits at the gate."""

    def __init__(self) -> None:
        self.done: list[Unit] = []
        self.begun: list[Unit] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.stored: list[Arrival] = []
        self.refills = 0
        self.refill: ReadStored = self._read
        self.lanes = Lanes(self._handle, read_stored=self._refill, burst_window_s=0.02)

    async def _handle(self, unit: Unit) -> None:
        self.begun.append(unit)
        await self.gate.wait()
        self.done.append(unit)
        for one in unit.arrivals if isinstance(unit, Burst) else [unit]:
            if one in self.stored:
                self.stored.remove(one)

    async def _refill(self, person: PersonId | None) -> Sequence[Arrival]:
        return await self.refill(person)

    async def _read(self, _person: PersonId | None) -> Sequence[Arrival]:
        self.refills += 1
        return self.stored[: MOST_QUEUED + 1]

    def add(self, *arrivals: Arrival) -> None:
        for one in arrivals:
            self.stored.append(one)
            self.lanes.add(one)

    def ids(self) -> list[int]:
        """The updates in the order in which they were done."""
        found: list[int] = []
        for unit in self.done:
            found.extend(unit.update_ids if isinstance(unit, Burst) else [unit.update_id])
        return found

    async def idle(self) -> None:
        await until(lambda: not self.lanes.is_busy)


@pytest.fixture
async def work() -> AsyncIterator[Work]:
    made = Work()
    yield made
    await made.lanes.aclose()


async def test_words_that_come_together_are_one_unit(work: Work) -> None:
    work.add(
        arrival(1, "a"), arrival(2, "b"), arrival(3, "/help", UpdateKind.COMMAND), arrival(4, "c")
    )
    await work.idle()
    assert [u.text for u in work.done] == ["a\nb", "/help", "c"]


async def test_a_request_for_numbers_overtakes_a_reply(work: Work) -> None:
    work.gate.clear()
    work.add(arrival(1, "a"))
    await until(lambda: len(work.begun) == 1)
    work.add(arrival(2, "/help", UpdateKind.COMMAND), arrival(3, "/sos", UpdateKind.COMMAND))
    await until(lambda: len(work.begun) == 2)
    assert [u.text for u in work.begun] == ["a", "/sos"]
    assert work.lanes.is_busy
    work.gate.set()
    await work.idle()
    assert sorted(work.ids()) == [1, 2, 3]


async def test_people_do_not_wait_for_one_another(work: Work) -> None:
    work.gate.clear()
    work.add(arrival(1, person=1), arrival(2, person=2))
    await until(lambda: len(work.begun) == 2)
    work.gate.set()
    await work.idle()


async def test_newer_words_join_a_reply_that_nobody_has_seen(work: Work) -> None:
    work.gate.clear()
    work.add(arrival(1, "a"))
    await until(lambda: len(work.begun) == 1)
    work.add(arrival(2, "b"))
    await until(lambda: len(work.begun) == 2)
    work.gate.set()
    await work.idle()
    assert [u.text for u in work.done] == ["a\nb"]


async def test_newer_words_wait_for_a_reply_that_was_seen(work: Work) -> None:
    work.gate.clear()
    work.add(arrival(1, "a"))
    await until(lambda: len(work.begun) == 1)
    first = work.begun[0]
    assert isinstance(first, Burst)
    first.shown = True
    work.add(arrival(2, "b"))
    work.gate.set()
    await work.idle()
    assert [u.text for u in work.done] == ["a", "b"]


async def test_new_leaves_nothing_of_the_reply_before_it(work: Work) -> None:
    work.gate.clear()
    work.add(arrival(1, "a"))
    await until(lambda: len(work.begun) == 1)
    work.add(arrival(2, "/new", UpdateKind.COMMAND))
    work.gate.set()
    await work.idle()
    assert work.ids() == [2]


async def test_an_edit_replaces_the_words_it_edits(work: Work) -> None:
    first = arrival(1, "tpyo")
    edited = Message(1, datetime.now(UTC), Chat(MEI, "private"), text="typo")
    second = Arrival(
        UpdateId(2), MEI, UpdateKind.EDIT, Update(2, edited_message=edited), "typo", CALM
    )
    work.add(first, second)
    await work.idle()
    assert [u.text for u in work.done] == ["typo"]


async def test_what_a_lane_does_not_hold_is_read_again_in_order(work: Work) -> None:
    count = 2 * MOST_QUEUED + 7
    work.gate.clear()
    work.add(*[arrival(number) for number in range(1, count + 1)])
    assert work.lanes.depth <= MOST_QUEUED
    work.gate.set()
    await work.idle()
    assert work.ids() == list(range(1, count + 1))
    assert work.refills >= 2
    assert all(len(u.arrivals) <= MOST_MERGED for u in work.done if isinstance(u, Burst))


async def test_a_refill_that_fails_is_made_again(work: Work) -> None:
    refill = work.refill
    failures = 0

    async def away_once(person_id: PersonId | None) -> Sequence[Arrival]:
        nonlocal failures
        failures += 1
        if failures == 1:
            raise OSError
        return await refill(person_id)

    work.refill = away_once
    count = MOST_QUEUED + 3
    work.add(*[arrival(number) for number in range(1, count + 1)])
    await work.idle()
    assert work.ids() == list(range(1, count + 1))


async def test_after_the_end_nothing_is_taken(work: Work) -> None:
    work.gate.clear()
    work.add(arrival(1))
    await until(lambda: len(work.begun) == 1)
    await work.lanes.aclose()
    work.add(arrival(2))
    assert work.done == []
    assert not work.lanes.is_busy


async def test_what_runs_may_end_within_the_grace_and_nothing_else_begins(work: Work) -> None:
    work.gate.clear()
    work.add(arrival(1, "a"), arrival(2, "/help", UpdateKind.COMMAND), arrival(3, person=2))
    await until(lambda: len(work.begun) == 2)
    work.add(arrival(4, person=3))  # its words are still being gathered
    closing = asyncio.create_task(work.lanes.aclose(grace_s=5))
    await asyncio.sleep(0.05)
    assert not closing.done()
    work.gate.set()
    async with asyncio.timeout(2):
        await closing
    assert work.ids() == [1, 3]
    assert not work.lanes.is_busy


async def test_the_grace_has_an_end(work: Work) -> None:
    work.gate.clear()
    work.add(arrival(1))
    await until(lambda: len(work.begun) == 1)
    async with asyncio.timeout(2):
        await work.lanes.aclose(grace_s=0.1)
    assert work.done == []
    assert not work.lanes.is_busy


async def test_after_a_restart_what_is_stored_goes_before_what_is_new(work: Work) -> None:
    stored = [arrival(number) for number in range(1, 2 * MOST_QUEUED)]
    newer = arrival(3 * MOST_QUEUED)
    work.stored.extend(stored)
    work.lanes.reload(MEI)
    work.add(newer)
    await work.idle()
    assert work.ids() == [each.update_id for each in [*stored, newer]]


async def test_what_comes_while_nothing_stored_is_found_is_not_forgotten(work: Work) -> None:
    refill = work.refill
    newer = arrival(7)

    async def slowly(person_id: PersonId | None) -> Sequence[Arrival]:
        found = await refill(person_id)
        if newer not in work.stored and not work.done:
            work.add(newer)
        return [] if work.refills == 1 else found

    work.refill = slowly
    work.lanes.reload(MEI)
    await work.idle()
    assert work.ids() == [7]


async def test_an_update_read_from_storage_is_not_queued_twice(work: Work) -> None:
    work.gate.clear()
    work.stored.extend([arrival(1), arrival(2)])
    work.lanes.reload(MEI)
    await until(lambda: len(work.begun) == 1)
    work.lanes.add(arrival(2))  # its own way from storage to the lane was the longer one
    work.gate.set()
    await work.idle()
    assert work.ids() == [1, 2]


async def test_a_burst_is_bounded_in_letters(work: Work) -> None:
    work.add(*[arrival(number, "1" * 4_096) for number in range(1, 21)])
    await work.idle()
    assert work.ids() == list(range(1, 21))
    assert max(len(unit.text) for unit in work.done) <= MOST_LETTERS + MOST_MERGED
