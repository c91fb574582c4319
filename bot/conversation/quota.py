"""The quota of model replies per person and day."""

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
        """Answer the utterance if today's replies are used up."""
        if not await self.is_over(transaction, utterance.person):
            return False
        await self._fixed_reply.answer(
            transaction, utterance, "quota_over", is_kept=utterance.is_new
        )
        return True

    async def is_over(self, transaction: Transaction, person: Person) -> bool:
        """Return whether today's replies are used up."""
        if not self._daily:
            return False
        return await pilot.replies_today(transaction, person.person_id) >= self._daily

    async def count(self, transaction: Transaction, person: Person) -> None:
        """Count one reply."""
        if self._daily:
            await pilot.count_reply(transaction, person.person_id)

    async def notes(self, transaction: Transaction, person: Person) -> tuple[str, ...]:
        """Return a note for the footer if few replies are left today."""
        if not self._daily:
            return ()
        left = self._daily - 1 - await pilot.replies_today(transaction, person.person_id)
        if left > FEW_LEFT:
            return ()
        key = "quota_few" if left else "quota_last"
        return (self._texts(person.language, key, count=left),)
