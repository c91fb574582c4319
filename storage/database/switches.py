"""Switches that every process of the service obeys at once, such as pause and safe mode."""

from datetime import datetime

from sqlalchemy import delete, insert, select

from storage.database.connection import Transaction
from storage.database.schema import switches

EVERY = select(switches.c.name, switches.c.value, switches.c.changed_at)


async def turn_on(transaction: Transaction, name: str, value: str) -> None:
    """Turn a switch on, with a value that says why or what."""
    await turn_off(transaction, name)
    await transaction.execute(
        insert(switches).values(name=name, value=value, changed_at=transaction.now)
    )


async def turn_off(transaction: Transaction, name: str) -> bool:
    """Turn a switch off, and return False if it was off."""
    return (
        await transaction.execute(delete(switches).where(switches.c.name == name))
    ).rowcount == 1


async def value(transaction: Transaction, name: str) -> str | None:
    """Return a switch's value, or None if it is off."""
    query = select(switches.c.value).where(switches.c.name == name)
    return (await transaction.execute(query)).scalar_one_or_none()


async def every(transaction: Transaction) -> dict[str, tuple[str, datetime]]:
    """Return the value and time of every switch that is on."""
    return {name: (text, at) for name, text, at in await transaction.execute(EVERY)}
