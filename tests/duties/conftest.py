"""The whole service, as in the end-to-end tests, and a clock that tests move."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.e2e.conftest import (  # noqa: F401 - fixtures
    loaded,
    sandbox,
    screener,
    service,
    start,
    texts,
    user,
    worker,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class MovableClock:
    """A clock that stands still until it is moved; `start(now=clock)`."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()
