"""The list of operators and their duty hours.

If the roster has no hours, all operators are always on duty.
"""

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from review.operators.access import Refusal, RefusedError, require_active, require_admin
from storage import Transaction
from storage.ids import OperatorId
from storage.review import audit, operators, sign_ins
from storage.review.operators import Operator, OperatorRole, Shift

DAY_MIN = 24 * 60
MOST_NAME = 64
MOST_PUBLIC_NAME = 40
# What makes a name a link or a mention in Telegram.
_ADDRESS = re.compile(r"[@/\\]|\w\.\w")


async def seed(
    transaction: Transaction, telegram_ids: Iterable[int], *, language: str
) -> list[Operator]:
    """Add the operators that the settings name as admins, and return the new ones.

    An operator whom an admin removed stays removed: the settings only seed the list.
    """
    listed = await operators.listed(transaction, active=False)
    known = {operator.telegram_id for operator in listed}
    added = []
    for telegram_id in sorted(set(telegram_ids) - known):
        operator = await operators.add(
            transaction, telegram_id, role=OperatorRole.ADMIN, name="", language=language
        )
        await audit.append(
            transaction, "operator_seeded", detail={"operator": operator.operator_id}
        )
        added.append(operator)
    return added


async def add(
    transaction: Transaction,
    actor: Operator | None,
    telegram_id: int,
    *,
    role: OperatorRole,
    name: str,
    language: str,
) -> Operator:
    """Add an operator or change their role, as an admin or (None) from the host.

    Raises:
        RefusedError: `not_allowed`, `bad_telegram_id`, `bad_name`, or `last_admin`.
    """
    if actor is not None:
        require_admin(actor)
    if not 0 < telegram_id < 2**52:
        raise RefusedError(Refusal.BAD_TELEGRAM_ID)
    present = await operators.by_telegram_id(transaction, telegram_id)
    if present is not None and role is not OperatorRole.ADMIN:
        await _keep_an_admin(transaction, present)
    operator = await operators.add(
        transaction, telegram_id, role=role, name=_name(name), language=language
    )
    await operators.change(
        transaction, operator.operator_id, role=role, name=_name(name) or operator.name
    )
    await _record(transaction, actor, "operator_added", operator.operator_id, role=role)
    added = await operators.get(transaction, operator.operator_id)
    assert added is not None
    return added


async def remove(
    transaction: Transaction, actor: Operator | None, operator_id: OperatorId
) -> Operator:
    """Remove an operator and sign them out everywhere.

    Raises:
        RefusedError: `not_allowed`, `operator_gone`, or `last_admin`.
    """
    if actor is not None:
        require_admin(actor)
    operator = await _active(transaction, operator_id)
    await _keep_an_admin(transaction, operator)
    await operators.change(transaction, operator_id, removed_at=transaction.now)
    await sign_ins.end_sessions_of(transaction, operator_id)
    await _record(transaction, actor, "operator_removed", operator_id)
    return operator


async def set_role(
    transaction: Transaction, actor: Operator, operator_id: OperatorId, role: OperatorRole
) -> None:
    """Make an operator an admin or a reviewer.

    Raises:
        RefusedError: `not_allowed`, `operator_gone`, or `last_admin`.
    """
    require_admin(actor)
    operator = await _active(transaction, operator_id)
    if role is not OperatorRole.ADMIN:
        await _keep_an_admin(transaction, operator)
    await operators.change(transaction, operator_id, role=role)
    await _record(transaction, actor, "operator_role", operator_id, role=role)


async def set_hours(
    transaction: Transaction, actor: Operator | None, operator_id: OperatorId, hours: list[Shift]
) -> None:
    """Set an operator's duty hours, as an admin or (None) from the host.

    Raises:
        RefusedError: `not_allowed`, `operator_gone`, or `bad_hours`.
    """
    if actor is not None:
        require_admin(actor)
    await _active(transaction, operator_id)
    if any(not _is_whole(shift) for shift in hours):
        raise RefusedError(Refusal.BAD_HOURS)
    await operators.set_shifts(transaction, operator_id, hours)
    await _record(transaction, actor, "hours_set", operator_id, shifts=len(hours))


