"""A person's side of a trusted contact: the names, the link and the settings."""

import unicodedata
from typing import Any

from telegram import Bot, Update

from bot.crisis.contact_alert import ContactAlert
from bot.crisis.contact_side import ContactSide
from bot.crisis.script import open_position
from bot.updates.local_time import local_of
from bot.updates.responder import HandlerContext, Responder, UnitOfWork, data_of
from bot.updates.utterance import Utterance
from safety.screening.answers import Answer, read
from safety.screening.levels import Level
from safety.text.normalise import normalise
from safety.text.pinyin import split
from storage import Transaction
from storage.companion import contact_links, open_questions, trusted_contacts
from storage.companion.open_questions import STAYS_OPEN
from storage.companion.trusted_contacts import ContactState, NameAsked, TrustedContact
from storage.messages import inbox
from storage.messages.body import MessageBody
from storage.messages.inbox import Ended

LONGEST_NAME = 40
SHOW = "contact:show"
# A name is asked for this long. Later messages are for the companion again.
# Beside letters, digits, marks and symbols such as emojis. No dot, colon or slash, so that no name
# that the contact reads can be a link.
ALLOWED = " -'’·\u200d"


class ContactSetup:
    """Handles `/contact` and its buttons, and takes the names that people write."""

    def __init__(
        self, answers: Responder, bot: Bot, *, alert: ContactAlert, side: ContactSide
    ) -> None:
        self._answers = answers
        self._texts = answers.texts
        self._bot = bot
        self._alert = alert
        self._side = side

    async def on_contact(self, update: Update, _context: HandlerContext) -> None:
        """Show whose contact a person is, and their own contact."""
        async with self._answers.open(update, "contact") as uow:
            if uow is None:
                return
            is_contact = await self._side.show_all(uow)
            if uow.person.has_consented or not is_contact:
                await self._show(uow)

    async def on_button(self, update: Update, _context: HandlerContext) -> None:
        """Handle the buttons of both sides."""
        act, _, rest = data_of(update).partition(":")
        async with self._answers.open(update, "contact") as uow:
            if uow is None or await self._side.press(uow, act, rest):
                return
            if act == "tell":
                await self._alert.tell(uow.transaction, uow.person)
            elif not uow.person.has_consented:
                await uow.say_text("contact_needs_consent")
            else:
                await self._press(uow, act)

    async def _press(self, uow: UnitOfWork, act: str) -> None:
        contact = await trusted_contacts.of_person(uow.transaction, uow.person.person_id)
        if act == "add":
            await self._begin(uow)
        elif act == "link" and contact is not None and contact.shown_name:
            await self._invite(uow, contact)
        elif act in ("on", "off") and contact is not None and contact.has_agreed:
            await trusted_contacts.change(
                uow.transaction, contact.contact_id, is_automatic=int(act == "on")
            )
            await uow.say_text(
                "contact_turned_on" if act == "on" else "contact_turned_off", called=contact.called
            )
        elif act == "end" and contact is not None:
            await self._end(uow, contact)
        else:
            await self._show(uow)

    async def _begin(self, uow: UnitOfWork) -> None:
        person_id = uow.person.person_id
        await open_questions.close_steps(uow.transaction, person_id)
        if await contact_links.begin(uow.transaction, person_id):
            await uow.say_text("contact_ask_called")
        else:
            await self._show(uow)

    async def _end(self, uow: UnitOfWork, contact: TrustedContact) -> None:
        await self._side.tell_of_end(uow.transaction, contact)
        await trusted_contacts.end(uow.transaction, contact.contact_id)
        key = "contact_ended" if contact.has_agreed else "contact_ended_link"
        await uow.say_text(key, called=contact.called)

    async def intercept(self, transaction: Transaction, utterance: Utterance) -> bool:
        """Take a message as the name that was asked for. A message at risk is never taken."""
        person = utterance.person
        if not utterance.is_typed or not utterance.is_new or utterance.is_edit:
            return False
        since = transaction.now - STAYS_OPEN
        contact = await contact_links.asked_of(transaction, person.person_id, since=since)
        if contact is None:
            return False
        if utterance.screening.level >= Level.PASSIVE:
            await contact_links.close_step(transaction, person.person_id)
            return False
        if await self._is_bare_answer(transaction, utterance):
            return False
        uow = UnitOfWork(transaction, person, self._texts)
        text = read_name(utterance.text)
        if text is None:
            await uow.say_text("contact_name_unclear")
        elif await contact_links.name(transaction, contact, text) is NameAsked.SHOWN:
            await uow.say_text("contact_ask_shown_name")
        else:
            await self._invite(uow, contact)
        await inbox.end(transaction, utterance.update_ids, Ended.ANSWERED, reason="contact")
        return True

    @staticmethod
    async def _is_bare_answer(transaction: Transaction, utterance: Utterance) -> bool:
        """Return whether a message is a yes or no, and not a name that sounds like one (Mei)."""
        if read(normalise(utterance.text).surface).answer is Answer.OTHER:
            return False
        if split(utterance.text.strip().lower()) is None:
            return True
        return await open_position(transaction, utterance.person.person_id) is not None

    async def _invite(self, uow: UnitOfWork, contact: TrustedContact) -> None:
        token = await contact_links.invite(uow.transaction, contact.contact_id)
        if token is None:  # the contact agreed to the last link meanwhile
            await self._show(uow)
            return
        link = f"https://t.me/{self._bot.username}?start={self._side.PREFIX}{token}"
        await uow.say_text("contact_link", called=contact.called, link=link)

    async def _show(self, uow: UnitOfWork) -> None:
        contact = await trusted_contacts.of_person(uow.transaction, uow.person.person_id)
        if not uow.person.has_consented:
            await uow.say_text("contact_needs_consent")
        elif contact is None:
            await uow.say(MessageBody(uow.text("contact_none"), [_button(uow, "add")]))
        elif contact.state is ContactState.DRAFT:
            act = "link" if contact.shown_name else "add"
            await uow.say(MessageBody(uow.text("contact_link_lost"), [_button(uow, act)]))
        elif contact.has_agreed:
            await uow.say(await self._state(uow, contact))
        else:
            until = await local_of(uow.transaction, uow.person, contact.expires_at)
            text = uow.text("contact_waits", called=contact.called, until=until)
            await uow.say(MessageBody(text, [_button(uow, "link"), _button(uow, "end")]))

    @staticmethod
    async def _state(uow: UnitOfWork, contact: TrustedContact) -> MessageBody:
        told = await local_of(uow.transaction, uow.person, contact.told_at)
        is_on = contact.is_automatic
        values: dict[str, Any] = {
            "called": contact.called,
            "name": contact.shown_name,
            "told": told or uow.text("contact_told_never"),
            "automatic": uow.text("contact_automatic_on" if is_on else "contact_automatic_off"),
        }
        buttons = [_button(uow, "off" if is_on else "on"), _button(uow, "end")]
        return MessageBody(uow.text("contact_state", **values), buttons)


LABELS = {
    "add": "contact_add",
    "link": "contact_new_link",
    "on": "contact_turn_on",
    "off": "contact_turn_off",
    "end": "contact_end",
}


def _button(uow: UnitOfWork, act: str) -> list[tuple[str, str]]:
    return [(uow.text(LABELS[act]), f"contact:{act}")]


def read_name(text: str) -> str | None:
    """Return a name that a person wrote, or None if it cannot be one."""
    name = text.strip()
    if not 0 < len(name) <= LONGEST_NAME:
        return None
    kinds = (unicodedata.category(character) for character in name if character not in ALLOWED)
    return name if all(kind[0] in "LMN" or kind == "So" for kind in kinds) else None
