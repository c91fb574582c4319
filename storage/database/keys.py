"""Data keys in SQL, wrapped: one for each person and one for the service itself.

Text is sealed and opened here because its owner's key is looked up in the same transaction.
"""

from secrets import token_bytes

from sqlalchemy import delete, func, insert, select, update

from storage.database.connection import Transaction
from storage.database.schema import data_keys
from storage.database.vault import KEY_BYTES, SecretKeyError, UnsealError
from storage.database.vault import seal as seal_bytes
from storage.database.vault import unseal as unseal_bytes

# The owner of text that belongs to no person, such as operators' messages and farewells.
SERVICE = 0


class KeyDestroyedError(LookupError):
    """The owner was erased, so nothing that their key sealed can be read again."""


async def create(transaction: Transaction, owner: int) -> None:
    """Create the owner's data key."""
    key = token_bytes(KEY_BYTES)
    vault = transaction.vault
    await transaction.execute(
        insert(data_keys).values(
            owner=owner,
            wrapped=vault.wrap(key, owner),
            master=vault.master,
            created_at=transaction.now,
        )
    )
    # The vault holds it only after the commit, because a rolled-back id may be reused.
    transaction.fresh_keys[owner] = key


async def of(transaction: Transaction, owner: int) -> bytes:
    """Return the owner's data key.

    Raises:
        KeyDestroyedError: the owner was erased.
        SecretKeyError: PICA_SECRET_KEY does not unwrap it.
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
    """Seal an owner's text for a column, such as `turns.words`."""
    key = await of(transaction, owner)
    return seal_bytes(key, text.encode("utf-8", "surrogatepass"), f"{place}:{owner}")


async def unseal(transaction: Transaction, owner: int, sealed: bytes, place: str) -> str:
    """Open text that `seal` sealed."""
    key = await of(transaction, owner)
    try:
        return unseal_bytes(key, sealed, f"{place}:{owner}").decode("utf-8", "surrogatepass")
    except UnsealError:
        transaction.vault.forget(owner)  # a restored database may hold another key of this id
        key = await of(transaction, owner)
        return unseal_bytes(key, sealed, f"{place}:{owner}").decode("utf-8", "surrogatepass")


async def destroy(transaction: Transaction, owner: int) -> None:
    """Delete a key, so that nothing it sealed opens again, in this database or a backup."""
    await transaction.execute(delete(data_keys).where(data_keys.c.owner == owner))
    transaction.vault.forget(owner)
    transaction.fresh_keys.pop(owner, None)


async def check(transaction: Transaction) -> None:
    """Create the service's key at the first start, later check that the secret key opens it.

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
                "The database lacks the service's own data key. Restore a backup."
            ) from None
        await create(transaction, SERVICE)


async def rewrap(transaction: Transaction, *, limit: int) -> int:
    """Wrap data keys again with the newest secret key, and return how many.

    The text that they sealed stays as it is.
    """
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
    """Count the data keys that each secret key has wrapped, by fingerprint."""
    query = select(data_keys.c.master, func.count()).group_by(data_keys.c.master)
    rows = (await transaction.execute(query)).all()
    return {row[0]: row[1] for row in rows}
