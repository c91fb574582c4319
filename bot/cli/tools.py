"""`pica generate` and `pica screen`: the model and the screening alone, on JSON lines.

Knows nothing of the service.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.terminal import console, errors, progress, stop

if TYPE_CHECKING:
    from safety.context import Asked

safety = typer.Typer(
    help="The safety layer: how well it screens, and how often it acted in a year.",
    no_args_is_help=True,
)


def generate(
    model: Annotated[str, typer.Option(help="A ChatGLM2 or GLM folder, or a hub repository.")],
    prefix: Annotated[str | None, typer.Option(help="A P-Tuning v2 or PEFT prefix.")] = None,
    greedy: Annotated[bool, typer.Option(help="Always the likeliest token.")] = False,
    max_new_tokens: Annotated[int, typer.Option(min=1)] = 512,
    weights: Annotated[
        str,
        typer.Option(
            help="full, or int8: about half the memory of 16 bits; rounded, and several times "
            "slower on a CPU; needs torchao."
        ),
    ] = "full",
) -> None:
    """Answer JSON lines {"query": …, "history": …} from standard input, in order.

    The history is a list of pairs, question and answer, oldest first; it may be left out.

    Writes {"text": …, "ids": […], "prompt_ids": […]} for each; the words are encoded verbatim.
    """
    from inference import ModelSource
    from inference.generate import generate_lines

    with errors(), progress("Loading the model") as report:
        source = ModelSource(model=model, prefix=prefix, weights=weights)
        for line in generate_lines(
            source, sys.stdin, greedy=greedy, max_new_tokens=max_new_tokens, progress=report
        ):
            typer.echo(json.dumps(line, ensure_ascii=False))


def screen() -> None:
    """Screen JSON lines {"text": …} from standard input for risk, in order.

    A line may also hold "history": the same person's own earlier messages, oldest first, and
    "asked": what they were asked directly just before ("risk": thoughts of ending their life;
    "injury": harm that is done already), so that a yes, or pills that were taken, is read as
    the answer.

    Writes {"level": 0-4, "categories": […], "matches": […], "lexicon": …} for each.
    """
    from safety.screen import Screener

    screener = Screener.load()
    for number, line in enumerate(sys.stdin, 1):
        if line.strip():
            text, history, asked = _to_screen(number, line)
            found = screener.screen(text, history, asked=asked)
            typer.echo(json.dumps(found.to_dict(), ensure_ascii=False))


def _to_screen(number: int, line: str) -> "tuple[str, list[str], Asked | None]":
    from safety.context import Asked

    try:
        row = json.loads(line)
        text, history, asked = row["text"], row.get("history", []), row.get("asked")
        words = [text, *history] if isinstance(history, list) else [None]
        if not all(isinstance(each, str) for each in words):
            raise TypeError
        return text, history, Asked(asked) if asked is not None else None
    except (ValueError, KeyError, TypeError, AttributeError):
        stop(
            f'line {number}: expected {{"text": "…"}}, perhaps with "history": ["…"] and '
            '"asked": "risk" or "injury"'
        )


@safety.command()
def evaluate(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False)],
    misses: Annotated[
        Path | None,
        typer.Option(help="Write a page of what was missed. It holds messages: keep it private."),
    ] = None,
) -> None:
    """Screen the labelled messages of a folder (.jsonl, .jsonl.xz) and print how well it did.

    For each file and each source in it: recall a label, precision, F1, alarms in a thousand
    harmless messages, with confidence intervals. The shapes of rows are in docs/safety.md.
    """
    from safety.evaluate import main

    with console.status("Screening…"):
        status = main(folder, misses)
    raise typer.Exit(status)
