"""One-time links and console sessions, stored as hashes of their tokens and cookies."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import ColumnElement, delete, func, insert, select, update

from storage.database.connection import Transaction
from storage.database.schema_review import console_sessions, operators, sign_ins
from storage.ids import OperatorId


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser."""

    session_hash: str
    operator_id: OperatorId
    csrf: str
    made_at: datetime
    seen_at: datetime


def hashed(secret: str) -> str:
    """Hash a token or cookie for storage."""
    return sha256(secret.encode()).hexdigest()


async def put_link(
    transaction: Transaction, token: str, operator_id: OperatorId, *, way: str, expires_at: datetime
) -> None:
    """Store a one-time link, and invalidate this operator's earlier ones."""
    await transaction.execute(
        update(sign_ins)
        .where(sign_ins.c.operator_id == operator_id, sign_ins.c.used_at.is_(None))
        .values(used_at=transaction.now)
    )
    await transaction.execute(
        insert(sign_ins).values(
            token_hash=hashed(token),
            operator_id=operator_id,
            way=way,
            made_at=transaction.now,
            expires_at=expires_at,
        )
    )


async def links_since(transaction: Transaction, operator_id: OperatorId, since: datetime) -> int:
    """Count the links that an operator requested after an instant."""
    query = select(func.count()).where(
        sign_ins.c.operator_id == operator_id, sign_ins.c.made_at > since
    )
    return int((await transaction.execute(query)).scalar_one())


def _unused(token: str, now: datetime) -> list[ColumnElement[bool]]:
    """Build the conditions of a valid link."""
    listed = select(operators.c.operator_id).where(operators.c.removed_at.is_(None))
    return [
        sign_ins.c.token_hash == hashed(token),
        sign_ins.c.used_at.is_(None),
        sign_ins.c.expires_at > now,
        sign_ins.c.operator_id.in_(listed),
    ]


async def holds(transaction: Transaction, token: str) -> bool:
    """Return whether a link is still valid."""
    query = select(sign_ins.c.token_hash).where(*_unused(token, transaction.now))
    return (await transaction.execute(query)).one_or_none() is not None


async def consume_link(transaction: Transaction, token: str) -> tuple[OperatorId, str] | None:
    """Use up a link, and return its operator and channel, or None if it is not valid."""
    taken = await transaction.execute(
        update(sign_ins)
        .where(*_unused(token, transaction.now))
        .values(used_at=transaction.now)
        .returning(sign_ins.c.operator_id, sign_ins.c.way)
    )
    row = taken.one_or_none()
    return (OperatorId(row.operator_id), row.way) if row else None


async def begin_session(
    transaction: Transaction,
    secret: str,
    operator_id: OperatorId,
    *,
    csrf: str,
    expires_at: datetime,
) -> None:
    """Store a session for a signed-in browser."""
    await transaction.execute(
        insert(console_sessions).values(
            session_hash=hashed(secret),
            operator_id=operator_id,
            csrf=csrf,
            made_at=transaction.now,
            seen_at=transaction.now,
            expires_at=expires_at,
        )
    )


async def session(transaction: Transaction, secret: str, *, idle_since: datetime) -> Session | None:
    """Return a cookie's session, or None if it ended, timed out, or its operator was removed."""
    query = (
        select(
            console_sessions.c.session_hash,
            console_sessions.c.operator_id,
            console_sessions.c.csrf,
            console_sessions.c.made_at,
            console_sessions.c.seen_at,
        )
        .join_from(console_sessions, operators)
        .where(
            console_sessions.c.session_hash == hashed(secret),
            console_sessions.c.expires_at > transaction.now,
            console_sessions.c.seen_at > idle_since,
            operators.c.removed_at.is_(None),
        )
    )
    row = (await transaction.execute(query)).one_or_none()
    return Session(**row._mapping) if row else None


async def count_sessions(
    transaction: Transaction, operator_id: OperatorId, *, idle_since: datetime
) -> int:
    """Count the browsers in which an operator is signed in."""
    query = select(func.count()).where(
        console_sessions.c.operator_id == operator_id,
        console_sessions.c.expires_at > transaction.now,
        console_sessions.c.seen_at > idle_since,
    )
    return int((await transaction.execute(query)).scalar_one())


async def touch_session(transaction: Transaction, session_hash: str) -> None:
    """Record that a session is in use."""
    await transaction.execute(
        update(console_sessions)
        .where(console_sessions.c.session_hash == session_hash)
        .values(seen_at=transaction.now)
    )


async def end_session(transaction: Transaction, session_hash: str) -> None:
    """Sign a browser out."""
    await transaction.execute(
        delete(console_sessions).where(console_sessions.c.session_hash == session_hash)
    )


async def end_sessions_of(transaction: Transaction, operator_id: OperatorId) -> int:
    """Sign an operator out everywhere, and return of how many browsers."""
    mine = console_sessions.c.operator_id == operator_id
    return (await transaction.execute(delete(console_sessions).where(mine))).rowcount
