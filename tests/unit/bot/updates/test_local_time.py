"""Times in a person's zone: from their check-ins, else from a region with one zone, else UTC."""

import pytest

from bot.updates.local_time import local_day, local_of
from safety.response.hotlines import Hotlines
from storage.checkins import settings as check_in_settings
from storage.companion.local_zones import ZONES, zone_of
from tests.support.house import NOON, Heart


@pytest.mark.parametrize(
    ("region", "zone", "shown"),
    [
        ("CN", None, "11-24 12:00"),
        ("GB", None, "11-24 04:00"),
        ("US", None, "11-24 04:00 UTC"),
        (None, None, "11-24 04:00 UTC"),
        ("CN", "America/New_York", "11-23 23:00"),
    ],
)
async def test_a_time_as_the_person_reads_it(
    rooms: Heart, region: str | None, zone: str | None, shown: str
) -> None:
    person = await rooms.agreed(region=region)
    async with rooms.database.begin() as tx:
        if zone is not None:
            await check_in_settings.create(tx, person.person_id, zone=zone)
        assert await local_of(tx, person, NOON) == shown
        day = local_day(NOON, await zone_of(tx, person))
        assert day == ("2026-11-23" if zone is not None else "2026-11-24")
        assert await local_of(tx, person, None) == ""


def test_each_zone_is_of_a_region_that_people_choose() -> None:
    assert set(ZONES) <= set(Hotlines.load().regions())
