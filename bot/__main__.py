"""The `pica` command."""

import sys
from importlib import metadata
from io import TextIOWrapper
from typing import Annotated

import typer

from bot.cli import (
    backups,
    console,
    labels,
    lexicon,
    operate,
    operators,
    replay,
    report,
    run,
    tools,
    tuning,
)

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for panel, commands in {
    "Run": (run.demo, run.serve),
    "Operate": (
        operate.doctor,
        operate.pause,
        operate.resume,
        operate.trace,
        backups.backup,
        backups.restore,
        operate.invite,
        operate.receipt,
    ),
    "Tools on JSON lines": (tools.generate, tools.screen, tuning.tune),
}.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)
app.add_typer(backups.key, name="key", rich_help_panel="Operate")
app.add_typer(console.app, name="console", rich_help_panel="Operate")
app.add_typer(backups.db, name="db", rich_help_panel="Operate")
app.add_typer(operators.operators, name="operators", rich_help_panel="Operate")
app.add_typer(operators.audit, name="audit", rich_help_panel="Operate")
tools.safety.command()(report.report)
tools.safety.command()(replay.replay)
app.add_typer(labels.labels, name="labels", rich_help_panel="Operate")
app.add_typer(lexicon.lexicon, name="lexicon", rich_help_panel="Operate")
app.add_typer(tools.safety, name="safety", rich_help_panel="Tools on JSON lines")


def _print_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"pica-companion {metadata.version('pica-companion')}")
        raise typer.Exit


@app.callback()
def pica(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """PICA companion: an empathetic companion on Telegram.

    Start with `pica demo` (no token, no server, no GPU), then `pica serve`.
    """


def main() -> None:
    """Run the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a character that the locale lacks is no error
            stream.reconfigure(errors="backslashreplace")
    app()


if __name__ == "__main__":
    main()
