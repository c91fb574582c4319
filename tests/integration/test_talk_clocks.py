"""Clocks of talks and counts of a year; on both databases."""

from datetime import UTC, datetime, timedelta

from safety.response.legal_duties import TalkClock
from storage import Database
from storage.companion import talk_clocks
from storage.ids import UpdateId
from storage.messages import inbox, inbox_queue
from storage.review import safety_counts
from storage.review.safety_counts import Count, SafetyEvent
from storage.upkeep import erasure
from tests.integration.cast import NOW, mei


async def test_a_clock_is_kept_until_its_person_is_erased(database: Database) -> None:
    async with database.begin() as tx:
        person = await mei(tx)
        assert await talk_clocks.get(tx, person.person_id) is None
        clock = TalkClock(None, NOW, NOW)
        for each in (clock, TalkClock(NOW, NOW, NOW + timedelta(minutes=3), NOW)):
            await talk_clocks.put(tx, person.person_id, each)
            assert await talk_clocks.get(tx, person.person_id) == each
        await erasure.erase(tx, person.person_id)
        assert await talk_clocks.get(tx, person.person_id) is None


async def test_counts_add_up_to_a_year(database: Database) -> None:
    async with database.begin() as tx:
        for tx.now in (NOW, NOW, NOW + timedelta(days=300), datetime(2027, 1, 1, tzinfo=UTC)):
            await safety_counts.add(tx, SafetyEvent.RESOURCES, level=2, script="suicide")
        tx.now = NOW
        await safety_counts.add(tx, SafetyEvent.GUARD)
        assert await safety_counts.of_year(tx, 2026) == [
            Count("guard", 0, "", 1),
            Count("resources", 2, "suicide", 3),
        ]


async def test_the_gravest_of_what_waits(database: Database) -> None:
    async with database.begin() as tx:
        person = await mei(tx)
        assert await inbox_queue.highest_open_level(tx, person.person_id) == 0
        for number, level in enumerate((0, 2, 1), 1):
            await inbox.add(
                tx,
                UpdateId(number),
                kind="words",
                payload="x",
                person_id=person.person_id,
                level=level,
            )
        assert await inbox_queue.highest_open_level(tx, person.person_id) == 2
        await inbox.end_before(tx, person.person_id, UpdateId(3), reason="stop")
        assert await inbox_queue.highest_open_level(tx, person.person_id) == 1
