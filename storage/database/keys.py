"""Data keys in SQL: one per person, one for the service itself, wrapped.

Words are sealed and opened here because a key is found by its owner within the transaction that
reads or writes the words.
"""

from datetime import datetime
from secrets import token_bytes

from sqlalchemy import delete, func, insert, select, update

from storage.database.connection import Transaction
from storage.database.schema import data_keys
from storage.database.vault import KEY_BYTES, SecretKeyError, UnsealError
from storage.database.vault import seal as seal_bytes
from storage.database.vault import unseal as unseal_bytes

SERVICE = 0
"""The owner of what belongs to nobody in particular: operators' buttons, last words."""


class KeyDestroyedError(LookupError):
    """The owner was erased: what their key sealed can never be read again."""


async def create(transaction: Transaction, owner: int, *, now: datetime) -> None:
    """Make the owner's data key."""
    key = token_bytes(KEY_BYTES)
    vault = transaction.vault
    await transaction.execute(
        insert(data_keys).values(
            owner=owner, wrapped=vault.wrap(key, owner), master=vault.master, created_at=now
        )
    )
    # Not held in the vault before the commit: a rolled-back id may be given out again.
    transaction.fresh_keys[owner] = key


async def of(transaction: Transaction, owner: int) -> bytes:
    """The owner's data key.

    Raises:
        KeyDestroyedError: the owner was erased.
        SecretKeyError: PICA_SECRET_KEY does not open it.
    """
    vault = transaction.vault
    held = transaction.fresh_keys.get(owner) or vault.held(owner)
    if held is not None:
        return held
    query = select(data_keys.c.wrapped, data_keys.c.master).where(data_keys.c.owner == owner)
    row = (await transaction.execute(query)).one_or_none()
    if row is None:
        raise KeyDestroyedError(owner)
    key = vault.unwrap(row.wrapped, row.master, owner)
    vault.hold(owner, key)
    return key


async def seal(transaction: Transaction, owner: int, text: str, place: str) -> bytes:
    """Seal words of an owner for a column (`turns.words`)."""
    key = await of(transaction, owner)
    return seal_bytes(key, text.encode("utf-8", "surrogatepass"), f"{place}:{owner}")


async def unseal(transaction: Transaction, owner: int, sealed: bytes, place: str) -> str:
    """Open words of an owner; see `seal`."""
    key = await of(transaction, owner)
    try:
        return unseal_bytes(key, sealed, f"{place}:{owner}").decode("utf-8", "surrogatepass")
    except UnsealError:
        transaction.vault.forget(owner)  # a restored database may hold another key of this id
        key = await of(transaction, owner)
        return unseal_bytes(key, sealed, f"{place}:{owner}").decode("utf-8", "surrogatepass")


async def destroy(transaction: Transaction, owner: int) -> None:
    """Delete a key: nothing that it sealed opens again, in this database or a backup of it."""
    await transaction.execute(delete(data_keys).where(data_keys.c.owner == owner))
    transaction.vault.forget(owner)
    transaction.fresh_keys.pop(owner, None)


async def check(transaction: Transaction, *, now: datetime) -> None:
    """Make the service's key at the first start; later, prove that the secret key opens it.

    Raises:
        SecretKeyError: the database was written with another PICA_SECRET_KEY.
    """
    transaction.vault.forget(SERVICE)
    try:
        await of(transaction, SERVICE)
    except KeyDestroyedError:
        query = select(func.count()).select_from(data_keys)
        if (await transaction.execute(query)).scalar_one():
            raise SecretKeyError(
                "The service's own key is missing from this database; restore a backup"
            ) from None
        await create(transaction, SERVICE, now=now)


async def rewrap(transaction: Transaction, *, limit: int) -> int:
    """Wrap keys of older secret keys with the newest; return how many. Words stay as they are."""
    vault = transaction.vault
    query = (
        select(data_keys.c.owner, data_keys.c.wrapped, data_keys.c.master)
        .where(data_keys.c.master != vault.master)
        .limit(limit)
    )
    rows = (await transaction.execute(query)).all()
    for owner, wrapped, master in rows:
        key = vault.unwrap(wrapped, master, owner)
        await transaction.execute(
            update(data_keys)
            .where(data_keys.c.owner == owner, data_keys.c.master == master)
            .values(wrapped=vault.wrap(key, owner), master=vault.master)
        )
    return len(rows)


async def count_by_master(transaction: Transaction) -> dict[str, int]:
    """How many keys each secret key has wrapped, by fingerprint."""
    query = select(data_keys.c.master, func.count()).group_by(data_keys.c.master)
    rows = (await transaction.execute(query)).all()
    return {row[0]: row[1] for row in rows}
