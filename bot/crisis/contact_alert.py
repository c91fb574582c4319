"""The message to a trusted contact: by a tap, or by itself at level 4 if the person chose that.

Its text is fixed and says nothing of the talk. The person is told what is sent, and whether it
arrived.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from bot.operators.announcements import OperatorMessenger
from bot.texts import Texts
from bot.texts.help_lines import HelpLines
from bot.updates.local_time import local_of
from review.cases.records import OpenedCase
from safety.screening.levels import Level
from storage import Transaction
from storage.companion import people, trusted_contacts
from storage.companion.people import Person
from storage.companion.trusted_contacts import TELLS_EVERY, TrustedContact
from storage.messages import outbox
from storage.messages.body import MessageBody
from storage.messages.outbox import MessageKind, OutboxMessage, OutboxState
from storage.review import cases

TELL = "contact:tell"
# "Now" means nothing any more after this time. The person is then told that it did not arrive.
NOW_LASTS = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ContactAlert:
    """Tell trusted contacts, as the owner of these messages."""

    texts: Texts
    help_lines: HelpLines
    messenger: OperatorMessenger

    async def with_button(
        self, transaction: Transaction, person: Person, body: MessageBody
    ) -> MessageBody:
        """Return a crisis text with the button that tells the contact, if it can today."""
        contact = await trusted_contacts.agreed_of(transaction, person.person_id)
        if contact is None or _is_told(transaction, contact):
            return body
        label = self.texts(person.language, "contact_tell", called=contact.called)
        return replace(body, buttons=[[(label, TELL)], *body.buttons])

    async def tell(self, transaction: Transaction, person: Person) -> None:
        """Tell the contact because the person tapped the button."""
        contact = await trusted_contacts.agreed_of(transaction, person.person_id)
        if contact and await trusted_contacts.may_tell(transaction, contact.contact_id):
            await self._send(transaction, person, contact, "contact_telling")
            return
        contact = await trusted_contacts.agreed_of(transaction, person.person_id)  # still?
        if contact is None:
            await self._say(transaction, person, "contact_nobody")
        else:
            at = await local_of(transaction, person, contact.telling_at, "%H:%M")
            await self._say(
                transaction, person, "contact_told_already", called=contact.called, at=at
            )

    async def tell_by_itself(
        self, transaction: Transaction, person: Person, opened: OpenedCase, level: int
    ) -> None:
        """Tell the contact when a case opens at level 4 or rises to it, if the person chose so."""
        if level < Level.IMMINENT or not (opened.is_new or opened.level_rose):
            return
        contact = await trusted_contacts.agreed_of(transaction, person.person_id)
        if contact is None or not contact.is_automatic:
            return
        if await trusted_contacts.may_tell(transaction, contact.contact_id):
            await self._send(transaction, person, contact, "contact_telling_automatic")

    async def _send(
        self, transaction: Transaction, person: Person, contact: TrustedContact, key: str
    ) -> None:
        assert contact.contact_person_id is not None
        other = await people.by_id(transaction, contact.contact_person_id)
        assert other is not None  # their erasure would have deleted the contact
        words = self.texts(
            other.language,
            "contact_message",
            name=contact.shown_name,
            lines=self.help_lines.emergency(other.language, person.region),
        )
        outbox_id = await outbox.put(
            transaction,
            MessageKind.CONTACT,
            MessageBody(words),
            person_id=other.person_id,
            expires_at=transaction.now + NOW_LASTS,
        )
        await trusted_contacts.change(transaction, contact.contact_id, outbox_id=outbox_id)
        await self._say(transaction, person, key, called=contact.called, words=words)

    async def why_unwanted(self, transaction: Transaction, message: OutboxMessage) -> str | None:
        """Return a reason if one side ended the contact meanwhile."""
        contact = await trusted_contacts.of_message(transaction, message.outbox_id)
        return "revoked" if contact is None else None

    async def on_end(
        self,
        transaction: Transaction,
        message: OutboxMessage,
        state: OutboxState,
        reason: str | None,
    ) -> None:
        """Tell the person, and operators if there is a case, whether the contact was told."""
        contact = await trusted_contacts.of_message(transaction, message.outbox_id)
        person = await people.by_id(transaction, contact.person_id) if contact else None
        if contact is None or person is None:
            return
        now = transaction.now
        if state is not OutboxState.SENT:  # it may be tried again today
            await trusted_contacts.change(transaction, contact.contact_id, telling_at=None)
            key = "contact_not_told_blocked" if reason == "blocked" else "contact_not_told"
            await self._say(transaction, person, key, called=contact.called)
            return
        await trusted_contacts.change(transaction, contact.contact_id, told_at=now)
        at = await local_of(transaction, person, now, "%H:%M")
        await self._say(transaction, person, "contact_told", called=contact.called, at=at)
        case = await cases.open_case(transaction, person.person_id)
        if case is not None:
            await self.messenger.post(
                transaction,
                self.messenger.text("case_contact_was_told", case=case.case_id),
                person_id=person.person_id,
                case_id=case.case_id,
                silent=True,
            )

    async def on_blocked(self, transaction: Transaction, person: Person) -> None:
        """Tell those whose contact blocked the bot that no message arrives there."""
        for contact in await trusted_contacts.note_unreachable(transaction, person.person_id):
            owner = await people.by_id(transaction, contact.person_id)
            if owner is not None:
                await self._say(
                    transaction, owner, "contact_unreachable_owner", called=contact.called
                )

    async def _say(self, transaction: Transaction, person: Person, key: str, **values: Any) -> None:
        lines = self.help_lines.text(person.language, person.region)
        await outbox.put(
            transaction,
            MessageKind.CRISIS,
            MessageBody(self.texts(person.language, key, lines=lines, **values)),
            person_id=person.person_id,
        )


def _is_told(transaction: Transaction, contact: TrustedContact) -> bool:
    """Return whether the one message of the day is used up."""
    told = contact.telling_at
    return told is not None and told > transaction.now - TELLS_EVERY
