"""The notices that laws require, which stand in the footer of the model's replies.

A notice goes with the first reply after it is due. The transaction that queues the reply also moves
the clock, so that a notice that was not sent is due again.
"""

from bot.texts import Texts
from safety.response.legal_duties import Duties, Notice, advance, exact_words
from storage import Transaction
from storage.companion import talk_clocks
from storage.companion.people import Person


class LegalNotices:
    """Writes the notices that are due and keeps the clock."""

    def __init__(self, texts: Texts, duties: Duties) -> None:
        self._texts = texts
        self._duties = duties

    async def due_for(self, transaction: Transaction, person: Person) -> tuple[str, ...]:
        """Return the notices for the reply that this transaction queues.

        The page of consent holds the first disclosure.
        """
        stored = await talk_clocks.get(transaction, person.person_id)
        clock = self._duties.at(stored, transaction.now, told_at=person.consent_at)
        profiles = self._duties.of_region(person.region)
        notices = self._duties.due(profiles, clock, person.age_band, transaction.now)
        clock = advance(clock, notices, transaction.now)
        if clock != stored:
            await talk_clocks.put(transaction, person.person_id, clock)
        notes = []
        if Notice.PROGRAM in notices:
            notes.append(self.disclosure(person.language, person.region))
        if Notice.REST in notices:
            notes.append(self._texts(person.language, "duty_rest"))
        return tuple(notes)

    def disclosure(self, language: str, region: str | None) -> str:
        """Return the notice that this is a program, with the exact words of the region's law."""
        words = exact_words(self._duties.of_region(region))
        return "\n".join([self._texts(language, "duty_program"), *self._exact(language, words)])

    def opening(self, language: str) -> str:
        """Return the exact words for the page of consent, before the region is known."""
        return "\n".join(self._exact(language, exact_words(self._duties.of_region(None))))

    def _exact(self, language: str, words: tuple[str, ...]) -> list[str]:
        return [self._texts(language, "duty_exact", words=exact) for exact in words]
