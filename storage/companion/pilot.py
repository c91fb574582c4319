"""Invites to a closed pilot, and each person's daily number of replies.

Only the hash of a code is stored.
"""

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import delete, insert, select, update

from storage.database.connection import Transaction, count_up
from storage.database.schema import daily_usage, invites
from storage.ids import PersonId


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


async def invite(transaction: Transaction, *, uses: int, days: int) -> str:
    """Create an invite and return its code, which is stored nowhere."""
    code = secrets.token_urlsafe(12)
    await transaction.execute(
        insert(invites).values(
            code_hash=_hash(code), uses_left=uses, expires_at=transaction.now + timedelta(days=days)
        )
    )
    return code


async def redeem(transaction: Transaction, code: str) -> bool:
    """Use an invite once, and return False if it is unknown, used up or expired."""
    used = await transaction.execute(
        update(invites)
        .where(
            invites.c.code_hash == _hash(code),
            invites.c.uses_left > 0,
            invites.c.expires_at > transaction.now,
        )
        .values(uses_left=invites.c.uses_left - 1)
    )
    return used.rowcount == 1


async def revoke_all(transaction: Transaction) -> int:
    """Delete every invite, and return how many."""
    return (await transaction.execute(delete(invites))).rowcount


async def replies_today(transaction: Transaction, person_id: PersonId) -> int:
    """Return how many model replies a person got today (UTC)."""
    query = select(daily_usage.c.replies).where(
        daily_usage.c.person_id == person_id, daily_usage.c.day == f"{transaction.now:%Y-%m-%d}"
    )
    return (await transaction.execute(query)).scalar_one_or_none() or 0


async def count_reply(transaction: Transaction, person_id: PersonId) -> None:
    """Count one model reply."""
    keys = {"person_id": person_id, "day": f"{transaction.now:%Y-%m-%d}"}
    await transaction.execute(count_up(transaction.dialect, daily_usage.c.replies, keys))
