"""Whose reply goes first: words at risk, people whom somebody sees to, open cases, distress."""

from datetime import UTC, datetime

import pytest

from bot.conversation.priority import AT_RISK, DISTRESS, OPEN_CASE, WITH_OPERATOR, priority_of
from inference.engine.scheduler import URGENT
from storage.ids import CaseId, PersonId
from storage.review.cases import Case, CaseState

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def case(state: CaseState, took_over_at: datetime | None = None) -> Case:
    return Case(
        CaseId(1), PersonId(1), 2, (), "suicide", state, NOW, NOW, took_over_at=took_over_at
    )


@pytest.mark.parametrize(
    ("level", "open_case", "expected"),
    [
        (0, None, 0),
        (1, None, DISTRESS),
        (2, None, AT_RISK),
        (2, case(CaseState.CLAIMED), AT_RISK),
        (0, case(CaseState.OPEN), OPEN_CASE),
        (1, case(CaseState.CLAIMED), WITH_OPERATOR),
        (0, case(CaseState.OPEN, took_over_at=NOW), WITH_OPERATOR),  # an operator has handed back
    ],
)
def test_the_order(level: int, open_case: Case | None, expected: int) -> None:
    assert priority_of(level, open_case) == expected


def test_all_but_distress_go_before_everyone_who_waits() -> None:
    assert DISTRESS < URGENT <= OPEN_CASE < WITH_OPERATOR < AT_RISK <= 8
