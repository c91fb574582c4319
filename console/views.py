"""The record of which data each session viewed, so that a refresh is not a new view.

An open page fetches its parts again after every change. This stays one view for `SAME_VIEW`, and
the words of a turn count once per session. The record lives in memory: after a restart, views are
recorded again.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from review.operators.sign_in import Visitor
from safety.screening.levels import Level
from storage import Transaction
from storage.companion.conversations import Turn
from storage.ids import TurnId
from storage.review import audit
from storage.review.cases import Case
from storage.review.operators import Operator

SAME_VIEW = timedelta(minutes=10)
REMEMBERED = 2000


class Views:
    """Remember what sessions viewed recently."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[object, ...], datetime] = OrderedDict()
        self._turns: OrderedDict[tuple[object, ...], set[TurnId]] = OrderedDict()

    def is_new(self, visitor: Visitor, *key: object, now: datetime) -> bool:
        """Return whether this session did not view this within `SAME_VIEW`."""
        seen_at = self._seen.get((visitor.session.session_hash, *key))
        return seen_at is None or now - seen_at >= SAME_VIEW

    def saw(self, visitor: Visitor, *key: object, now: datetime) -> None:
        """Remember a view. Call this only after it is recorded in the audit trail."""
        self._seen[visitor.session.session_hash, *key] = now
        _shorten(self._seen)

    def new_turns(self, visitor: Visitor, case: Case, turns: Iterable[Turn]) -> list[Turn]:
        """Return the turns whose words this session has not seen yet."""
        shown = self._turns.get((visitor.session.session_hash, case.case_id), set())
        return [turn for turn in turns if turn.turn_id not in shown]

    def has_shown(self, visitor: Visitor, case: Case) -> bool:
        """Return whether this session was shown words of this case."""
        return bool(self._turns.get((visitor.session.session_hash, case.case_id)))

    def saw_turns(self, visitor: Visitor, case: Case, turns: Iterable[Turn]) -> None:
        """Remember turns whose words were shown. Call this only after they are recorded."""
        key = (visitor.session.session_hash, case.case_id)
        self._turns.setdefault(key, set()).update(turn.turn_id for turn in turns)
        self._turns.move_to_end(key)
        _shorten(self._turns)


async def record(
    transaction: Transaction,
    visitor: Visitor,
    act: str,
    *,
    case: Case | None = None,
    words: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Record a view in the audit trail."""
    await audit.append(
        transaction,
        act,
        operator_id=visitor.operator.operator_id,
        case_id=case.case_id if case else None,
        person_id=case.person_id if case else None,
        detail=detail,
        words=words if case is not None and case.person_id is not None else None,
    )


def counts(turns: Collection[Turn]) -> dict[str, int]:
    """Count turns for the audit trail: all of them, and those at level 3 and above."""
    grave = sum(turn.level >= Level.ACTIVE for turn in turns)
    return {"turns": len(turns), "grave": grave}


def _shorten(remembered: OrderedDict[Any, Any]) -> None:
    while len(remembered) > REMEMBERED:
        remembered.popitem(last=False)


# From this many high-risk turns a day, the console suggests a break.
MUCH = 30
LONG = timedelta(hours=6)
READING = ("viewed_words", "viewed_history")


@dataclass(frozen=True, slots=True)
class Exposure:
    """What an operator has read today.

    Attributes:
        grave: how many turns at level 3 and above were shown with their words.
        since: the time of the operator's first action today.
    """

    grave: int
    since: datetime | None
    now: datetime

    @property
    def is_much(self) -> bool:
        """Whether to suggest a break."""
        is_long = self.since is not None and self.now - self.since >= LONG
        return self.grave >= MUCH or is_long


async def today(transaction: Transaction, operator: Operator, zone: ZoneInfo) -> Exposure:
    """Count what an operator has read since midnight."""
    midnight = transaction.now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    shown = await audit.details_since(transaction, operator.operator_id, READING, midnight)
    grave = sum(int(detail.get("grave", 0)) for detail in shown)
    since = await audit.first_since(transaction, operator.operator_id, midnight)
    return Exposure(grave, since, transaction.now)
