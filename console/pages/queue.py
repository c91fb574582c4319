"""The page of the queue: filtered cases, live, and notes of falling moods.

It never shows what people said.
"""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from console import urgent, views
from console.door import Door, ProtectedRoute
from console.numbers import read_number
from console.pages.case_actions import number
from console.site import Site
from review.cases import mood_notes
from review.operators import sign_in
from review.operators.sign_in import Visitor
from safety.screening.levels import Category
from storage.checkins import settings
from storage.database.events import CaseChanged
from storage.ids import CaseId, OperatorId, PersonId
from storage.review import case_queue
from storage.review.case_queue import Filters
from storage.review.cases import Case
from storage.review.operators import Operator

REMEMBERED = 4000


class QueueRows:
    """Render the rows of the queue and remember recent ones."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._made: OrderedDict[tuple[object, ...], Markup] = OrderedDict()

    def row(
        self, case: Case, visitor: Visitor, names: Mapping[OperatorId, Operator], *, now: datetime
    ) -> Markup:
        """Render a case as this operator sees it now."""
        site, language = self._site, visitor.operator.language
        holder = names.get(case.claimed_by) if case.claimed_by is not None else None
        values = {
            "age": site.ago(language, case.last_risk_at),
            "holder": site.called(language, holder),
            "receiver": site.called(language, names.get(case.handed_to)) if case.handed_to else "",
            "is_mine": case.claimed_by == visitor.operator.operator_id,
            "is_due": case.clock_due_at is not None and case.clock_due_at > now,
        }
        key = (case, language, *values.values())
        if (html := self._made.get(key)) is None:
            rendered = site.render("queue_row.html", language, case=case, **values)
            html = self._made[key] = Markup(rendered)  # noqa: S704 - escaped by the template
            while len(self._made) > REMEMBERED:
                self._made.popitem(last=False)
        return html


STATES = ("waiting", "mine", "claimed", "resolved")
LEVELS = (2, 3, 4)
A_PAGE = 50
MOST_NOTES = 20


class QueuePage:
    """Show the queue, and serve the event stream of every live page."""

    def __init__(self, site: Site, door: Door) -> None:
        self._site = site
        self._door = door
        self._rows = QueueRows(site)

    def entries(self) -> list[ProtectedRoute]:
        """List the routes."""
        return [
            ProtectedRoute("/", self.show),
            ProtectedRoute("/queue", self.table, is_part=True, is_use=False),
            ProtectedRoute("/urgent", self.urgent, is_part=True, is_use=False),
            ProtectedRoute("/falling/seen", self.seen, "POST", is_part=True),
            ProtectedRoute("/stream", self.stream, is_part=True, is_use=False),
        ]

    async def show(self, request: Request, visitor: Visitor) -> Response:
        """Show the whole page."""
        values = await self._values(request, visitor)
        language = visitor.operator.language
        table = self._site.render("queue_table.html", language, visitor=visitor, **values)
        values["table"] = Markup(table)  # noqa: S704 - of our own template, escaped there
        values["others"] = 0
        if request.query_params.get("signed_in") == "1":
            async with self._site.database.read() as transaction:
                values["others"] = await sign_in.other_browsers(transaction, visitor)
        return await self._site.page(request, visitor, "queue.html", here="queue", **values)

    async def table(self, request: Request, visitor: Visitor) -> Response:
        """Show the table again for a live page."""
        values = await self._values(request, visitor)
        return self._site.fragment(visitor, "queue_table.html", **values)

    async def urgent(self, _request: Request, visitor: Visitor) -> Response:
        """Say which urgent cases wait, by number and level."""
        async with self._site.database.read() as transaction:
            waiting = await urgent.waiting(transaction)
        return self._site.fragment(visitor, "urgent.html", urgent=waiting)

    async def stream(self, request: Request, visitor: Visitor) -> Response:
        """Stream the events of one page."""
        operator_id = visitor.operator.operator_id
        if not self._site.live.has_room(operator_id):
            return Response(status_code=503, headers={"Retry-After": "10"})
        asked = read_number(request.query_params.get("case"))
        case_id = CaseId(asked) if asked is not None else None
        # The stream checks the session itself, repeatedly.
        events = self._site.live.events(case_id, operator_id, lambda: self._door.is_in(request))
        return StreamingResponse(events, media_type="text/event-stream")

    async def seen(self, request: Request, visitor: Visitor) -> Response:
        """Mark a note of falling moods as seen."""
        site = self._site
        person_id = PersonId(number(await request.form(max_fields=10, max_files=0), "person"))
        async with site.database.begin() as transaction:
            await mood_notes.mark_seen(transaction, visitor.operator, person_id)
            transaction.record(CaseChanged(None))
        return site.notice(visitor, "done_falling_seen")

    async def _values(self, request: Request, visitor: Visitor) -> dict[str, Any]:
        site, now = self._site, self._site.database.now()
        filters, page = _filters(request, visitor), _page(request)
        async with site.database.read() as transaction:
            cases = await case_queue.page(
                transaction, filters, limit=A_PAGE + 1, offset=page * A_PAGE
            )
            total = await case_queue.count(transaction, filters)
            waiting = await case_queue.waiting_by_level(transaction)
            names = await site.names(transaction)
            fallen = await settings.waiting_fallen(transaction, limit=MOST_NOTES + 1)
            shown = await views.today(transaction, visitor.operator, site.zone)
        detail = {
            "state": filters.state or "all",
            "cases": len(cases[:A_PAGE]),
            "falling": len(fallen[:MOST_NOTES]),
        }
        await site.record_view(visitor, "viewed_queue", filters, page, detail=detail)
        return {
            "exposure": shown,
            "cases": cases[:A_PAGE],
            "rows": [self._rows.row(case, visitor, names, now=now) for case in cases[:A_PAGE]],
            "fallen": fallen[:MOST_NOTES],
            "has_more_fallen": len(fallen) > MOST_NOTES,
            "total": total,
            "waiting": waiting,
            "filters": filters,
            "levels": LEVELS,
            "states": STATES,
            "categories": [str(category) for category in Category],
            "page": page,
            "has_more": len(cases) > A_PAGE,
            "first": page * A_PAGE + 1,
            "link": lambda **changed: _link(filters, changed),
        }


def _filters(request: Request, visitor: Visitor) -> Filters:
    asked = request.query_params
    level = asked.get("level", "")
    categories = {str(category) for category in Category}
    return Filters(
        state=asked["state"] if asked.get("state") in STATES else None,
        level=int(level) if level in map(str, LEVELS) else None,
        category=asked["category"] if asked.get("category") in categories else None,
        operator_id=visitor.operator.operator_id,
    )


def _page(request: Request) -> int:
    return min(read_number(request.query_params.get("page")) or 0, 10_000)


def _link(filters: Filters, changed: dict[str, Any]) -> str:
    """Return the URL query with changes. A new filter starts at the first page."""
    present = {"state": filters.state, "level": filters.level, "category": filters.category}
    chosen = {name: value for name, value in (present | changed).items() if value}
    return f"?{urlencode(chosen)}"
