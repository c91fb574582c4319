"""`pica labels`: the export of operators' verdicts and edits, for evaluation and tuning."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli.database import with_database
from bot.cli.terminal import console, stop

labels = typer.Typer(
    help="What operators decided, as JSON lines, only of people who allow the use of their words.",
    no_args_is_help=True,
)


class Which(StrEnum):
    """The kind of export."""

    VERDICTS = "verdicts"
    EDITS = "edits"


@labels.command()
def export(
    which: Annotated[
        Which,
        typer.Argument(
            help="verdicts: messages and what operators found. "
            "edits: replies that operators read first."
        ),
    ],
    file: Annotated[
        Path,
        typer.Argument(
            help="The file to write. It holds people's words, so only you can read it: "
            "keep it that way."
        ),
    ],
) -> None:
    """Export messages of consenting people with the decisions of operators.

    `verdicts` has the form that `pica safety evaluate` measures, with false alarms labelled
    `unrelated`. A person who withdraws consent or uses /forget is in no later export, so delete
    older ones. The audit trail records each export.

    Example: pica labels export verdicts verdicts.jsonl
    """
    from review.cases import labels as review
    from storage.upkeep.sealed_file import replacing

    if file.exists():
        stop(f"{file} already exists. Choose another name, so that nothing is overwritten.")
    source = review.verdicts if which is Which.VERDICTS else review.edits

    async def write(database: Any, _settings: Any) -> int:
        async with database.begin() as transaction:
            rows = [row async for row in source(transaction)]
            with replacing(file) as out:
                for row in rows:
                    out.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
            await review.record(transaction, which, len(rows))
        return len(rows)

    count = with_database(write)
    console.print(f"{count} rows in {file}")
