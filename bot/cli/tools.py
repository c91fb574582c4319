"""`pica generate`, `pica screen` and `pica safety evaluate`: single parts of the service."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.terminal import console, errors, print_json, progress, stop

safety = typer.Typer(
    help="How well the safety layer screens, and how often it acted in a year.",
    no_args_is_help=True,
)


def generate(
    model: Annotated[str, typer.Option(help="A ChatGLM or GLM folder, or a hub repository.")],
    prefix: Annotated[str | None, typer.Option(help="A P-Tuning v2 or PEFT prefix.")] = None,
    greedy: Annotated[bool, typer.Option(help="Always take the most likely token.")] = False,
    max_new_tokens: Annotated[int, typer.Option(min=1)] = 512,
    weights: Annotated[
        str,
        typer.Option(
            help="full, or int8: about half the memory of 16 bits, but rounded, and several times "
            "slower on a CPU. int8 needs torchao."
        ),
    ] = "full",
) -> None:
    """Answer JSON lines {"query": …, "history": …} from standard input, in order.

    The history is optional: a list of pairs, question and answer, oldest first.

    Writes {"text": …, "ids": […], "prompt_ids": […]} for each. The text is encoded verbatim.
    For a line that is too long it writes {"line": …, "error": …}, and ends with status 1.
    """
    from inference import ModelSource
    from inference.generate import generate_lines
    from safety.text.utf8 import text_lines

    with errors(), progress("Loading the model") as report:
        source = ModelSource(model=model, prefix=prefix, weights=weights)
        lines = text_lines(sys.stdin.buffer)
        has_failed = False
        for line in generate_lines(
            source, lines, greedy=greedy, max_new_tokens=max_new_tokens, progress=report
        ):
            print_json(line)
            has_failed |= "error" in line
    if has_failed:
        raise typer.Exit(1)


def screen() -> None:
    """Screen JSON lines {"text": …} from standard input for risk, in order.

    The input is UTF-8 under every locale. A line in another encoding ends it with an error.

    A line may also hold "history", the same person's earlier messages, oldest first. "asked"
    names the question of the scripts just before, as in safety/response/scripts.yaml: "risk",
    "injured", "means", "company" … The message is then read as its answer. "injury", the older
    name of "injured", still works.

    Writes {"level": 0-4, "categories": […], "matches": […], "lexicon": …, "request": …} for each.
    "request" is what the text asks the service: human, lines, identity, privacy, stop_checkins
    or null. After a question it adds "answer": yes, no, unsure, fine, quiet, angry or other.
    """
    from safety.screening.requests import read_question
    from safety.screening.screener import Screener
    from safety.text.utf8 import text_lines

    screener = Screener.load()
    with errors():
        for number, line in enumerate(text_lines(sys.stdin.buffer), 1):
            if line.strip():
                text, history, asked = _to_screen(number, line)
                screening = screener.screen(text, history, asked=asked)
                print_json(screening.to_dict() | {"request": read_question(text)})


# Names of questions that earlier versions took.
_FORMER = {"injury": "injured"}


def _to_screen(number: int, line: str) -> tuple[str, list[str], str | None]:
    from safety.screening.answers import all_questions

    try:
        row = json.loads(line)
        text, history, asked = row["text"], row.get("history", []), row.get("asked")
        words = [text, *history] if isinstance(history, list) else [None]
        if not all(isinstance(word, str) for word in words):
            raise TypeError
        asked = _FORMER.get(asked, asked)
    except (ValueError, KeyError, TypeError, AttributeError):
        stop(
            f'line {number}: expected {{"text": "…"}}, optionally with "history": ["…"] and '
            '"asked": the name of a question'
        )
    if asked is not None and asked not in all_questions():
        stop(f'line {number}: expected "asked" to be one of {", ".join(all_questions())}')
    return text, history, asked


@safety.command()
def evaluate(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False)],
    misses: Annotated[
        Path | None, typer.Option(help="Write a page of missed messages. Keep it private.")
    ] = None,
) -> None:
    """Screen the labelled messages of a folder (.jsonl, .jsonl.xz) and print the quality.

    For each file and each of its sources: recall per label, precision, F1 and alarms per thousand
    harmless messages, with confidence intervals. docs/safety.md describes the rows.
    """
    from safety.evaluation.evaluate import main
    from storage.database import private_files

    with errors(), console.status("Screening…"):
        if misses is not None:
            private_files.ensure(misses)  # it will hold messages
            private_files.narrow([misses])
        status = main(folder, misses)
    raise typer.Exit(status)
