"""Commands for running the service: doctor, trace, pause, invites, receipts."""

import asyncio
import json
from typing import Annotated, Any

import typer
from rich.markup import escape

from bot.cli.database import with_database, with_rows
from bot.cli.terminal import console, errors, in_utf8, print_json, stop
from bot.settings import Settings, SettingsError, load

MARKS = {"good": "[green]ok  [/]", "warning": "[yellow]warn[/]", "bad": "[red]bad [/]"}


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
    from storage.upkeep import erasure

    erased = with_rows(lambda transaction: erasure.receipt(transaction, code))
    if erased is None:
        stop("This receipt is not known. Check the code. Receipts are kept for two years.")
    typer.echo(f"Erased at {erased[0]:%Y-%m-%d %H:%M} UTC: {erased[1]} turns.")
