"""Clocks that tests move."""

from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

T = TypeVar("T", datetime, float)


class ManualClock(Generic[T]):
    """A clock that stands still until a test moves it."""

    def __init__(self, now: T) -> None:
        self.now = now

    def __call__(self) -> T:
        return self.now

    def to(self: "ManualClock[datetime]", *values: int) -> None:
        """Set the clock to an instant in UTC."""
        self.now = datetime(*values, tzinfo=UTC)  # type: ignore[arg-type]

    def forward(self: "ManualClock[datetime]", **by: float) -> None:
        self.now += timedelta(**by)


class OffsetClock:
    """The time of day, with an offset that a test sets."""

    def __init__(self) -> None:
        self.ahead = timedelta()
        self._stopped_at: datetime | None = None

    def stop(self) -> None:
        """Stand still, so that only `ahead` moves the time."""
        self._stopped_at = datetime.now(UTC)

    def __call__(self) -> datetime:
        return (self._stopped_at or datetime.now(UTC)) + self.ahead