async def set_own(
    transaction: Transaction,
    actor: Operator,
    *,
    name: str,
    public_name: str,
    language: str,
    shows_words: bool,
) -> None:
    """Change an operator's own names, language and display of messages.

    Raises:
        RefusedError: `not_allowed`, `bad_name` or `bad_public_name`.
    """
    require_active(actor)
    if public_name != actor.public_name:
        await set_public_name(transaction, actor, public_name)
    await operators.change(
        transaction, actor.operator_id, name=_name(name), language=language, shows_words=shows_words
    )
    await _record(transaction, actor, "operator_set", actor.operator_id, shows_words=shows_words)


async def set_public_name(transaction: Transaction, actor: Operator, name: str) -> str:
    """Set the name that people read before an operator's messages, and return it as stored.

    Raises:
        RefusedError: `not_allowed` or `bad_public_name`.
    """
    require_active(actor)
    name = " ".join(name.split())
    if len(name) > MOST_PUBLIC_NAME or not name.isprintable() or _ADDRESS.search(_plain(name)):
        raise RefusedError(Refusal.BAD_PUBLIC_NAME)
    await operators.change(transaction, actor.operator_id, public_name=name)
    await _record(transaction, actor, "operator_set", actor.operator_id, public_name=name)
    return name


async def on_duty(transaction: Transaction, zone: ZoneInfo) -> list[Operator]:
    """List the operators on duty, in the order of the list."""
    listed = await operators.listed(transaction)
    hours = await operators.all_shifts(transaction)
    if not hours:
        return listed
    return [
        actor
        for actor in listed
        if _covers(hours.get(actor.operator_id, []), zone, transaction.now)
    ]


def next_of(duty: list[Operator], after: OperatorId | None) -> Operator | None:
    """Return the operator after `after` in a round, or None if nobody is on duty."""
    if not duty:
        return None
    later = [actor for actor in duty if after is not None and actor.operator_id > after]
    return (later or duty)[0]


def _covers(hours: list[Shift], zone: ZoneInfo, now: datetime) -> bool:
    local = now.astimezone(zone)
    minute = local.hour * 60 + local.minute
    today, yesterday = local.weekday(), (local - timedelta(days=1)).weekday()
    return any(
        (shift.weekday == today and shift.starts_min <= minute < _end(shift))
        or (shift.weekday == yesterday and minute + DAY_MIN < _end(shift))
        for shift in hours
    )


def _end(shift: Shift) -> int:
    over_midnight = shift.ends_min <= shift.starts_min
    return shift.ends_min + (DAY_MIN if over_midnight else 0)


def _is_whole(shift: Shift) -> bool:
    return (
        0 <= shift.weekday < 7
        and 0 <= shift.starts_min < DAY_MIN
        and 0 <= shift.ends_min <= DAY_MIN
    )


async def _active(transaction: Transaction, operator_id: OperatorId) -> Operator:
    operator = await operators.get(transaction, operator_id)
    if operator is None or not operator.is_active:
        raise RefusedError(Refusal.OPERATOR_GONE)
    return operator


async def _keep_an_admin(transaction: Transaction, leaving: Operator) -> None:
    admins = [actor for actor in await operators.listed(transaction) if actor.is_admin]
    if [admin.operator_id for admin in admins] == [leaving.operator_id]:
        raise RefusedError(Refusal.LAST_ADMIN)


async def _record(
    transaction: Transaction,
    actor: Operator | None,
    act: str,
    operator_id: OperatorId,
    **detail: object,
) -> None:
    await audit.append(
        transaction,
        act,
        operator_id=actor.operator_id if actor else None,
        detail={"operator": operator_id, **detail} | ({} if actor else {"by": "host"}),
    )


def _plain(name: str) -> str:
    """Return a name with wide signs as their plain forms, so that no wide `@` passes."""
    return unicodedata.normalize("NFKC", name)


def _name(name: str) -> str:
    name = " ".join(name.split())
    if len(name) > MOST_NAME:
        raise RefusedError(Refusal.BAD_NAME)
    return name
