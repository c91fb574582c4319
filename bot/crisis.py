"""The conversation with a person at risk: reviewed words only, no model.

Knows nothing of drafts, lanes or sending: it writes rows, in the transaction of
whoever noticed the risk, and afterwards calls back so that running words stop.
"""

from collections.abc import Callable, Collection
from datetime import datetime

from bot.help_lines import HelpLines
from bot.notices import OperatorNotices
from bot.script import Script
from bot.texts import Texts
from review import cases as review
from safety.levels import Level
from safety.policy import Response, respond
from safety.screen import Screening
from storage import Transaction, conversations, inbox, outbox, people, safety_counts
from storage.cases import Case
from storage.conversations import Role
from storage.ids import PersonId, UpdateId
from storage.inbox import Ended
from storage.outbox import Body
from storage.people import Person
from storage.safety_counts import Act

EXCERPT = 600


class Crisis:
    """Reviewed replies, and what follows them until an operator or the lapse ends it."""

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
        self._script = Script(texts, help_lines)
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
        """Answer a message of level 3 or 4: reviewed reply, case, operators; ends the rows.

        With `said_already` the emergency sender has given the opening while the database was
        away; everything else follows now.
        """
        response = respond(screening)
        assert response is not None
        await people.raise_epoch(transaction, person.person_id)
        is_held = await review.holding(transaction, person.person_id, now=now) is not None
        opened = await review.open_or_raise(
            transaction, person.person_id, response, screening, now=now
        )
        body = await self._script.answer(
            transaction, person, response, text, screening, is_held=is_held,
            is_open=said_already, now=now,
        )  # fmt: skip
        told = opened.is_new or opened.level_rose
        if told and self._notices.has_readers:
            body = Body(
                body.text + "\n" + self._texts(person.language, "operator_note_people"),
                body.buttons,
            )
        await self._say(
            transaction, person, update_ids, text, screening, body, now=now,
            said_already=said_already,
        )  # fmt: skip
        if not is_held and person.region is None and person.has_consented:
            await self._ask_region(transaction, person, now)
        await self._count(transaction, response, is_new=opened.is_new, now=now)
        if told:
            await self._tell_operators(transaction, person, opened.case_id, text, screening, now)

    def fixed_reply(self, language: str, region: str | None, response: Response) -> str:
        """The reviewed words that answer a message at risk where there is no storage."""
        return self._script.opening(language, region, response)

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
        """Answer in a held conversation with the script's next text.

        Words of level 2 prolong the hold. Words below level 3 may be off the record here too.
        """
        if respond(screening) is not None:
            await review.prolong(transaction, case, now=now)
        body = await self._script.go_on(
            transaction, person, case.script, text, screening.level, now=now
        )
        await self._say(
            transaction, person, update_ids, text, screening, body, now=now,
            off_record=person.is_off_record(now),
        )  # fmt: skip

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
        body = await self._script.go_on(transaction, person, case.script, "", Level.NONE, now=now)
        await self._put(transaction, person, update_ids, body, now)

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
        body: Body,
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
                text=body.text,
                now=now,
                off_record=off_record,
            )
        await self._put(transaction, person, update_ids, body, now, said_already=said_already)

    async def _put(
        self,
        transaction: Transaction,
        person: Person,
        update_ids: Collection[UpdateId],
        body: Body,
        now: datetime,
        *,
        said_already: bool = False,
    ) -> None:
        await outbox.put(
            transaction,
            outbox.Kind.CRISIS,
            body,
            person_id=person.person_id,
            update_id=max(update_ids),
            now=now,
            ended_as="sent" if said_already else None,
        )
        await inbox.end(transaction, update_ids, Ended.ANSWERED, reason="fixed_reply", now=now)

    async def _ask_region(self, transaction: Transaction, person: Person, now: datetime) -> None:
        """Ask where the person is, for numbers that they can dial; never guessed."""
        text = self._texts(person.language, "ask_region_crisis")
        await outbox.put(
            transaction,
            outbox.Kind.CRISIS,
            Body(text, self._help_lines.region_buttons(person.language)),
            person_id=person.person_id,
            now=now,
        )

    @staticmethod
    async def _count(
        transaction: Transaction, response: Response, *, is_new: bool, now: datetime
    ) -> None:
        for act in (Act.FIXED_REPLY, Act.CASE) if is_new else (Act.FIXED_REPLY,):
            await safety_counts.add(
                transaction, act, level=int(response.level), script=response.script, now=now
            )

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
