"""A closed pilot: who is admitted, and how much each person is answered in a day.

Knows nothing of consent or of the model. Whoever is not admitted is told so kindly and
nothing of them is kept; a message at risk is answered all the same, before this is asked.
"""

from datetime import datetime

from bot.texts import Texts
from storage import Transaction, people, pilot
from storage.people import Person

FEW_LEFT = 3


class Pilot:
    """The rules of a closed pilot; without one everybody is admitted.

    Args:
        is_closed: only listed people and those with an invite are admitted.
        listed: Telegram ids.
        daily_quota: replies of the model a person and day (UTC); 0 sets no limit.
    """

    def __init__(
        self, *, texts: Texts, is_closed: bool, listed: frozenset[int], daily_quota: int
    ) -> None:
        self._texts = texts
        self._is_closed = is_closed
        self._listed = listed
        self._quota = daily_quota

    def admits(self, person: Person) -> bool:
        """Whether the companion talks with this person."""
        return (
            not self._is_closed
            or person.admitted_at is not None
            or person.telegram_id in self._listed
        )

    async def redeem(
        self, transaction: Transaction, person: Person, code: str, *, now: datetime
    ) -> bool:
        """Admit a person by the code of their invite link; False where it does not hold."""
        if not await pilot.redeem(transaction, code, now=now):
            return False
        await people.change(transaction, person.person_id, admitted_at=now)
        return True

    async def is_over_quota(
        self, transaction: Transaction, person: Person, *, now: datetime
    ) -> bool:
        """Whether the person was answered as often as is agreed for a day."""
        if not self._quota:
            return False
        done = await pilot.replies_today(transaction, person.person_id, now=now)
        return done >= self._quota

    async def notes(
        self, transaction: Transaction, person: Person, *, now: datetime
    ) -> tuple[str, ...]:
        """What to add under a reply: how few are left today, said in time."""
        if not self._quota:
            return ()
        left = self._quota - 1 - await pilot.replies_today(transaction, person.person_id, now=now)
        if left > FEW_LEFT:
            return ()
        key = "quota_few" if left else "quota_last"
        return (self._texts(person.language, key, count=left),)
