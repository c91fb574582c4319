"""Erasing a person: rows, words, key, cache; and the last word to them.

Knows nothing of why: a refusal, an age, a closed pilot or `/forget`.
"""

from collections.abc import Callable
from datetime import datetime

from bot.texts import Texts
from safety.hotlines import Hotlines
from storage import Transaction, cases, outbox, people
from storage.outbox import Audience, Body
from storage.people import Person
from storage.retention import ERASED_CASES_DAYS
from storage.rounds import RecentRounds

FAREWELL_LINES = 3


class Erasure:
    """Erases, and says so.

    Args:
        on_erased: called within the transaction, for copies outside the database.
    """

    def __init__(
        self,
        *,
        rounds: RecentRounds,
        texts: Texts,
        hotlines: Hotlines,
        has_operators: bool,
        on_erased: Callable[[], None],
        operators_language: str = "zh",
    ) -> None:
        self._rounds = rounds
        self._texts = texts
        self._hotlines = hotlines
        self._has_operators = has_operators
        self._on_erased = on_erased
        self._operators_language = operators_language

    async def refuse(
        self, transaction: Transaction, person: Person, key: str, *, now: datetime
    ) -> None:
        """Erase somebody whom the companion does not talk with; the text `key` says why."""
        await self._erase(transaction, person, now)
        text = self._texts(person.language, key, lines=self._lines(person))
        await self._farewell(transaction, person, text, now)

    async def forget(self, transaction: Transaction, person: Person, *, now: datetime) -> None:
        """Erase somebody who asked for it, with a receipt."""
        erased = await self._erase(transaction, person, now)
        await people.keep_receipt(transaction, erased)
        text = self._texts(
            person.language,
            "forgotten",
            receipt=erased.receipt,
            at=f"{erased.erased_at:%Y-%m-%d %H:%M} UTC",
            turns=erased.turns,
        )
        if erased.kept_cases:
            text += "\n\n" + self._texts(person.language, "forgotten_case", days=ERASED_CASES_DAYS)
        await self._farewell(transaction, person, text, now)

    async def _erase(
        self, transaction: Transaction, person: Person, now: datetime
    ) -> people.Erased:
        case = await cases.open_case(transaction, person.person_id)
        erased = await people.erase(transaction, person.person_id, now=now)
        await self._rounds.drop(*erased.sessions)
        self._on_erased()
        if case is not None and self._has_operators:  # a notice that still waited went with them
            text = self._texts(
                self._operators_language, "case_erased", case=case.case_id, level=case.level
            )
            await outbox.put(
                transaction,
                outbox.Kind.CASE,
                Body(text),
                person_id=None,
                audience=Audience.OPERATORS,
                now=now,
            )
        return erased

    async def _farewell(
        self, transaction: Transaction, person: Person, text: str, now: datetime
    ) -> None:
        await outbox.put(
            transaction,
            outbox.Kind.NOTICE,
            Body(text, to_telegram_id=person.telegram_id),
            person_id=None,
            audience=Audience.FAREWELL,
            now=now,
        )

    def _lines(self, person: Person) -> str:
        found = self._hotlines.for_region(person.region, emergency_first=True)[:FAREWELL_LINES]
        return "\n".join(
            f"{line.name_en if person.language == 'en' else line.name_zh}: {line.number}"
            for line in found
        )
