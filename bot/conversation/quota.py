"""How much each person is answered in a day, and how that is said in time.

Only the model's replies count.
"""

from datetime import datetime

from bot.texts import Texts
from storage import Transaction
from storage.companion import pilot
from storage.companion.people import Person

FEW_LEFT = 3


class Quota:
    """Replies of the model a person and day (UTC); 0 sets no limit, and nothing is counted."""

    def __init__(self, texts: Texts, daily: int) -> None:
        self._texts = texts
        self._daily = daily

    async def is_over(self, transaction: Transaction, person: Person, *, now: datetime) -> bool:
        """Whether the person was answered as often as is agreed for a day."""
        if not self._daily:
            return False
        done = await pilot.replies_today(transaction, person.person_id, now=now)
        return done >= self._daily

    async def count(self, transaction: Transaction, person: Person, *, now: datetime) -> None:
        """Count one reply."""
        if self._daily:
            await pilot.count_reply(transaction, person.person_id, now=now)

    async def notes(
        self, transaction: Transaction, person: Person, *, now: datetime
    ) -> tuple[str, ...]:
        """What to add under a reply: how few are left today, said in time."""
        if not self._daily:
            return ()
        left = self._daily - 1 - await pilot.replies_today(transaction, person.person_id, now=now)
        if left > FEW_LEFT:
            return ()
        key = "quota_few" if left else "quota_last"
        return (self._texts(person.language, key, count=left),)
