"""The page of the audit trail and its verification, for admins."""

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from console import views
from console.door import ProtectedRoute, field
from console.numbers import read_number
from console.site import SitePage
from review.operators.sign_in import Visitor
from storage.ids import CaseId, OperatorId
from storage.review import audit, audit_check

A_PAGE = 100
LONGEST_ACT = 32


class AuditPage(SitePage):
    """Show and verify the audit trail."""

    def entries(self) -> list[ProtectedRoute]:
        """List the routes."""
        return [
            ProtectedRoute("/audit", self.show, is_admins=True),
            ProtectedRoute("/audit/verify", self.verify, "POST", is_admins=True, is_part=True),
        ]

    async def show(self, request: Request, visitor: Visitor) -> Response:
        """Show a page of records, newest first, with words only if asked for."""
        site = self._site
        asked = request.query_params
        case, operator = read_number(asked.get("case")), read_number(asked.get("operator"))
        act = asked.get("act", "").strip()[:LONGEST_ACT]
        before, has_words = read_number(asked.get("before")), asked.get("words") == "1"
        async with site.database.read() as transaction:
            records = await audit.page(
                transaction,
                before=before,
                case_id=CaseId(case) if case is not None else None,
                operator_id=OperatorId(operator) if operator is not None else None,
                act=act or None,
                limit=A_PAGE,
            )
            names = await site.names(transaction)
        async with site.database.begin() as transaction:
            detail: dict[str, Any] = {"records": len(records), "words": has_words}
            await views.record(transaction, visitor, "viewed_audit", detail=detail)
        chosen = {"case": case, "operator": operator, "act": act, "words": int(has_words)}
        return await site.page(
            request,
            visitor,
            "audit.html",
            here="audit",
            records=records,
            names=names,
            chosen=chosen,
            has_words=has_words,
            who=lambda number: site.called(
                visitor.operator.language, names.get(OperatorId(number))
            ),
            before=records[-1].audit_id if len(records) == A_PAGE else None,
            link=lambda **changed: _link(chosen | changed),
        )

    async def verify(self, request: Request, visitor: Visitor) -> Response:
        """Verify the whole trail, and look for a hash noted earlier if one is given."""
        site = self._site
        head = field(await request.form(max_fields=10, max_files=0), "head").strip().lower()
        async with site.database.snapshot() as transaction:
            verdict = await audit_check.verify(transaction, head=head or None)
        walked = {"records": verdict.records, "is_whole": verdict.broken_at is None}
        async with site.database.begin() as transaction:
            await views.record(transaction, visitor, "audit_verified", detail=walked)
        return site.fragment(visitor, "verdict.html", verdict=verdict, head=head)


def _link(chosen: dict[str, Any]) -> str:
    return "?" + urlencode({name: value for name, value in chosen.items() if value})
