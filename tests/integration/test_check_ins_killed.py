"""A process that is killed in the middle of a peak: no check-in is lost, none doubled."""

import asyncio
import os
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.checkins import diary
from bot.checkins.rounds import Claimed, Rounds
from bot.checkins.schedule import EVERY_DAY, Appointment
from storage import Database, Transaction, Vault, check_ins, new_secret_key, outbox, people
from storage.ids import PersonId
from storage.outbox import Body, Kind

PEOPLE = 60
KILLS = 3
BEGIN = datetime(2026, 11, 24, 12, tzinfo=UTC)
PEAK = datetime(2026, 11, 25, 9, 0, 1, tzinfo=UTC)


async def ask(transaction: Transaction, claimed: Claimed) -> None:
    """Queue a message that names its check-in, so that a double can be told from a second one."""
    await outbox.put(
        transaction,
        Kind.NOTICE,
        Body(f"{claimed.question.person.person_id}"),
        person_id=claimed.question.person.person_id,
        now=PEAK,
    )
    sys.stdout.write(f"{claimed.check_in_id}\n")
    sys.stdout.flush()


async def peak(url: str, secret: str) -> int:
    """The loop's work at the peak, at its usual pace; what the killed process runs."""
    database = Database(url, Vault.parse(secret))
    await database.create()
    try:
        return await Rounds(database=database, now=lambda: PEAK).send_due(ask)
    finally:
        await database.aclose()


async def test_none_is_lost_or_doubled(tmp_path: Path) -> None:
    secret, url = new_secret_key(), f"sqlite:///{tmp_path / 'pica.db'}"
    everybody = await with_people(url, secret)
    for _ in range(KILLS):
        await kill_amid(url, secret)
    assert 0 < await peak(url, secret) < PEOPLE  # the killed ones had asked some
    database = Database(url, Vault.parse(secret))
    await database.create()
    async with database.read() as transaction:
        for person_id in everybody:
            kept = await check_ins.of_person(transaction, person_id)
            assert [each.local_date.day for each in kept] == [25]
        queued = await outbox.due(transaction, now=PEAK, limit=2 * PEOPLE)
        assert await outbox.count_open(transaction) == PEOPLE
    assert Counter(message.person_id for message in queued) == Counter(everybody)
    await database.aclose()


async def with_people(url: str, secret: str) -> list[PersonId]:
    """People who all chose 09:00."""
    database = Database(url, Vault.parse(secret))
    await database.create()
    await database.upgrade()
    everybody = []
    async with database.begin() as transaction:
        for number in range(PEOPLE):
            person = await people.get_or_create(
                transaction, 1000 + number, language="zh", now=BEGIN
            )
            everybody.append(person.person_id)
            await diary.begin(
                transaction,
                person.person_id,
                zone="UTC",
                wanted=[Appointment(EVERY_DAY, 540)],
                now=BEGIN + timedelta(minutes=1),
            )
    await database.aclose()
    return everybody


async def kill_amid(url: str, secret: str) -> None:
    """Let a process ask some, then kill it without a word."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, url, secret,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert process.stdout is not None
    for _ in range(7):
        assert await process.stdout.readline()
    process.kill()
    await process.wait()


if __name__ == "__main__":
    asyncio.run(peak(*sys.argv[1:3]))
