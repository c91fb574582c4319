"""Leases: at most one holder of a name at a time, told apart by a growing fence number.

A lease expires by itself if its holder dies.
"""

from datetime import timedelta
from typing import cast

from sqlalchemy import ColumnElement, bindparam, exists, or_, select, update

from storage.database.connection import Transaction, insert_ignore
from storage.database.schema import leases

# The lease of the one process that works on a database.
SERVICE = "service"


async def acquire(
    transaction: Transaction, name: str, holder: str, *, ttl: timedelta
) -> int | None:
    """Take or renew a lease, and return its fence, or None if another process holds it.

    Each is one conditional UPDATE, so that only one of two processes succeeds.
    """
    now = transaction.now
    unheld = {"name": name, "holder": "", "fence": 0, "expires_at": now}
    await transaction.execute(insert_ignore(transaction.dialect, leases), unheld)
    mine = update(leases).where(leases.c.name == name).returning(leases.c.fence)
    prolonged = await transaction.execute(
        mine.where(leases.c.holder == holder, leases.c.expires_at > now).values(
            expires_at=now + ttl
        )
    )
    if (fence := prolonged.scalar_one_or_none()) is not None:
        return cast("int", fence)
    taken = await transaction.execute(
        mine.where(or_(leases.c.expires_at <= now, leases.c.holder == holder)).values(
            holder=holder, fence=leases.c.fence + 1, expires_at=now + ttl
        )
    )
    return cast("int | None", taken.scalar_one_or_none())


def holds(name: str) -> ColumnElement[bool]:
    """Build a condition that no other process took the lease after the value `fence`."""
    return exists().where(leases.c.name == name, leases.c.fence == bindparam("fence"))


async def release(transaction: Transaction, name: str, holder: str) -> None:
    """Release a lease early, so that the next holder does not wait."""
    await transaction.execute(
        update(leases)
        .where(leases.c.name == name, leases.c.holder == holder)
        .values(expires_at=transaction.now)
    )


async def holder(transaction: Transaction, name: str) -> str | None:
    """Return the current holder of a lease, or None."""
    query = select(leases.c.holder).where(
        leases.c.name == name, leases.c.expires_at > transaction.now
    )
    return (await transaction.execute(query)).scalar_one_or_none()
