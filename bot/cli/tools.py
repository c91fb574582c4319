"""`pica generate` and `pica screen`: the model and the screening alone, on JSON lines."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.terminal import console, errors, print_json, progress, stop

if TYPE_CHECKING:
    from safety.screening.context import DirectQuestion

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
    from safety.text.utf8 import text_lines

    with errors(), progress("Loading the model") as report:
        source = ModelSource(model=model, prefix=prefix, weights=weights)
        lines = text_lines(sys.stdin.buffer)
        for line in generate_lines(
            source, lines, greedy=greedy, max_new_tokens=max_new_tokens, progress=report
        ):
            print_json(line)


def screen() -> None:
    """Screen JSON lines {"text": …} from standard input for risk, in order.

    The input is UTF-8, whatever the locale is. A line in another encoding ends it with an error.

    A line may also hold "history": the same person's own earlier messages, oldest first, and
    "asked": what they were asked directly just before ("risk": thoughts of ending their life;
    "injury": harm that is done already), so that a yes, or pills that were taken, is read as
    the answer.

    Writes {"level": 0-4, "categories": […], "matches": […], "lexicon": …} for each.
    """
    from safety.screening.screener import Screener
    from safety.text.utf8 import text_lines

    screener = Screener.load()
    with errors():
        for number, line in enumerate(text_lines(sys.stdin.buffer), 1):
            if line.strip():
                text, history, asked = _to_screen(number, line)
                print_json(screener.screen(text, history, asked=asked).to_dict())


def _to_screen(number: int, line: str) -> "tuple[str, list[str], DirectQuestion | None]":
    from safety.screening.context import DirectQuestion

    try:
        row = json.loads(line)
        text, history, asked = row["text"], row.get("history", []), row.get("asked")
        words = [text, *history] if isinstance(history, list) else [None]
        if not all(isinstance(each, str) for each in words):
            raise TypeError
        return text, history, DirectQuestion(asked) if asked is not None else None
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
    from safety.evaluation.evaluate import main
    from storage.database import private_files

    with errors(), console.status("Screening…"):
        if misses is not None:
            private_files.ensure(misses)  # it is to hold messages
            private_files.narrow([misses])
        status = main(folder, misses)
    raise typer.Exit(status)
