"""How much each person is answered in a day, and how that is said in time.

Only the model's replies count.
"""

from bot.crisis.fixed_reply import FixedReply
from bot.texts import Texts
from bot.updates.utterance import Utterance
from storage import Transaction
from storage.companion import pilot
from storage.companion.people import Person

FEW_LEFT = 3


class Quota:
    """Limits model replies per person per UTC day. 0 means no limit and no counting."""

    def __init__(self, texts: Texts, fixed_reply: FixedReply, daily: int) -> None:
        self._texts = texts
        self._fixed_reply = fixed_reply
        self._daily = daily

    async def intercept(self, transaction: Transaction, utterance: Utterance) -> bool:
        """Say that today's replies are used up."""
        if not await self.is_over(transaction, utterance.person):
            return False
        await self._fixed_reply.answer(
            transaction, utterance, "quota_over", is_kept=utterance.is_new
        )
        return True

    async def is_over(self, transaction: Transaction, person: Person) -> bool:
        """Whether the person was answered as often as is agreed for a day."""
        if not self._daily:
            return False
        done = await pilot.replies_today(transaction, person.person_id)
        return done >= self._daily

    async def count(self, transaction: Transaction, person: Person) -> None:
        """Count one reply."""
        if self._daily:
            await pilot.count_reply(transaction, person.person_id)

    async def notes(self, transaction: Transaction, person: Person) -> tuple[str, ...]:
        """What to add under a reply: how few are left today, said in time."""
        if not self._daily:
            return ()
        left = self._daily - 1 - await pilot.replies_today(transaction, person.person_id)
        if left > FEW_LEFT:
            return ()
        key = "quota_few" if left else "quota_last"
        return (self._texts(person.language, key, count=left),)
