"""The time zone of a person, from their check-ins or from a region with one zone."""

from zoneinfo import ZoneInfo

from storage.checkins import settings as check_in_settings
from storage.companion.people import Person
from storage.database.connection import Transaction

# Regions with one zone. The others have several, so the region does not tell the time.
ZONES = {
    "CN": "Asia/Shanghai",
    "HK": "Asia/Hong_Kong",
    "TW": "Asia/Taipei",
    "JP": "Asia/Tokyo",
    "SG": "Asia/Singapore",
    "GB": "Europe/London",
}


async def zone_of(transaction: Transaction, person: Person) -> ZoneInfo | None:
    """Return the person's zone from their check-ins, else from their region, or None."""
    settings = await check_in_settings.get(transaction, person.person_id)
    name = settings.zone if settings is not None else ZONES.get(person.region or "")
    return ZoneInfo(name) if name is not None else None
