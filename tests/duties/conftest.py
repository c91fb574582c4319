"""The whole service, as in the end-to-end tests, and a clock that tests move."""

from datetime import UTC, datetime

import pytest

from tests.e2e.conftest import (  # noqa: F401 - fixtures
    loaded,
    one_screener,
    runner,
    sandbox,
    service,
    start,
    texts,
    user,
    worker,
)
from tests.support.clock import ManualClock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)
