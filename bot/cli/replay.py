"""`pica safety replay`: the alarms that a lexicon change gains and loses."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.terminal import console, errors, print_json, progress, stop

if TYPE_CHECKING:
    from safety.evaluation.examples import Broken
    from safety.evaluation.replay import Moved, Replay
    from safety.evaluation.replay_counts import Labelled, ReplayCounts

_HEADS = ("messages", "alarms", "gained", "lost", "raised", "lowered", "level 3 and up", "source")


def replay(
    change: Annotated[Path, typer.Argument(help="The change, as in docs/safety.md.")],
    folder: Annotated[
        Path | None,
        typer.Argument(
            exists=True,
            file_okay=False,
            help="Messages to screen besides the examples (.jsonl, .jsonl.xz).",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    show: Annotated[
        int,
        typer.Option(
            min=0,
            max=200,
            help="Print up to this many messages of each kind of move. They may be people's own "
            "words, so keep them private.",
        ),
    ] = 0,
) -> None:
    """Screen messages with the lexicon and with a change to it, and compare.

    The messages are the shipped examples and, if a folder is given, its messages in the formats
    that `pica safety evaluate` reads. An alarm is a level of 2 or more. Nothing goes live.

    The exit status is 1 if a message at risk loses its alarm, if an example of a rule fails, or
    if the change or the folder cannot be read.

    Example: pica safety replay change.yaml messages/ --show 20
    """
    with errors():
        broken, done = _replayed(_read(change), folder)
    shown = {kind.value: moved[:show] for kind, moved in done.examples.items() if show}
    if as_json:
        print_json(_as_json(broken, done, shown))
    else:
        for line in _lines(broken, done, shown):
            typer.echo(line)
    faults = list(_faults(broken, done))
    if faults:
        stop("\n".join(faults))


def _read(change: Path) -> str:
    from safety.text.utf8 import read_text

    try:
        return read_text(change)
    except OSError as error:
        stop(f"{change}: {error.strerror or error}. Name a readable file.")


def _replayed(text: str, folder: Path | None) -> "tuple[list[Broken], Replay]":
    from safety.changes.change import apply, check, parse_change
    from safety.evaluation.evaluate import messages
    from safety.evaluation.examples import shipped_examples
    from safety.evaluation.replay import replay as screened_twice
    from safety.screening.screener import Screener

    with console.status("Reading…"):
        before = Screener.load()
        change = parse_change(text, before.lexicon)
        # Read all rows first, so that a malformed one is reported before the long part.
        rows = [*shipped_examples(before.lexicon), *(messages(folder) if folder else ())]
        after = before.with_lexicon(apply(change, before.lexicon))
        broken = check(after, change)
    with progress("Screening", unit="messages") as report:
        done = screened_twice(before, after, rows, lambda number: report(number, len(rows)))
    return broken, done


def _as_json(
    broken: "Sequence[Broken]", done: "Replay", shown: "Mapping[str, Sequence[Moved]]"
) -> dict[str, Any]:
    return {
        **done.to_dict(),
        "broken": [
            {"rule": b.rule, "example": b.example, "must_match": b.must_match} for b in broken
        ],
        **({"examples": {k: [m.to_dict() for m in v] for k, v in shown.items()}} if shown else {}),
    }


def _lines(
    broken: "Sequence[Broken]", done: "Replay", shown: "Mapping[str, Sequence[Moved]]"
) -> Iterator[str]:
    yield f"{done.before} -> {done.after}"
    yield "An alarm is level 2 or more. In brackets: at risk / harmless / without a label."
    yield ""
    table = [_HEADS, *(_row(name, counts) for name, counts in done.sources.items())]
    table.append(_row("all", done.total))
    widths = [max(len(row[at]) for row in table) for at in range(len(_HEADS) - 1)]
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=True)]
        yield "  ".join([*cells, row[-1]])
    if done.total.grave_lost.risk:
        yield f"{done.total.grave_lost.risk} at risk fall below level 3: the model would answer."
    for one in broken:
        verb = "must match" if one.must_match else "must not match"
        yield f"broken example: {one.rule} {verb} {one.example}"
    for kind, moved in shown.items():
        yield from ["", f"{kind}: {len(moved)} shown", *map(_example, moved)]


def _row(name: str, counts: "ReplayCounts") -> tuple[str, ...]:
    grave = f"{counts.grave_before} -> {counts.grave_after}"
    if counts.grave_gained.total or counts.grave_lost.total:
        grave += f" (+{counts.grave_gained.total} -{counts.grave_lost.total})"
    return (
        str(counts.messages),
        f"{counts.before} -> {counts.after}",
        *(_labelled(moved) for moved in counts.moved.values()),
        grave,
        name,
    )


def _labelled(moved: "Labelled") -> str:
    if not moved.total:
        return "0"
    return f"{moved.total} ({moved.risk}/{moved.harmless}/{moved.unlabelled})"


def _example(moved: "Moved") -> str:
    rules = f"{', '.join(moved.rules_before) or '-'} -> {', '.join(moved.rules_after) or '-'}"
    text = " ".join(moved.text.split())
    return f"  {int(moved.before)} -> {int(moved.after)}  {text}  [{moved.source}; {rules}]"


def _faults(broken: "Sequence[Broken]", done: "Replay") -> Iterator[str]:
    from safety.evaluation.replay_counts import LabelKind

    lost = done.total.moved[LabelKind.LOST].risk
    if lost:
        yield f"Messages at risk that lose their alarm: {lost}. Read them with --show {lost}."
    if broken:
        yield f"Examples that fail: {len(broken)}, listed above. Correct the change."
