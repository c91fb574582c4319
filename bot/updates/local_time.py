"""Times as a person reads them: in their own zone if it is known, else with UTC named."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from storage import Transaction
from storage.companion.local_zones import zone_of
from storage.companion.people import Person


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
