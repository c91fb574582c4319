"""A service of check-ins, killed amid a peak again and again: what people saw is counted."""

import asyncio
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select

from bot.checkins.rules.schedule import EVERY_DAY, Appointment
from bot.checkins.settings import service
from sandbox import Limits, Sandbox, SandboxUser
from storage import Database, Vault, new_secret_key
from storage.checkins import occurrences
from storage.companion import people
from storage.database.schema import outbox as outbox_table
from storage.ids import PersonId
from storage.messages import outbox
from tests.integration.checkins.line import Line, bot_of

PEOPLE = 60
KILLS = 3
BEGIN = datetime(2026, 11, 24, 12, tzinfo=UTC)
PEAK = datetime(2026, 11, 25, 9, 0, 1, tzinfo=UTC)


async def serve(url: str, secret: str, token: str, api_url: str) -> None:
    """What the killed process runs: due, claimed, worded, queued and sent at the usual pace."""
    started = datetime.now(UTC)
    database = Database(
        url, Vault.parse(secret), clock=lambda: PEAK + (datetime.now(UTC) - started)
    )
    await database.create()
    async with bot_of(token, api_url) as bot:
        line = Line(database, bot)
        await line.delivery.recover()
        delivering = asyncio.create_task(line.delivery.run())
        while not delivering.done():
            await line.asking.run()
            await asyncio.sleep(0.1)


async def test_none_is_lost_or_doubled(tmp_path: Path, sqlite_template: Path) -> None:
    path, secret = tmp_path / "pica.db", new_secret_key()
    shutil.copy(sqlite_template, path)
    database = Database(f"sqlite:///{path}", Vault.parse(secret), clock=lambda: BEGIN)
    async with Sandbox(limits=Limits.off()) as sandbox:
        users = await with_people(database, sandbox)
        # An answer that comes late leaves a moment in which nobody knows what became of it.
        sandbox.faults.add("sendMessage", "slow", times=10**6, delay_s=0.05)
        nursery = await Nursery.start(database, secret, sandbox)
        try:
            for kill in range(KILLS):
                most = (kill + 1) * PEOPLE // (KILLS + 1)
                await nursery.live(until=lambda most=most: saw_more(users, most))
            await nursery.live(until=lambda: have_ended(database))
        finally:
            await nursery.close()
        saw = {person_id: questions(user) for person_id, user in users.items()}
    unknown = await unknown_outcomes(database)
    async with database.read() as transaction:
        for person_id in users:
            rows = await occurrences.of_person(transaction, person_id)
            assert [(row.local_date.day, row.state) for row in rows] == [(25, "asked")]
            assert all(Counter(saw[person_id])[row.check_in_id] <= 1 for row in rows)
            assert len(saw[person_id]) <= 1  # and no other
            assert saw[person_id] or person_id in unknown
    assert len(unknown) <= KILLS * 15  # what was on its way at a kill, and no more
    await database.aclose()


def questions(user: SandboxUser) -> list[int]:
    """Which check-ins a person was asked, by the buttons that they see."""
    return [
        int(message.buttons[0][0][1].split(":")[1])
        for message in user.messages
        if message.from_bot and "mood:" in str(message.buttons)
    ]


async def unknown_outcomes(database: Database) -> set[PersonId]:
    """Of whom the service says that it does not know whether they saw it; all else is sent."""
    query = select(outbox_table.c.person_id, outbox_table.c.state)
    async with database.read() as transaction:
        found = (await transaction.execute(query)).all()
    assert len(found) == PEOPLE
    assert {row.state for row in found} <= {"sent", "unknown"}
    return {PersonId(row.person_id) for row in found if row.state == "unknown"}


async def with_people(database: Database, sandbox: Sandbox) -> dict[PersonId, SandboxUser]:
    """People who all chose 09:00."""
    found = {}
    async with database.begin() as transaction:
        for _ in range(PEOPLE):
            user = sandbox.add_user()
            await user.say("/start")
            person = await people.get_or_create(transaction, user.id, language="zh")
            found[person.person_id] = user
            transaction.now = BEGIN + timedelta(minutes=1)
            await service.begin(
                transaction, person.person_id, zone="UTC", wanted=[Appointment(EVERY_DAY, 540)]
            )
    return found


class Nursery:
    """A process that has imported everything and forks a service at every life: quick to begin."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, database: Database, secret: str, sandbox: Sandbox) -> "Nursery":
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                __name__,
                f"sqlite:///{database.url.database}",
                secret,
                sandbox.token,
                sandbox.api_url,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
            )
        )

    async def live(self, until: Callable[[], Awaitable[bool]]) -> None:
        """Let a process serve until it is time, then kill it without a word."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"one more\n")
        pid = int(await self._process.stdout.readline())
        try:
            async with asyncio.timeout(60):
                while not await until():  # noqa: ASYNC110 - what people see has no event
                    await asyncio.sleep(0.02)
        finally:
            os.kill(pid, signal.SIGKILL)
        assert await self._process.stdout.readline() == b"killed\n"  # and not ended by itself

    async def close(self) -> None:
        self._process.kill()
        await self._process.communicate()


def forks() -> None:
    """What the nursery does."""
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            asyncio.run(serve(*sys.argv[1:5]))
        _say(str(pid))
        _, status = os.waitpid(pid, 0)
        _say("killed" if os.WIFSIGNALED(status) else "ended")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def saw_more(users: dict[PersonId, SandboxUser], most: int) -> bool:
    return sum(len(questions(user)) for user in users.values()) > most


async def have_ended(database: Database) -> bool:
    query = select(func.count()).select_from(outbox_table)
    async with database.read() as transaction:
        queued = (await transaction.execute(query)).scalar_one()
        return bool(queued == PEOPLE and not await outbox.count_open(transaction))


if __name__ == "__main__":
    forks()
