"""The page of charts: cases by level and hour, waiting times, false alarms by rule."""

from itertools import pairwise

from starlette.requests import Request
from starlette.responses import Response

from console import views
from console.door import ProtectedRoute
from console.pages import statistics, svg
from console.site import SitePage
from review.operators.sign_in import Visitor
from storage.review import case_queue

DAYS = (7, 30, 90)


class ChartsPage(SitePage):
    """Show the charts."""

    def entries(self) -> list[ProtectedRoute]:
        """List the routes."""
        return [ProtectedRoute("/charts", self.show)]

    async def show(self, request: Request, visitor: Visitor) -> Response:
        """Show the charts of a range of days."""
        site, now = self._site, self._site.database.now()
        asked = request.query_params.get("days")
        days = next((choice for choice in DAYS if str(choice) == asked), 30)
        begins_at = statistics.since(days, now, site.zone)
        async with site.database.read() as transaction:
            opened = await case_queue.opened_since(transaction, begins_at)
            verdicts = await case_queue.verdicts_by_rule(transaction, begins_at)
        async with site.database.begin() as transaction:
            await views.record(transaction, visitor, "viewed_charts", detail={"days": days})
        levels = statistics.by_level(opened)
        hours = statistics.by_hour(opened, site.zone)
        waits = statistics.histogram(opened)
        edges = statistics.EDGES_MIN
        labels = [f"<{edges[0]}", *(f"{a}–{b}" for a, b in pairwise(edges)), f">{edges[-1]}"]
        return await site.page(
            request,
            visitor,
            "charts.html",
            here="charts",
            days=days,
            ranges=DAYS,
            total=len(opened),
            levels=levels,
            level_chart=svg.columns(
                [str(level) for level in levels],
                [{f"level-{level}": count} for level, count in levels.items()],
                step=72,
                gap=24,
            ),
            hours=hours,
            hour_chart=svg.columns(
                [f"{hour:02d}" for hour in range(24)],
                [{f"level-{level}": count for level, count in counts.items()} for counts in hours],
                step=24,
                gap=5,
            ),
            waiting=statistics.waiting(opened),
            buckets=list(zip(labels, waits, strict=True)),
            wait_chart=svg.columns(labels, [{"plain": count} for count in waits], step=56, gap=16),
            unclaimed=sum(figures.acknowledged_at is None for figures in opened),
            rules=[(rate, svg.whisker(rate)) for rate in statistics.rates(verdicts)],
            few=statistics.FEW,
            zone=str(site.zone),
        )
