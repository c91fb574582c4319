"""Kill the service at random while people talk, and count what became of every message.

    python -m benchmarks.crash --kills 40 --people 20 [--backup]

The service is `pica serve` as a process of its own, against a local Bot API server in this one;
`kill -9` hits it at random moments, its start included. With --backup, `pica backup` runs over and
over meanwhile, and the last backup is restored at the end. In every life of the service everybody
has a check-in. Knows the database only through `storage`.
"""

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.crash_check_ins import Seen, Waves
from bot.cli.demo import consent
from bot.texts import Texts
from sandbox import Limits, Sandbox, SandboxUser
from storage import Database, Vault, new_secret_key
from storage.companion import conversations, people, transcripts
from storage.messages import inbox_queue, outbox, traces
from storage.upkeep import backup as backup_file
from storage.upkeep import restore

SECRET_KEY = new_secret_key()
LONGEST_LIFE_S = 6.0
QUIET_S = 600.0


@dataclass
class Counts:
    """What was said and what became of it; `lost` and `doubled` must be 0.

    Attributes:
        said: messages that people sent.
        lost: messages whose words stand in no turn, or that have no end.
        replies: messages of the bot that people saw.
        unknown: replies whose outcome is recorded as unknown (seen or not).
        doubled: replies seen more often than the database accounts for.
        unanswered: questions without an answer of the companion.
        check_ins: what came of the check-ins.
    """

    said: int = 0
    lost: int = 0
    replies: int = 0
    unknown: int = 0
    doubled: int = 0
    unanswered: int = 0
    kills: int = 0
    kills_at_start: int = 0
    backups: int = 0
    rows_restored: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    check_ins: Seen = field(default_factory=Seen)

    @property
    def holds(self) -> bool:
        """Whether nothing was lost, doubled or left without an answer."""
        check_ins = self.check_ins.lost or self.check_ins.doubled
        return not (self.lost or self.doubled or self.unanswered or check_ins)


class Victim:
    """`pica serve` in a process of its own."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self._folder = folder
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PICA_")},
            "PICA_TELEGRAM_TOKEN": sandbox.token,
            "PICA_TELEGRAM_API_URL": sandbox.api_url,
            "PICA_SECRET_KEY": SECRET_KEY,
            "PICA_DATA_DIR": str(folder / "data"),
            "PICA_BACKUP_DIR": str(folder / "backups"),
            "PICA_ALLOW_DEMO_MODEL": "1",
            "PICA_OPERATORS_CHAT": str(sandbox.operators_chat_id),
            "PICA_OPERATORS": str(sandbox.operator.id),
            "PICA_HTTP_PORT": "0",
            "PICA_MAX_NEW_TOKENS": "24",
            "PICA_BURST_WINDOW_S": "0.2",
            "PICA_LOG_LEVEL": "error",
            "PYTHONPATH": str(Path(__file__).parents[1]),
        }
        self._process: asyncio.subprocess.Process | None = None
        self.ready = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it; `ready` is set when it says so."""
        self.ready = asyncio.Event()
        self._process = await self._run("serve")
        self._reading = asyncio.create_task(self._watch(self._process, self.ready))

    async def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> int:
        """End it as a container's stop does; return its status."""
        assert self._process is not None
        self._process.terminate()
        return await self._process.wait()

    async def backup(self) -> int:
        """Run `pica backup`; return its status."""
        process = await self._run("backup")
        try:
            await process.communicate()
        finally:
            if process.returncode is None:  # cut short: nobody else would wait for it
                process.kill()
                await process.communicate()
        return process.returncode or 0

    async def _run(self, command: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot",
            command,
            cwd=self._folder,
            env=self._environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )

    @staticmethod
    async def _watch(process: asyncio.subprocess.Process, ready: asyncio.Event) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            if b"PICA is ready" in line:
                ready.set()


class Talkers:
    """People who go on talking whatever happens to the service."""

    def __init__(self, users: list[SandboxUser], random_: random.Random) -> None:
        self._users = users
        self._random = random_
        self.said: dict[int, list[str]] = {user.id: [] for user in users}
        self._stopped = asyncio.Event()

    async def talk(self) -> None:
        """Everybody talks until told to stop."""
        await asyncio.gather(*(self._talk(user) for user in self._users))

    def stop(self) -> None:
        """Let everybody fall silent."""
        self._stopped.set()

    async def _talk(self, user: SandboxUser) -> None:
        while not self._stopped.is_set():
            words = f"第{len(self.said[user.id]) + 1}句，今天有点累。"
            self.said[user.id].append(words)
            await user.say(words)
            try:
                async with asyncio.timeout(self._random.uniform(0.5, 5.0)):
                    await self._stopped.wait()
            except TimeoutError:
                continue


