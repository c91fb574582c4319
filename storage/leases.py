"""Leases: at most one holder of a name at a time, told apart by a growing fence.

Knows nothing of what is leased. A lease runs out by itself if its holder dies.
"""

from datetime import datetime, timedelta

from sqlalchemy import or_, select, update

from storage.database import Transaction, insert_ignore
from storage.schema import leases


async def acquire(
    transaction: Transaction, name: str, holder: str, *, ttl: timedelta, now: datetime
) -> bool:
    """Take or prolong a lease; False while somebody else holds it.

    Both are one conditional UPDATE, so that of two processes one wins.
    """
    await transaction.execute(
        insert_ignore(transaction, leases).values(name=name, holder="", fence=0, expires_at=now)
    )
    prolonged = await transaction.execute(
        update(leases)
        .where(leases.c.name == name, leases.c.holder == holder, leases.c.expires_at > now)
        .values(expires_at=now + ttl)
    )
    if prolonged.rowcount == 1:
        return True
    taken = await transaction.execute(
        update(leases)
        .where(leases.c.name == name, or_(leases.c.expires_at <= now, leases.c.holder == holder))
        .values(holder=holder, fence=leases.c.fence + 1, expires_at=now + ttl)
    )
    return taken.rowcount == 1


async def release(transaction: Transaction, name: str, holder: str, *, now: datetime) -> None:
    """Give a lease back early, so that the next holder need not wait."""
    await transaction.execute(
        update(leases)
        .where(leases.c.name == name, leases.c.holder == holder)
        .values(expires_at=now)
    )


async def holder(transaction: Transaction, name: str, *, now: datetime) -> str | None:
    """Who holds a lease now."""
    query = select(leases.c.holder).where(leases.c.name == name, leases.c.expires_at > now)
    return (await transaction.execute(query)).scalar_one_or_none()
