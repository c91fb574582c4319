"""What operators read about a person at the head of a case: their time, language and region."""

from dataclasses import dataclass
from datetime import datetime

from storage import Transaction
from storage.companion import local_zones, people
from storage.ids import PersonId


@dataclass(frozen=True, slots=True)
class PersonHead:
    """The few facts about a person that an operator needs before the first word.

    Attributes:
        local_at: the time where they are, or None if their zone is not known.
        language: the language in which they read the companion.
        region: the code of the region that they named, or None.
    """

    local_at: datetime | None
    language: str
    region: str | None


async def head_of(transaction: Transaction, person_id: PersonId | None) -> PersonHead | None:
    """Return the head of a person's case, or None if the person was erased."""
    person = await people.by_id(transaction, person_id) if person_id is not None else None
    if person is None:
        return None
    zone = await local_zones.zone_of(transaction, person)
    local_at = transaction.now.astimezone(zone) if zone is not None else None
    return PersonHead(local_at, person.language, person.region)
