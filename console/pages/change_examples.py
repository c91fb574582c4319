"""The messages that a replay moved, shown on request and recorded.

A page holds only a few, because they are distressing and some are people's own words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from console import views
from console.pages.highlight import Piece, marked
from console.site import SitePage
from review.operators.sign_in import Visitor
from safety.evaluation.replay_counts import LabelKind
from safety.screening.levels import Category, Level
from safety.screening.outcome import Match

A_PAGE = 20
# These kinds show the matches with the change, the others the matches without it.
WITH_THE_CHANGE = (LabelKind.GAINED, LabelKind.RAISED)


@dataclass(frozen=True, slots=True)
class Example:
    """A message that moved."""

    source: str
    is_risk: bool | None
    before: int
    after: int
    rules_before: tuple[str, ...]
    rules_after: tuple[str, ...]
    pieces: tuple[Piece, ...]


class ExamplePages(SitePage):
    """Show the examples of a replay."""

    async def show(self, request: Request, visitor: Visitor) -> Response:
        """Show a page of one kind of move, or the rule examples that fail."""
        site, asked = self._site, request.query_params
        number, kind = min(request.path_params["change_id"], 2**53), asked.get("kind", "")
        page = int(asked["page"]) if asked.get("page", "") in map(str, range(20)) else 0
        examples = await site.policy.replays.examples(visitor.operator, number)
        if kind not in set(LabelKind):
            return site.fragment(visitor, "change_broken.html", broken=examples.broken)
        moved = examples.moved.get(kind, ())
        here = moved[page * A_PAGE : (page + 1) * A_PAGE]
        await self._record(visitor, number, here)
        async with site.database.read() as transaction:
            shown = await views.today(transaction, visitor.operator, site.zone)
        return site.fragment(
            visitor,
            "change_examples.html",
            change_id=number,
            kind=kind,
            page=page,
            examples=[_example(row, LabelKind(kind)) for row in here],
            exposure=shown,
            total=len(moved),
            first=page * A_PAGE + 1,
            has_more=len(moved) > (page + 1) * A_PAGE,
        )

    async def _record(self, visitor: Visitor, number: int, here: Any) -> None:
        """Record how many messages were shown, and how many at level 3 and above."""
        grave = sum(max(row["before"], row["after"]) >= Level.ACTIVE for row in here)
        detail = {"turns": len(here), "grave": grave, "change": number}
        async with self._site.database.begin() as transaction:
            await views.record(transaction, visitor, "viewed_words", detail=detail)


def _example(moved: Mapping[str, Any], kind: LabelKind) -> Example:
    side = "places_after" if kind in WITH_THE_CHANGE else "places_before"
    places = [
        Match(**{**match, "level": Level(match["level"]), "category": Category(match["category"])})
        for match in moved[side]
    ]
    return Example(
        moved["source"],
        moved["is_risk"],
        moved["before"],
        moved["after"],
        tuple(moved["rules_before"]),
        tuple(moved["rules_after"]),
        marked(moved["text"], places),
    )
