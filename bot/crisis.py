"""The conversation with a person at risk: reviewed words only, no model.

Knows nothing of drafts, lanes or sending: it writes rows, in the transaction of
whoever noticed the risk, and afterwards calls back so that running words stop.
"""

from collections.abc import Callable, Collection
from datetime import datetime

from bot.texts import Texts
from review import cases as review
from safety.hotlines import Hotlines, Line
from safety.policy import Response, respond
from safety.screen import Screening
from storage import Transaction, conversations, inbox, outbox, people
from storage.cases import Case
from storage.conversations import Role
from storage.ids import PersonId, UpdateId
from storage.inbox import Ended
from storage.outbox import Body
from storage.people import Person

MOST_LINES = 5
HOLDS = ("hold_1", "hold_2", "hold_3")
EXCERPT = 600


class Crisis:
    """Fixed replies, and what follows them until an operator or the lapse ends it."""

    def __init__(
        self,
        *,
        texts: Texts,
        hotlines: Hotlines,
        has_operators: bool,
        operators_language: str = "zh",
        after: Callable[[PersonId], None],
    ) -> None:
        self._texts = texts
        self._hotlines = hotlines
        self._has_operators = has_operators
        self._operators_language = operators_language
        self.after = after

    async def answer(
        self,
        transaction: Transaction,
        person: Person,
        update_ids: Collection[UpdateId],
        text: str,
        screening: Screening,
        *,
        now: datetime,
        said_already: bool = False,
    ) -> None:
        """Answer a message of level 3 or 4: fixed reply, case, operators; ends the rows.

        With `said_already` the emergency sender has given the fixed reply while the
        database was away; everything else follows now.
        """
        response = respond(screening)
        assert response is not None
        await people.raise_epoch(transaction, person.person_id)
        opened = await review.open_or_raise(
            transaction, person.person_id, response, screening, now=now
        )
        words = self.fixed_reply(person.language, person.region, response)
        await self._say(
            transaction,
            person,
            update_ids,
            text,
            screening,
            words,
            now=now,
            said_already=said_already,
        )
        if self._has_operators and (opened.is_new or opened.level_rose):
            await self._tell_operators(transaction, person, opened.case_id, text, screening, now)

    def fixed_reply(self, language: str, region: str | None, response: Response) -> str:
        """The reviewed words that answer a message at risk; needs no storage."""
        lines = self._lines(language, region, emergency_first=response.emergency_first)
        words = self._texts(language, f"crisis_{response.script}", lines=lines)
        if self._has_operators:
            words += "\n" + self._texts(language, "operator_note_people")
        return words

    async def hold(
        self,
        transaction: Transaction,
        person: Person,
        case: Case,
        update_ids: Collection[UpdateId],
        text: str,
        screening: Screening,
        *,
        now: datetime,
    ) -> None:
        """Answer in a held conversation with the next reviewed text, never the last again."""
        last = await conversations.last_script(transaction, person.person_id)
        lines = self.lines(person, emergency_first=case.level >= 4)
        choices = [self._texts(person.language, key, lines=lines) for key in HOLDS]
        place = choices.index(last.text) + 1 if last and last.text in choices else 0
        words = choices[place % len(choices)]
        await self._say(transaction, person, update_ids, text, screening, words, now=now)

    async def remind(
        self,
        transaction: Transaction,
        person: Person,
        case: Case,
        update_ids: Collection[UpdateId],
        *,
        now: datetime,
    ) -> None:
        """Answer a press in a held conversation; no words of the person are there to keep."""
        lines = self.lines(person, emergency_first=case.level >= 4)
        await self._put(
            transaction,
            person,
            update_ids,
            self._texts(person.language, HOLDS[0], lines=lines),
            now,
        )

    def lines(self, person: Person, *, emergency_first: bool = False) -> str:
        """The numbers of the person's region, a line each."""
        return self._lines(person.language, person.region, emergency_first=emergency_first)

    async def _say(
        self,
        transaction: Transaction,
        person: Person,
        update_ids: Collection[UpdateId],
        text: str,
        screening: Screening,
        words: str,
        *,
        now: datetime,
        said_already: bool = False,
    ) -> None:
        if person.has_consented:  # before consent the words themselves are not kept
            turn = await conversations.open_turn(
                transaction,
                person.person_id,
                update_ids,
                text=text,
                level=int(screening.level),
                now=now,
            )
            await conversations.append(
                transaction, person.person_id, turn.session_id, Role.SCRIPT, text=words, now=now
            )
        await self._put(transaction, person, update_ids, words, now, said_already=said_already)

    async def _put(
        self,
        transaction: Transaction,
        person: Person,
        update_ids: Collection[UpdateId],
        words: str,
        now: datetime,
        *,
        said_already: bool = False,
    ) -> None:
        await outbox.put(
            transaction,
            outbox.Kind.CRISIS,
            Body(words),
            person_id=person.person_id,
            update_id=max(update_ids),
            now=now,
            ended_as="sent" if said_already else None,
        )
        await inbox.end(transaction, update_ids, Ended.ANSWERED, reason="fixed_reply", now=now)

    async def _tell_operators(
        self,
        transaction: Transaction,
        person: Person,
        case_id: int,
        text: str,
        screening: Screening,
        now: datetime,
    ) -> None:
        language = self._operators_language
        words = text[:EXCERPT]
        if not person.has_consented:
            words = self._texts(language, "case_words_withheld")
        notice = self._texts(
            language,
            "case_opened",
            case=case_id,
            level=int(screening.level),
            categories=", ".join(screening.categories),
            words=words,
        )
        button = (self._texts(language, "case_resolve"), f"case:{case_id}:resolve")
        await outbox.put(
            transaction,
            outbox.Kind.CASE,
            Body(notice, [[button]]),
            person_id=person.person_id,  # their words: their key, their erasure
            audience=outbox.Audience.OPERATORS,
            now=now,
        )

    def _lines(self, language: str, region: str | None, *, emergency_first: bool) -> str:
        found = self._hotlines.for_region(region, emergency_first=emergency_first)
        return "\n".join(self._line(language, line) for line in found[:MOST_LINES])

    def _line(self, language: str, line: Line) -> str:
        name = line.name_en if language == "en" else line.name_zh
        hours = self._texts(language, "hotline_hours_24h") if line.hours == "24h" else ""
        return self._texts(language, "hotline_line", name=name, number=line.number, hours=hours)
