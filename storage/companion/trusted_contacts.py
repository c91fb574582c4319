"""Trusted contacts: someone of a person's own, who agreed to be told in a crisis.

A person has one contact at most. `contact_links.py` makes them.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypedDict, Unpack

from sqlalchemy import ColumnElement, Row, delete, or_, select, update

from storage.database import keys
from storage.database.connection import Transaction
from storage.database.schema_contacts import trusted_contacts as rows
from storage.ids import ContactId, OutboxId, PersonId

CALLED_CONTEXT = "trusted_contacts.called"
SHOWN_CONTEXT = "trusted_contacts.shown_name"
LINK_DAYS = 7
# At most one message to a contact in this time, by a tap or by itself.
TELLS_EVERY = timedelta(days=1)


class ContactState(StrEnum):
    """How far a contact has come."""

    DRAFT = "draft"  # the person is giving the names
    INVITED = "invited"  # the link waits
    OPENED = "opened"  # one person has opened the link
    AGREED = "agreed"


class NameAsked(StrEnum):
    """The name that the person's next message gives."""

    CALLED = "called"
    SHOWN = "shown_name"


@dataclass(frozen=True, slots=True)
class TrustedContact:
    """A trusted contact.

    Attributes:
        person_id: whose contact it is.
        contact_person_id: who opened the link, or None.
        called: how the person calls the contact.
        shown_name: the name of the person that the contact reads.
        is_automatic: whether the contact is told at level 4 without a tap.
        telling_at: when the last message was queued, unless it failed.
        told_at: when a message was last delivered.
    """

    contact_id: ContactId
    person_id: PersonId
    contact_person_id: PersonId | None
    state: ContactState
    asks: NameAsked | None
    called: str
    shown_name: str
    is_automatic: bool
    changed_at: datetime
    expires_at: datetime | None
    agreed_at: datetime | None
    telling_at: datetime | None
    told_at: datetime | None

    @property
    def has_agreed(self) -> bool:
        """Whether the contact may be told."""
        return self.state is ContactState.AGREED


class ContactColumns(TypedDict, total=False):
    """The columns that `change` sets."""

    is_automatic: int
    telling_at: datetime | None
    told_at: datetime
    outbox_id: OutboxId


async def of_person(transaction: Transaction, person_id: PersonId) -> TrustedContact | None:
    """Return a person's contact, whether they have agreed or not, or None."""
    found = await find(transaction, rows.c.person_id == person_id)
    return found[0] if found else None


async def agreed_of(transaction: Transaction, person_id: PersonId) -> TrustedContact | None:
    """Return a person's contact if they have agreed, or None."""
    contact = await of_person(transaction, person_id)
    return contact if contact is not None and contact.has_agreed else None


async def of_contact(transaction: Transaction, contact_person_id: PersonId) -> list[TrustedContact]:
    """Return the rows of which this person is the contact, or may become it."""
    return await find(transaction, rows.c.contact_person_id == contact_person_id)


async def of_message(transaction: Transaction, outbox_id: OutboxId) -> TrustedContact | None:
    """Return the contact whom a message tells, or None if it ended meanwhile."""
    found = await find(
        transaction, rows.c.outbox_id == outbox_id, rows.c.state == ContactState.AGREED
    )
    return found[0] if found else None


async def end(transaction: Transaction, contact_id: ContactId) -> bool:
    """Delete a contact, and return False if there was none."""
    statement = delete(rows).where(rows.c.contact_id == contact_id)
    return (await transaction.execute(statement)).rowcount == 1


async def may_tell(transaction: Transaction, contact_id: ContactId) -> bool:
    """Take the one message of the day, and return False if it was taken or nobody agreed."""
    statement = (
        update(rows)
        .where(
            rows.c.contact_id == contact_id,
            rows.c.state == ContactState.AGREED,
            or_(rows.c.telling_at.is_(None), rows.c.telling_at <= transaction.now - TELLS_EVERY),
        )
        .values(telling_at=transaction.now)
    )
    return (await transaction.execute(statement)).rowcount == 1


async def change(
    transaction: Transaction, contact_id: ContactId, **columns: Unpack[ContactColumns]
) -> None:
    """Set columns of a contact."""
    await _set(transaction, contact_id, **columns)


async def note_unreachable(
    transaction: Transaction, contact_person_id: PersonId
) -> list[TrustedContact]:
    """Record that a contact blocked the bot.

    Returns:
        The rows whose persons must be told. Each is told once a day at most.
    """
    noted = await transaction.execute(
        update(rows)
        .where(
            rows.c.contact_person_id == contact_person_id,
            rows.c.state == ContactState.AGREED,
            or_(
                rows.c.unreachable_at.is_(None),
                rows.c.unreachable_at <= transaction.now - TELLS_EVERY,
            ),
        )
        .values(unreachable_at=transaction.now)
        .returning(rows.c.contact_id)
    )
    return await find(transaction, rows.c.contact_id.in_(list(noted.scalars())))


async def _set(transaction: Transaction, contact_id: ContactId, **values: Any) -> None:
    await transaction.execute(update(rows).where(rows.c.contact_id == contact_id).values(**values))


async def find(transaction: Transaction, *conditions: ColumnElement[bool]) -> list[TrustedContact]:
    """Return the contacts that meet conditions."""
    found = await transaction.execute(select(rows).where(*conditions).order_by(rows.c.contact_id))
    return [await _read(transaction, row) for row in found.all()]


async def _read(transaction: Transaction, row: Row[Any]) -> TrustedContact:
    person_id = PersonId(row.person_id)
    names = [
        await keys.unseal(transaction, person_id, sealed, context) if sealed is not None else ""
        for sealed, context in ((row.called, CALLED_CONTEXT), (row.shown_name, SHOWN_CONTEXT))
    ]
    return TrustedContact(
        contact_id=ContactId(row.contact_id),
        person_id=person_id,
        contact_person_id=PersonId(row.contact_person_id) if row.contact_person_id else None,
        state=ContactState(row.state),
        asks=NameAsked(row.asks) if row.asks else None,
        called=names[0],
        shown_name=names[1],
        is_automatic=bool(row.is_automatic),
        changed_at=row.changed_at,
        expires_at=row.expires_at,
        agreed_at=row.agreed_at,
        telling_at=row.telling_at,
        told_at=row.told_at,
    )
