"""Who takes part in the tests of check-ins: people, a clock, and what was asked."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from bot.checkins.outgoing.scheduler import CheckInScheduler, Claimed
from bot.checkins.rules.schedule import EVERY_DAY, Appointment
from bot.checkins.settings import service
from storage import Database, Transaction
from storage.checkins import occurrences
from storage.checkins.occurrences import CheckInState
from storage.ids import PersonId
from storage.messages import outbox
from storage.messages.body import MessageBody
from storage.messages.outbox import MessageKind, OutboxState
from tests.integration.cast import mei

START = datetime(2026, 1, 5, 0, 30, tzinfo=UTC)  # Monday, 8:30 in Shanghai
NINE, EVENING = Appointment(EVERY_DAY, 540), Appointment(EVERY_DAY, 21 * 60)
AT_NINE = datetime(2026, 1, 5, 1, 0, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


class Clock:
    """A clock that only the test moves; sleeping moves it too."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds + 0.001)


class Asked:
    """What was asked: kept only where the transaction was committed."""

    def __init__(self) -> None:
        self.claimed: list[Claimed] = []

    def watch(self, database: Database) -> Database:
        """Hear what is committed there."""
        database.events.subscribe(Claimed, self.claimed.append)
        return database

    async def __call__(self, transaction: Transaction, claimed: Claimed) -> None:
        await outbox.put(  # sent at once
            transaction,
            MessageKind.CHECK_IN,
            MessageBody("?"),
            person_id=claimed.question.person.person_id,
            check_in_id=claimed.check_in_id,
            ended_as=OutboxState.SENT,
        )
        transaction.record(claimed)

    @property
    def dates(self) -> list[str]:
        return [each.question.occurrence.local_date.isoformat() for each in self.claimed]


def rounds_of(database: Database, clock: Clock) -> CheckInScheduler:
    return CheckInScheduler(database=database, monotonic_s=clock.monotonic_s, sleep=clock.sleep)


async def wants(
    database: Database,
    *wanted: Appointment,
    telegram_id: int = 42,
    zone: str = "Asia/Shanghai",
) -> PersonId:
    async with database.begin() as tx:
        person = await mei(tx, telegram_id)
        await service.begin(tx, person.person_id, zone=zone, wanted=wanted)
    return person.person_id


async def ends(database: Database, person_id: PersonId) -> Counter[tuple[CheckInState, str]]:
    """How many occurrences ended how, by state and reason."""
    async with database.read() as tx:
        rows = await occurrences.of_person(tx, person_id)
    return Counter((row.state, row.reason or "") for row in rows)
