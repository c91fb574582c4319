"""Sign-in of operators to the console: a one-time link, then a session that expires.

The database stores neither the token nor the secret.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_urlsafe

from review.operators.access import Refusal, RefusedError, require_active
from storage import Transaction
from storage.review import audit, operators, sign_ins
from storage.review.operators import Operator
from storage.review.sign_ins import Session

LINK_HOLDS = timedelta(minutes=10)
MOST_LINKS = 5
LINKS_WITHIN = timedelta(minutes=15)
SESSION_HOLDS = timedelta(hours=12)
IDLE = timedelta(minutes=30)
# A session's use is recorded at most this often.
TOUCHED_AFTER = timedelta(minutes=1)
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Visitor:
    """The operator at a signed-in browser."""

    operator: Operator
    session: Session


async def offer(
    transaction: Transaction, operator: Operator, *, way: str, holds: timedelta = LINK_HOLDS
) -> str:
    """Make a one-time token and invalidate the earlier ones.

    Args:
        transaction: the request's transaction.
        operator: the operator who asked.
        way: how they proved who they are: `bot` or `host`.
        holds: how long the token is valid.

    Raises:
        RefusedError: `not_allowed`, or `too_many_links` within `LINKS_WITHIN`.
    """
    require_active(operator)
    asked = await sign_ins.links_since(
        transaction, operator.operator_id, transaction.now - LINKS_WITHIN
    )
    if asked >= MOST_LINKS:
        raise RefusedError(Refusal.TOO_MANY_LINKS)
    token = token_urlsafe(SECRET_BYTES)
    await sign_ins.put_link(
        transaction, token, operator.operator_id, way=way, expires_at=transaction.now + holds
    )
    await _record(transaction, "link_made", operator, way=way)
    return token


async def holds(transaction: Transaction, token: str) -> bool:
    """Return whether a token is valid, without using it."""
    return await sign_ins.holds(transaction, token)


async def consume(transaction: Transaction, token: str) -> tuple[Operator, str, str]:
    """Use a token and begin a session.

    Returns:
        The operator, the session's secret and its CSRF token.

    Raises:
        RefusedError: `bad_link` (used, expired, replaced by a newer one, or never made).
    """
    link = await sign_ins.consume_link(transaction, token)
    operator = await operators.get(transaction, link[0]) if link else None
    if link is None or operator is None or not operator.is_active:
        raise RefusedError(Refusal.BAD_LINK)
    secret, csrf = token_urlsafe(SECRET_BYTES), token_urlsafe(SECRET_BYTES)
    await sign_ins.begin_session(
        transaction,
        secret,
        operator.operator_id,
        csrf=csrf,
        expires_at=transaction.now + SESSION_HOLDS,
    )
    await _record(transaction, "signed_in", operator, way=link[1])
    return operator, secret, csrf


async def refused(transaction: Transaction, why: str, *, operator: Operator | None = None) -> None:
    """Record a refused sign-in. Needs a transaction of its own."""
    await audit.append(
        transaction,
        "sign_in_refused",
        operator_id=operator.operator_id if operator else None,
        detail={"why": why},
    )


async def visitor(transaction: Transaction, secret: str) -> Visitor | None:
    """Return the session's visitor, or None if it ended or its operator was removed."""
    session = await sign_ins.session(transaction, secret, idle_since=transaction.now - IDLE)
    if session is None:
        return None
    operator = await operators.get(transaction, session.operator_id)
    return Visitor(operator, session) if operator is not None and operator.is_active else None


async def other_browsers(transaction: Transaction, present: Visitor) -> int:
    """Return in how many other browsers the operator is signed in."""
    mine = present.operator.operator_id
    idle_since = transaction.now - IDLE
    return await sign_ins.count_sessions(transaction, mine, idle_since=idle_since) - 1


def is_stale(present: Visitor, *, now: datetime) -> bool:
    """Return whether the session's use should be recorded again."""
    return now - present.session.seen_at > TOUCHED_AFTER


async def touch(transaction: Transaction, present: Visitor) -> None:
    """Restart the session's idle time."""
    await sign_ins.touch_session(transaction, present.session.session_hash)


async def leave(transaction: Transaction, present: Visitor) -> None:
    """Sign this browser out."""
    await sign_ins.end_session(transaction, present.session.session_hash)
    await _record(transaction, "signed_out", present.operator)


async def leave_everywhere(transaction: Transaction, present: Visitor) -> None:
    """Sign every browser of this operator out."""
    count = await sign_ins.end_sessions_of(transaction, present.operator.operator_id)
    await _record(transaction, "signed_out", present.operator, browsers=count)


async def _record(transaction: Transaction, act: str, operator: Operator, **detail: object) -> None:
    await audit.append(transaction, act, operator_id=operator.operator_id, detail=detail)
