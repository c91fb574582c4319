"""What the law has a companion tell people, as notes under the model's replies.

The bot never speaks up by itself for it: a notice goes with the first reply at which it is due, and
the clock moves in the transaction that queues that reply, so that what was not said is said later.
"""

from bot.texts import Texts
from safety.response.legal_duties import Duties, Notice, advance, exact_words
from storage import Transaction
from storage.companion import talk_clocks
from storage.companion.people import Person


class LegalNotices:
    """Writes the notes that are due and keeps the clock."""

    def __init__(self, texts: Texts, duties: Duties) -> None:
        self._texts = texts
        self._duties = duties

    async def due_for(self, transaction: Transaction, person: Person) -> tuple[str, ...]:
        """What to add under the reply that is queued in this transaction.

        The page of consent says what this is, so it counts as the first time.
        """
        kept = await talk_clocks.get(transaction, person.person_id)
        clock = self._duties.at(kept, transaction.now, told_at=person.consent_at)
        profiles = self._duties.of_region(person.region)
        notices = self._duties.due(profiles, clock, person.age_band, transaction.now)
        clock = advance(clock, notices, transaction.now)
        if clock != kept:
            await talk_clocks.put(transaction, person.person_id, clock)
        notes = []
        if Notice.PROGRAM in notices:
            notes.append(self.disclosure(person.language, person.region))
        if Notice.REST in notices:
            notes.append(self._texts(person.language, "duty_rest"))
        return tuple(notes)

    def disclosure(self, language: str, region: str | None) -> str:
        """That this is a program, in the person's language and in the law's own words."""
        words = exact_words(self._duties.of_region(region))
        return "\n".join([self._texts(language, "duty_program"), *self._exact(language, words)])

    def opening(self, language: str) -> str:
        """What the page of consent adds, before anybody's region is known: the law's words."""
        return "\n".join(self._exact(language, exact_words(self._duties.of_region(None))))

    def _exact(self, language: str, words: tuple[str, ...]) -> list[str]:
        return [self._texts(language, "duty_exact", words=each) for each in words]
