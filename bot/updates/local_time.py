"""Times as a person reads them: in their own zone if it is known, else with UTC named."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from storage import Transaction
from storage.checkins import settings as check_in_settings
from storage.companion.people import Person

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


def local(at: datetime | None, zone: ZoneInfo | None, form: str = "%m-%d %H:%M") -> str:
    """Return an instant in a zone, or in UTC with its name. None gives an empty text."""
    if at is None:
        return ""
    return f"{at.astimezone(zone):{form}}" if zone is not None else f"{at:{form}} UTC"


def local_day(at: datetime | None, zone: ZoneInfo | None) -> str:
    """Return the date of an instant in a zone, or in UTC. None gives an empty text."""
    return f"{at.astimezone(zone or UTC):%Y-%m-%d}" if at is not None else ""


async def local_of(
    transaction: Transaction, person: Person, at: datetime | None, form: str = "%m-%d %H:%M"
) -> str:
    """Return an instant as the person reads it."""
    return local(at, await zone_of(transaction, person), form)