async def run(
    *,
    kills: int,
    people_count: int,
    seed: int,
    backup: bool,
    folder: Path,
    quiet: bool = False,
    backups_apart_s: float = 4.0,
) -> Counts:
    """Do it and count.

    A backup starts a process; without a pause between two the machine would do little else.
    """
    random_ = random.Random(seed)  # noqa: S311 - repeatable, not secret
    counts = Counts(kills=kills)
    database = Database(f"sqlite:///{folder / 'data' / 'pica.db'}", Vault.parse(SECRET_KEY))
    waves = Waves(database, random_)
    async with Sandbox(limits=Limits.off()) as sandbox:
        victim = Victim(sandbox, folder)
        await victim.start()
        await victim.ready.wait()
        users = [sandbox.add_user() for _ in range(people_count)]
        await asyncio.gather(*(consent(user, Texts()) for user in users))
        await waves.begin(users, kills)
        talkers = Talkers(users, random_)
        talking = asyncio.create_task(talkers.talk())
        repeated = _back_up(victim, counts, backups_apart_s) if backup else None
        backing_up = asyncio.create_task(repeated) if repeated else None
        for number in range(kills):
            await waves.come()
            await _live_a_while(victim, random_, counts)
            await victim.kill()
            if not quiet:
                print(f"kill {number + 1}/{kills}", file=sys.stderr)
            await victim.start()
        talkers.stop()
        await talking
        await victim.ready.wait()
        try:
            await _until_idle(sandbox, database, waves)
            if backing_up is not None:
                backing_up.cancel()
                await asyncio.gather(backing_up, return_exceptions=True)
            assert await victim.stop() == 0
            for user in users:
                await _count(database, user, talkers.said[user.id], counts)
            counts.check_ins = await waves.count()
        finally:
            await database.aclose()
        if backup:
            counts.rows_restored = await _restore_last(folder)
    return counts


async def _live_a_while(victim: Victim, random_: random.Random, counts: Counts) -> None:
    if random_.random() < 0.25:  # hit it while it starts
        counts.kills_at_start += 1
        await asyncio.sleep(random_.uniform(0.5, LONGEST_LIFE_S))
        return
    await victim.ready.wait()
    await asyncio.sleep(random_.uniform(0.0, LONGEST_LIFE_S))


async def _back_up(victim: Victim, counts: Counts, apart_s: float) -> None:
    while True:
        counts.backups += await victim.backup() == 0
        await asyncio.sleep(apart_s)


async def _until_idle(sandbox: Sandbox, database: Database, waves: Waves) -> None:
    """Wait until every message was fetched and has an end, and nothing is still to be said."""

    deadline = time.monotonic() + QUIET_S
    while time.monotonic() < deadline:
        async with database.read() as transaction:
            waits = await inbox_queue.count_open(transaction) + await outbox.count_open(transaction)
        if not waits and not sandbox.pending_updates and await waves.are_over():
            return
        await asyncio.sleep(0.5)
    raise TimeoutError(f"not idle after {QUIET_S:.0f} s")


async def _count(database: Database, user: SandboxUser, said: list[str], counts: Counts) -> None:
    async with database.read() as transaction:
        person = await people.by_telegram_id(transaction, user.id)
        assert person is not None
        turns = await transcripts.history(transaction, person.person_id)
        hops = await traces.of_chat(transaction, user.id, limit=100_000)
        for turn in turns:
            if turn.role == "person" and not await conversations.is_answered(
                transaction, turn.turn_id
            ):
                counts.unanswered += 1
    kept = Counter(
        line for turn in turns if turn.role == "person" for line in turn.text.split("\n")
    )
    counts.said += len(said)
    counts.lost += sum(kept[words] != 1 for words in said)
    counts.lost += sum(hop.ended_as is None for hop in hops)
    counts.ends.update(f"{hop.ended_as} {hop.reason}" for hop in hops if hop.kind == "words")
    sent = [out for hop in hops for out in hop.sent if out.kind == "reply"]
    unknown = sum(out.state == "unknown" for out in sent)
    accounted = Counter(turn.text for turn in turns if turn.role == "companion")
    seen = Counter(message.text for message in user.messages if message.from_bot)
    counts.replies += sum(seen[text] for text in accounted)
    counts.unknown += unknown
    counts.doubled += sum(max(0, seen[text] - times) for text, times in accounted.items())
    missing = sum(max(0, times - seen[text]) for text, times in accounted.items())
    counts.lost += max(0, missing - unknown)  # a reply that nobody saw and nobody accounts for


async def _restore_last(folder: Path) -> int:
    last = max((folder / "backups").glob("*.backup"))
    database = Database(f"sqlite:///{folder / 'restored.db'}", Vault.parse(SECRET_KEY))
    try:
        counts = await restore.restore(database, last, last.with_name(backup_file.KEYS_FILE))
    finally:
        await database.aclose()
    return sum(counts.values())


def main() -> None:
    """Run from the command line; status 1 where something was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))  # noqa: S311
    parser.add_argument("--backup", action="store_true", help="back up over and over meanwhile")
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="pica-crash-") as folder:
        counts = asyncio.run(
            run(
                kills=options.kills,
                people_count=options.people,
                seed=options.seed,
                backup=options.backup,
                folder=Path(folder),
            )
        )
    print(f"seed {options.seed}, {time.monotonic() - started:.0f} s")
    for name, value in vars(counts).items():
        shown = vars(value) if isinstance(value, Seen) else value
        print(f"{name:>16}  {dict(shown) if isinstance(shown, Counter) else shown}")
    sys.exit(not counts.holds)


if __name__ == "__main__":
    main()
