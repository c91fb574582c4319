"""Rows of the queue as HTML; those that look as they did are not made again.

Everybody fetches a busy queue again every second, and most of its rows are the same. Knows
nothing of which rows are shown.
"""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime

from markupsafe import Markup

from console.site import Site
from review.operators.sign_in import Visitor
from storage.ids import OperatorId
from storage.review.cases import Case
from storage.review.operators import Operator

REMEMBERED = 4000


class QueueRows:
    """Makes rows."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._made: OrderedDict[tuple[object, ...], Markup] = OrderedDict()

    def row(
        self,
        case: Case,
        visitor: Visitor,
        names: Mapping[OperatorId, Operator],
        *,
        now: datetime,
    ) -> Markup:
        """One case, as this operator sees it now."""
        site, language = self._site, visitor.operator.language
        holder = names.get(case.claimed_by) if case.claimed_by is not None else None
        values = {
            "age": site.ago(language, case.last_risk_at),
            "holder": site.called(language, holder),
            "is_mine": case.claimed_by == visitor.operator.operator_id,
            "is_due": case.clock_due_at is not None and case.clock_due_at > now,
        }
        key = (case, language, *values.values())
        if (made := self._made.get(key)) is None:
            html = site.render("queue_row.html", language, case=case, **values)
            made = self._made[key] = Markup(html)  # noqa: S704 - escaped by the template
            while len(self._made) > REMEMBERED:
                self._made.popitem(last=False)
        return made
