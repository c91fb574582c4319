"""`pica safety report`: how often the safety layer acted in a year.

California's SB 243 asks operators of companion bots for such a report from July 2027.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.database import with_rows
from bot.cli.terminal import print_json

if TYPE_CHECKING:
    from storage.review.safety_counts import Count

COUNTED = (
    "How often the safety layer acted on a message or a reply, by level and script, in the "
    "year's days of UTC. One person can be counted several times. No person, no id, no time of "
    "day and no words are in it, nor anything that leads to a person."
)


def report(
    year: Annotated[int, typer.Option(min=2000, max=9999, help="The year (UTC).")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Print how often the safety layer acted in a year, as counts without identifiers.

    The counts include those that California's SB 243 asks for (referrals to crisis services).
    docs/safety.md maps levels to C-SSRS and ASQ. /forget does not change the counts, because they
    lead to no person. An action that never happened is shown with 0.

    Example: pica safety report --year 2026 --json > report-2026.json
    """
    from storage.review import safety_counts

    counts = with_rows(lambda transaction: safety_counts.of_year(transaction, year))
    totals = {act: sum(c.number for c in counts if c.act == act) for act in _acts()}
    if as_json:
        print_json(_as_json(year, totals, counts))
        return
    typer.echo(f"{year}. {COUNTED}")
    for line in _lines(totals, counts):
        typer.echo(line)


def _acts() -> dict[str, str]:
    """Return what each act is called."""
    from storage.review.safety_counts import SafetyEvent

    named = {
        SafetyEvent.FIXED_REPLY: "reviewed reply with crisis numbers, in place of the model's",
        SafetyEvent.RESOURCES: "crisis numbers beside a reply of the model",
        SafetyEvent.CASE: "case opened for operators",
        SafetyEvent.PLAN: "safety plan started",
        SafetyEvent.FOLLOW_UP: "person asked again on the next day, as agreed",
        SafetyEvent.GUARD: "reply of the model held back by the guard",
    }
    return {str(act): words for act, words in named.items()}


def _as_json(year: int, totals: dict[str, int], counts: "Sequence[Count]") -> dict[str, Any]:
    return {
        "year": year,
        "counted": COUNTED,
        "acts": _acts(),
        "totals": totals,
        "counts": [asdict(count) for count in counts],
    }


def _lines(totals: dict[str, int], counts: "Sequence[Count]") -> Iterator[str]:
    for act, words in _acts().items():
        yield f"{totals[act]:7}  {words}"
        for count in counts:
            if count.act == act and (count.level or count.script):
                yield f"{count.number:14}  level {count.level}, {count.script or '-'}"
