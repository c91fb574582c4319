"""Commands for running the service: doctor, trace, pause, backups, keys, invites."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.markup import escape

from bot.cli.terminal import console, errors, in_utf8, print_json, progress, stop
from bot.settings import Settings, SettingsError, load
from storage.upkeep import erasure

T = TypeVar("T")
MARKS = {"good": "[green]ok  [/]", "warning": "[yellow]warn[/]", "bad": "[red]bad [/]"}
key = typer.Typer(help="The secret key that seals what people say.", no_args_is_help=True)
db = typer.Typer(help="The database's schema.", no_args_is_help=True)


def with_database(
    work: Callable[[Any, Settings], Awaitable[T]],
    *,
    upgrade: bool = False,
    any_version: bool = False,
) -> T:
    """Run work on the configured database.

    `upgrade` upgrades the schema first. `any_version` accepts an older schema.
    """
    from bot.context import open_database
    from storage import StorageError
    from storage.database import keys, schema_version

    async def run() -> T:
        settings = load()
        database = open_database(settings)
        try:
            if upgrade:
                await database.upgrade()
            version = await database.version()
            if version is None:
                raise StorageError(
                    f"There is no database at {database.place}. Run this in the folder of the "
                    "service, or set PICA_DATA_DIR or PICA_DATABASE_URL as it does. "
                    "`pica db upgrade` makes a new one."
                )
            if version != schema_version.newest() and not any_version:
                raise StorageError(
                    f"The database has schema version {version}, but this program needs "
                    f"{schema_version.newest()}. Make a backup (`pica backup`), then run "
                    "`pica db upgrade`."
                )
            async with database.begin() as transaction:
                await keys.check(transaction)
            return await work(database, settings)
        finally:
            await database.aclose()

    with errors():
        return asyncio.run(run())


def with_rows(read: Callable[[Any], Awaitable[T]]) -> T:
    """Run work that only reads, in a transaction on the configured database."""

    async def work(database: Any, _settings: Settings) -> T:
        async with database.read() as transaction:
            return await read(transaction)

    return with_database(work)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line per check.")] = False,
) -> None:
    """Check everything the service needs, and say what is wrong and what to do.

    The exit status is 1 if something is wrong. Warnings do not count.
    """
    from bot.cli.doctor import examine
    from bot.cli.doctor.findings import Finding, Grade, bad, summary

    findings: list[Finding] = []
    with errors():
        try:
            settings = load()
        except SettingsError as error:
            to_do = "Correct them and run `pica doctor` again: it checks the rest then."
            findings = [bad("settings", fault, "") for fault in error.faults[:-1]]
            findings.append(bad("settings", error.faults[-1], to_do))
        else:
            findings = asyncio.run(examine(settings))
    for finding in findings:
        if as_json:
            print_json(finding.to_dict())
        else:
            _print_finding(finding)
    if not as_json:
        console.print(summary(findings), highlight=False, soft_wrap=True)
    if any(finding.grade is Grade.BAD for finding in findings):
        raise typer.Exit(1)


def _print_finding(finding: Any) -> None:
    what = escape(f"{finding.name}: {finding.what}")  # values may hold brackets
    console.print(f"{MARKS[finding.grade]} {what}", highlight=False, soft_wrap=True)
    if finding.to_do:
        to_do = escape(finding.to_do)
        console.print(f"       {to_do}", highlight=False, style="dim", soft_wrap=True)


def trace(
    chat: Annotated[
        int, typer.Argument(min=1, max=2**52, help="The Telegram id of the private chat.")
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON line per message.")
    ] = False,
) -> None:
    """Print where each message of a chat is and how it ended, without its text."""
    from bot.cli.trace import trace as read

    hops = with_database(lambda database, _settings: read(database, chat))
    if not hops and not as_json:
        console.print("No message of this chat is known.")
    for hop in hops:
        typer.echo(json.dumps(hop) if as_json else _hop_line(hop))


def _hop_line(hop: dict[str, Any]) -> str:
    ended = f"{hop['ended_as']} ({hop['reason']})" if hop["reason"] else hop["ended_as"]
    sent = "; ".join(
        f"{out['kind']} {out['state']} [{', '.join(out['parts'])}]" for out in hop["sent"]
    )
    return (
        f"{hop['received_at']}  update {hop['update_id']}  {hop['kind']}  "
        f"level {hop['level']}  {ended}  {sent or '-'}"
    )


def pause(
    why: Annotated[
        str,
        typer.Option(help="The reason, for the record. People do not see it.", callback=in_utf8),
    ] = "by hand",
) -> None:
    """Silence the model everywhere, so that people get reviewed replies only."""
    from bot.crisis.safe_mode import SafeMode, Switch

    fresh = with_database(lambda database, _: SafeMode(database).turn_on(Switch.PAUSED, why))
    console.print("Paused. `pica resume` ends it." if fresh else "The model is already paused.")


def resume() -> None:
    """Let the model speak again after `pica pause`."""
    from bot.crisis.safe_mode import SafeMode, Switch

    was_on = with_database(lambda database, _: SafeMode(database).turn_off(Switch.PAUSED))
    console.print("The model speaks again." if was_on else "The model was not paused.")


def invite(
    uses: Annotated[
        int, typer.Option(min=1, max=100_000, help="How many people may use the link.")
    ] = 1,
    days: Annotated[
        int, typer.Option(min=1, max=3650, help="How many days the link is valid.")
    ] = 14,
    revoke: Annotated[bool, typer.Option(help="Revoke every open link instead.")] = False,
) -> None:
    """Print an invite link to a closed pilot (PICA_PILOT=1)."""
    from bot.context import telegram_bot
    from storage.companion import pilot

    async def make(database: Any, settings: Settings) -> str:
        if not settings.pilot:
            console.print("PICA_PILOT is not 1, so everyone may talk to the bot without a link.")
        async with database.begin() as transaction:
            if revoke:
                return f"{await pilot.revoke_all(transaction)} invites revoked."
            code = await pilot.invite(transaction, uses=uses, days=days)
        if settings.telegram_token is None:
            return f"/start {code}"
        async with telegram_bot(settings) as bot:
            return f"https://t.me/{bot.username}?start={code}"

    typer.echo(with_database(make))


def receipt(code: Annotated[str, typer.Argument(help="The code from /forget.")]) -> None:
    """Say whether a receipt of erasure is real. A receipt names no person."""
    erased = with_rows(lambda transaction: erasure.receipt(transaction, code))
    if erased is None:
        stop("This receipt is not known. Check the code. Receipts are kept for two years.")
    typer.echo(f"Erased at {erased[0]:%Y-%m-%d %H:%M} UTC: {erased[1]} turns.")


def backup(
    folder: Annotated[
        Path | None, typer.Argument(help="The folder to write to. Default: PICA_BACKUP_DIR.")
    ] = None,
) -> None:
    """Write an encrypted backup and the newest keys.pica beside it, while the service runs.

    Keep as many backups as you like, but only the newest keys.pica. It lacks the keys of people
    who used /forget, so no backup can reveal their words.
    """
    from storage.upkeep import backup as backup_file

    async def write(database: Any, settings: Settings) -> tuple[Path, int]:
        to = folder or settings.backup_dir
        if to is None:
            raise ValueError("PICA_BACKUP_DIR is not set. Set it, or name a folder.")
        made_at = database.now()
        path = to / f"pica-{made_at:%Y%m%d-%H%M%S}.backup"
        with progress("Backing up", unit="rows") as report:
            rows = await backup_file.write_backup(database, path, progress=report)
        await backup_file.write_keys(database, to / backup_file.KEYS_FILE)
        return path, rows

    path, rows = with_database(write, any_version=True)
    typer.echo(f"{path} ({rows} rows)")


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `pica backup` wrote.")],
    keys: Annotated[
        Path | None, typer.Option(help="The newest keys.pica. Default: the one beside the backup.")
    ] = None,
) -> None:
    """Fill an empty database from a backup.

    People who used /forget since the backup are left out. Replies that waited are not sent.
    """
    from bot.context import open_database
    from storage.upkeep import backup as backup_file
    from storage.upkeep import restore as restore_file

    async def run() -> dict[str, int]:
        database = open_database(load())
        try:
            with progress("Restoring", unit="rows") as report:
                return await restore_file.restore(
                    database, file, keys or file.with_name(backup_file.KEYS_FILE), progress=report
                )
        finally:
            await database.aclose()

    with errors():
        counts = asyncio.run(run())
    erased = counts.pop("erased_since")
    typer.echo(f"{sum(counts.values())} rows restored. {erased} people erased since are left out.")


@db.command("upgrade")
def db_upgrade() -> None:
    """Upgrade the database's schema to the version of this program.

    `pica serve` does the same at its start. Make a backup first: `pica backup` also reads older
    versions.
    """

    async def read(database: Any, _settings: Settings) -> str | None:
        version: str | None = await database.version()
        return version

    typer.echo(f"The schema is at version {with_database(read, upgrade=True)}.")


@key.command("new")
def key_new() -> None:
    """Print a new secret key to put into .env as PICA_SECRET_KEY.

    Keep a copy apart from the backups. Without the key nothing that people said can be read.
    """
    from storage import new_secret_key

    typer.echo(new_secret_key())


@key.command("rotate")
def key_rotate() -> None:
    """Wrap every person's key with the newest secret key.

    Put the new key before the old one (PICA_SECRET_KEY=new,old), restart, run this, make a
    backup, then remove the old one and restart again. People's words are not encrypted again.
    Older backups still need the old key, so keep it as long as you keep them.
    """
    from storage.database import keys

    async def rotate(database: Any, _settings: Settings) -> int:
        done = 0
        with progress("Wrapping keys", unit="rows") as report:
            while True:
                async with database.begin() as transaction:
                    count: int = await keys.rewrap(transaction, limit=500)
                done += count
                report(done, 0)
                if not count:
                    return done

    count = with_database(rotate)
    typer.echo(
        f"{count} keys wrapped again. The service no longer needs older secret keys. Keep them "
        "in a safe place, because older backups open only with them."
    )
