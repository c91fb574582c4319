"""The making of a trusted contact: the names, and a link that one person can use.

The link is stored as a hash and expires.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, or_, update

from storage.companion.trusted_contacts import (
    CALLED_CONTEXT,
    LINK_DAYS,
    SHOWN_CONTEXT,
    ContactState,
    NameAsked,
    TrustedContact,
    find,
)
from storage.database import keys
from storage.database.connection import Transaction, insert_ignore
from storage.database.schema_contacts import trusted_contacts as rows
from storage.ids import ContactId, PersonId


async def begin(transaction: Transaction, person_id: PersonId) -> bool:
    """Ask for the first name, and drop a link that nobody agreed to.

    Returns:
        False if a contact has agreed, who would have to end first.
    """
    await transaction.execute(
        delete(rows).where(rows.c.person_id == person_id, rows.c.state != ContactState.AGREED)
    )
    begun = await transaction.execute(
        insert_ignore(transaction.dialect, rows)
        .values(
            person_id=person_id,
            state=ContactState.DRAFT,
            asks=NameAsked.CALLED,
            changed_at=transaction.now,
            expires_at=transaction.now + timedelta(days=LINK_DAYS),
        )
        .returning(rows.c.contact_id)
    )
    return begun.first() is not None


async def asked_of(
    transaction: Transaction, person_id: PersonId, *, since: datetime
) -> TrustedContact | None:
    """Return a person's contact if a name has been asked for after `since`, or None."""
    found = await find(
        transaction,
        rows.c.person_id == person_id,
        rows.c.asks.is_not(None),
        rows.c.changed_at > since,
    )
    return found[0] if found else None


async def name(transaction: Transaction, contact: TrustedContact, text: str) -> NameAsked | None:
    """Store the name that was asked for, and return the next one to ask for, or None."""
    if contact.asks is NameAsked.CALLED:
        sealed = await keys.seal(transaction, contact.person_id, text, CALLED_CONTEXT)
        values: dict[str, Any] = {"called": sealed, "asks": NameAsked.SHOWN}
    else:
        sealed = await keys.seal(transaction, contact.person_id, text, SHOWN_CONTEXT)
        values = {"shown_name": sealed, "asks": None}
    statement = update(rows).where(rows.c.contact_id == contact.contact_id)
    await transaction.execute(statement.values(changed_at=transaction.now, **values))
    return values["asks"]  # type: ignore[no-any-return]


async def close_step(transaction: Transaction, person_id: PersonId) -> None:
    """Stop waiting for a name."""
    await transaction.execute(
        update(rows)
        .where(rows.c.person_id == person_id, rows.c.asks.is_not(None))
        .values(asks=None)
    )


async def invite(transaction: Transaction, contact_id: ContactId) -> str | None:
    """Create the link's token, which is stored only as a hash. Returns None after an agreement."""
    token = secrets.token_urlsafe(16)
    statement = (
        update(rows)
        .where(rows.c.contact_id == contact_id, rows.c.state != ContactState.AGREED)
        .values(
            state=ContactState.INVITED,
            token_hash=_hash(token),
            contact_person_id=None,
            changed_at=transaction.now,
            expires_at=transaction.now + timedelta(days=LINK_DAYS),
        )
    )
    return token if (await transaction.execute(statement)).rowcount == 1 else None


async def by_token(transaction: Transaction, token: str) -> TrustedContact | None:
    """Return the row of a link that has not expired, or None."""
    found = await find(
        transaction, rows.c.token_hash == _hash(token), rows.c.expires_at > transaction.now
    )
    return found[0] if found else None


async def take_link(
    transaction: Transaction, contact_id: ContactId, contact_person_id: PersonId
) -> bool:
    """Give a link to the first person who opens it, and return False to every other."""
    statement = (
        update(rows)
        .where(
            rows.c.contact_id == contact_id,
            rows.c.person_id != contact_person_id,
            rows.c.expires_at > transaction.now,
            or_(
                rows.c.state == ContactState.INVITED,
                (rows.c.state == ContactState.OPENED)
                & (rows.c.contact_person_id == contact_person_id),
            ),
        )
        .values(state=ContactState.OPENED, contact_person_id=contact_person_id)
    )
    return (await transaction.execute(statement)).rowcount == 1


async def agree(
    transaction: Transaction, contact_id: ContactId, contact_person_id: PersonId
) -> bool:
    """Record that the person who opened the link agrees. Returns False if it is too late."""
    statement = (
        update(rows)
        .where(
            rows.c.contact_id == contact_id,
            rows.c.contact_person_id == contact_person_id,
            rows.c.state == ContactState.OPENED,
            rows.c.expires_at > transaction.now,
        )
        .values(
            state=ContactState.AGREED,
            token_hash=None,
            expires_at=None,
            agreed_at=transaction.now,
            changed_at=transaction.now,
        )
    )
    return (await transaction.execute(statement)).rowcount == 1


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
