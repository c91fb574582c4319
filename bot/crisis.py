"""The conversation with a person at risk: reviewed words only, no model.

Knows nothing of drafts, lanes or sending: it writes rows, in the transaction of
whoever noticed the risk, and afterwards calls back so that running words stop.
"""

from collections.abc import Callable, Collection
from datetime import datetime

from bot.help_lines import HelpLines
from bot.notices import OperatorNotices
from bot.texts import Texts
from review import cases as review
from safety.policy import Response, respond
from safety.screen import Screening
from storage import Transaction, conversations, inbox, outbox, people
from storage.cases import Case
from storage.conversations import Role
from storage.ids import PersonId, UpdateId
from storage.inbox import Ended
from storage.outbox import Body
from storage.people import Person

HOLDS = ("hold_1", "hold_2", "hold_3")
EXCERPT = 600


class Crisis:
    """Fixed replies, and what follows them until an operator or the lapse ends it."""

    def __init__(
        self,
        *,
        texts: Texts,
        help_lines: HelpLines,
        notices: OperatorNotices,
        after: Callable[[PersonId], None],
    ) -> None:
        self._texts = texts
        self._help_lines = help_lines
        self._notices = notices
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
        if opened.is_new or opened.level_rose:
            await self._tell_operators(transaction, person, opened.case_id, text, screening, now)

    def fixed_reply(self, language: str, region: str | None, response: Response) -> str:
        """The reviewed words that answer a message at risk; needs no storage."""
        lines = self._help_lines.text(language, region, emergency_first=response.emergency_first)
        words = self._texts(language, f"crisis_{response.script}", lines=lines)
        if self._notices.has_readers:
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
        """Answer in a held conversation with the next reviewed text, never the last again.

        Words of level 2 prolong the hold. Words below level 3 may be off the record here too.
        """
        if respond(screening) is not None:
            await review.prolong(transaction, case, now=now)
        last = await conversations.last_script(transaction, person.person_id)
        lines = self.lines(person, emergency_first=case.level >= 4)
        choices = [self._texts(person.language, key, lines=lines) for key in HOLDS]
        place = choices.index(last.text) + 1 if last and last.text in choices else 0
        words = choices[place % len(choices)]
        await self._say(
            transaction,
            person,
            update_ids,
            text,
            screening,
            words,
            now=now,
            off_record=person.is_off_record(now),
        )

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
        return self._help_lines.text(
            person.language, person.region, emergency_first=emergency_first
        )

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
        off_record: bool = False,
    ) -> None:
        if person.has_consented:  # before consent the words themselves are not kept
            turn = await conversations.open_turn(
                transaction,
                person.person_id,
                update_ids,
                text=text,
                level=int(screening.level),
                now=now,
                off_record=off_record,
            )
            await conversations.append(
                transaction,
                person.person_id,
                turn.session_id,
                Role.SCRIPT,
                text=words,
                now=now,
                off_record=off_record,
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
        notices = self._notices
        await notices.put(
            transaction,
            "case_opened",
            now=now,
            buttons=[[(notices.text("case_resolve"), f"case:{case_id}:resolve")]],
            person_id=person.person_id,
            case=case_id,
            level=int(screening.level),
            categories=", ".join(screening.categories),
            words=text[:EXCERPT] if person.has_consented else notices.text("case_words_withheld"),
        )
