"""The erasure of a person, with a last message to them and notices to operators."""

from dataclasses import dataclass

from bot.crisis.contact_side import ContactSide
from bot.operators.announcements import OperatorMessenger
from bot.operators.topics import DELETE
from bot.texts import Texts
from bot.texts.help_lines import HelpLines
from bot.updates.local_time import local_of
from safety.screening.levels import Level
from storage import Transaction
from storage.companion.people import Person
from storage.messages import inbox, outbox
from storage.messages.body import MessageBody
from storage.messages.outbox import Audience
from storage.review import cases
from storage.upkeep import erasure
from storage.upkeep.retention import ERASED_CASES_DAYS

FAREWELL_LINES = 3


@dataclass(frozen=True, slots=True)
class Erasure:
    """Erase people and tell them so."""

    texts: Texts
    help_lines: HelpLines
    messenger: OperatorMessenger
    contacts: ContactSide

    async def refuse(self, transaction: Transaction, person: Person, key: str) -> None:
        """Erase a person whom the companion does not talk with. The text `key` says why."""
        thread_id = await inbox.thread_of(transaction, person.person_id, None)
        _, was_contact = await self._erase(transaction, person)
        lines = self.help_lines.text(
            person.language, person.region, emergency_first=True, most=FAREWELL_LINES
        )
        text = self.texts(person.language, key, lines=lines)
        await self._farewell(
            transaction, person, text, was_contact=was_contact, thread_id=thread_id
        )

    async def forget(self, transaction: Transaction, person: Person) -> None:
        """Erase a person who asked for it, and give them a receipt."""
        at = await local_of(transaction, person, transaction.now, "%Y-%m-%d %H:%M")
        thread_id = await inbox.thread_of(transaction, person.person_id, None)
        erased, was_contact = await self._erase(transaction, person)
        await erasure.keep_receipt(transaction, erased)
        text = self.texts(
            person.language,
            "forgotten",
            receipt=erased.receipt,
            at=at,
            turns=erased.turns,
        )
        if erased.kept_cases:
            text += "\n\n" + self.texts(person.language, "forgotten_case", days=ERASED_CASES_DAYS)
        await self._farewell(
            transaction, person, text, was_contact=was_contact, thread_id=thread_id
        )

    async def _erase(self, transaction: Transaction, person: Person) -> tuple[erasure.Erased, bool]:
        """Erase the person. Returns the account, and whether they were someone's contact."""
        was_contact = await self.contacts.on_erasure(transaction, person)
        case = await cases.open_case(transaction, person.person_id)
        theirs = await cases.of_person(transaction, person.person_id)
        erased = await erasure.erase(transaction, person.person_id)
        if case is not None:  # erasure also deleted the notices that still waited
            await self.messenger.post_text(
                transaction, "case_erased", case=case.case_id, level=case.level
            )
        for one in theirs:
            # The topic of an open case may be created at this moment.
            if one.thread_id is not None or (one == case and one.level >= Level.ACTIVE):
                await self.messenger.post(transaction, "", case_id=one.case_id, topic=DELETE)
        return erased, was_contact

    async def _farewell(
        self,
        transaction: Transaction,
        person: Person,
        text: str,
        *,
        was_contact: bool,
        thread_id: int | None,
    ) -> None:
        """Queue the last message, in the topic of the update that asked for it."""
        if was_contact:
            text += "\n\n" + self.texts(person.language, "contact_left_too")
        await outbox.put(
            transaction,
            outbox.MessageKind.NOTICE,
            MessageBody(text, to_telegram_id=person.telegram_id, thread_id=thread_id),
            person_id=None,
            audience=Audience.FAREWELL,
        )
