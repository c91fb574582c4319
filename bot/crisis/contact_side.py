"""The contact's side: the link, the page that says what it is for, and the end of it.

A contact need not be a user of the companion. Nothing here asks for their consent to that.
"""

from typing import Any

from bot.texts import LANGUAGES, Texts
from bot.updates.responder import UnitOfWork
from storage import Transaction
from storage.companion import contact_links, people, trusted_contacts
from storage.companion.people import Person
from storage.companion.trusted_contacts import TrustedContact
from storage.ids import ContactId
from storage.messages import outbox
from storage.messages.body import MessageBody

MOST_DIGITS = 18


class ContactSide:
    """Answers people who open a link or end being a contact."""

    # How the payload of a link starts, which Telegram gives back with `/start`.
    PREFIX = "contact_"

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    async def open_link(self, uow: UnitOfWork, payload: str) -> bool:
        """Show the page of a link, or return False if the payload is not one."""
        if not payload.startswith(self.PREFIX):
            return False
        token = payload.removeprefix(self.PREFIX)
        contact = await contact_links.by_token(uow.transaction, token)
        person_id = uow.person.person_id
        if contact is not None and contact.person_id == person_id:
            await uow.say_text("contact_link_own")
        elif contact is not None and await contact_links.take_link(
            uow.transaction, contact.contact_id, person_id
        ):
            await uow.say(self._page(contact, uow.person.language))
        else:
            await uow.say_text("contact_link_gone")
        return True

    async def press(self, uow: UnitOfWork, act: str, rest: str) -> bool:
        """Handle a button of a contact, or return False if it is not one of theirs."""
        number, _, choice = rest.partition(":")
        if act not in ("yes", "no", "page", "leave"):
            return False
        contact = await self._theirs(uow, number)
        if contact is None:
            await uow.say_text("contact_link_gone")
        elif act == "page":
            await self._show_page(uow, contact, choice)
        elif act == "leave":
            await self.leave(uow.transaction, uow.person, [contact])
        elif not contact.has_agreed:
            await self._decide(uow, contact, agrees=act == "yes")
        return True

    @staticmethod
    async def _theirs(uow: UnitOfWork, number: str) -> TrustedContact | None:
        if not (number.isascii() and number.isdecimal() and len(number) <= MOST_DIGITS):
            return None
        found = await trusted_contacts.of_contact(uow.transaction, uow.person.person_id)
        wanted = ContactId(int(number))
        return next((contact for contact in found if contact.contact_id == wanted), None)

    async def _show_page(self, uow: UnitOfWork, contact: TrustedContact, language: str) -> None:
        """Show the page in another language, which a newcomer then keeps."""
        if language not in LANGUAGES or contact.has_agreed:
            return
        if not uow.person.has_consented:
            await people.change(uow.transaction, uow.person.person_id, language=language)
        await uow.say(self._page(contact, language))

    async def _decide(self, uow: UnitOfWork, contact: TrustedContact, *, agrees: bool) -> None:
        if not agrees:
            await trusted_contacts.end(uow.transaction, contact.contact_id)
            await uow.say_text("contact_declined")
            await self._tell_owner(uow.transaction, contact, "contact_declined_owner")
        elif await contact_links.agree(uow.transaction, contact.contact_id, uow.person.person_id):
            name = contact.shown_name
            text = uow.text("contact_agreed", name=name)
            await uow.say(MessageBody(text, [self._leave_button(contact, uow.person.language)]))
            await self._tell_owner(uow.transaction, contact, "contact_agreed_owner")
        else:
            await uow.say_text("contact_link_gone")

    async def show_all(self, uow: UnitOfWork) -> bool:
        """Show whose contact a person is, and return whether there is any."""
        found = await trusted_contacts.of_contact(uow.transaction, uow.person.person_id)
        for contact in found:
            if contact.has_agreed:
                button = self._leave_button(contact, uow.person.language)
                text = uow.text("contact_for", name=contact.shown_name)
                await uow.say(MessageBody(text, [button]))
            else:
                await uow.say(self._page(contact, uow.person.language))
        return bool(found)

    async def leave_all(self, transaction: Transaction, person: Person) -> bool:
        """End all that a person is the contact of, and return whether there was any."""
        found = await trusted_contacts.of_contact(transaction, person.person_id)
        await self.leave(transaction, person, found)
        return bool(found)

    async def leave(
        self, transaction: Transaction, person: Person, contacts: list[TrustedContact]
    ) -> None:
        """End being a contact, and tell both sides."""
        for contact in contacts:
            await trusted_contacts.end(transaction, contact.contact_id)
            await self._say(transaction, person, "contact_left", name=contact.shown_name)
            await self._tell_owner(transaction, contact, "contact_left_owner")

    async def on_erasure(self, transaction: Transaction, person: Person) -> bool:
        """Tell the other sides that it ended, before a person is erased.

        Returns:
            Whether the person was someone's contact.
        """
        own = await trusted_contacts.agreed_of(transaction, person.person_id)
        if own is not None:
            await self.tell_of_end(transaction, own)
        theirs = await trusted_contacts.of_contact(transaction, person.person_id)
        for contact in theirs:
            await self._tell_owner(transaction, contact, "contact_left_owner")
        return bool(theirs)

    async def tell_of_end(self, transaction: Transaction, contact: TrustedContact) -> None:
        """Tell a contact who agreed that they are no longer one."""
        if not contact.has_agreed or contact.contact_person_id is None:
            return
        other = await people.by_id(transaction, contact.contact_person_id)
        if other is not None:
            await self._say(transaction, other, "contact_ended_other", name=contact.shown_name)

    async def _tell_owner(
        self, transaction: Transaction, contact: TrustedContact, key: str
    ) -> None:
        owner = await people.by_id(transaction, contact.person_id)
        if owner is not None:
            await self._say(transaction, owner, key, called=contact.called)

    def _page(self, contact: TrustedContact, language: str) -> MessageBody:
        number, other = contact.contact_id, "en" if language == "zh" else "zh"
        return MessageBody(
            self._texts(language, "contact_page", name=contact.shown_name),
            [
                [(self._texts(language, "contact_yes"), f"contact:yes:{number}")],
                [(self._texts(language, "contact_no"), f"contact:no:{number}")],
                [(self._texts(language, "contact_switch"), f"contact:page:{number}:{other}")],
            ],
        )

    def _leave_button(self, contact: TrustedContact, language: str) -> list[tuple[str, str]]:
        label = self._texts(language, "contact_leave", name=contact.shown_name)
        return [(label, f"contact:leave:{contact.contact_id}")]

    async def _say(self, transaction: Transaction, person: Person, key: str, **values: Any) -> None:
        await outbox.put(
            transaction,
            outbox.MessageKind.NOTICE,
            MessageBody(self._texts(person.language, key, **values)),
            person_id=person.person_id,
        )
