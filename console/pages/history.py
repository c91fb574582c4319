"""The page of a person's earlier turns, shown only with a recorded reason."""

from starlette.requests import Request
from starlette.responses import Response

from console import views
from console.door import ProtectedRoute, field
from console.numbers import read_number
from console.pages.case import the_case
from console.site import SitePage
from review.operators.sign_in import Visitor
from storage.companion import transcripts
from storage.companion.conversations import Turn
from storage.ids import TurnId
from storage.messages import sent

LEAST_REASON, MOST_REASON = 10, 500
A_PAGE = 200


class HistoryPage(SitePage):
    """Ask for a reason, then show turns and record every page."""

    def entries(self) -> list[ProtectedRoute]:
        """List the routes."""
        return [
            ProtectedRoute("/cases/{case_id:id}/history", self.ask),
            ProtectedRoute("/cases/{case_id:id}/history", self.show, "POST"),
        ]

    async def ask(self, request: Request, visitor: Visitor) -> Response:
        """Ask for the reason."""
        async with self._site.database.read() as transaction:
            case = await the_case(transaction, request)
        return await self._page(request, visitor, case=case)

    async def show(self, request: Request, visitor: Visitor) -> Response:
        """Show a page of turns, newest page first."""
        form = await request.form(max_fields=10, max_files=0)
        reason = " ".join(field(form, "reason").split())
        asked = read_number(field(form, "before"))
        before = TurnId(asked) if asked is not None else None
        site = self._site
        async with site.database.read() as transaction:
            case = await the_case(transaction, request)
            names = await site.names(transaction)
        if case.person_id is None:
            return await self._page(request, visitor, case=case)
        if not LEAST_REASON <= len(reason) <= MOST_REASON:
            return await self._page(request, visitor, case=case, reason=reason, is_short=True)
        async with site.database.begin() as transaction:
            turns = await transcripts.latest(
                transaction, case.person_id, limit=A_PAGE, before=before
            )
            detail: dict[str, int] = views.counts(turns) | ({"before": before} if before else {})
            await views.record(
                transaction, visitor, "viewed_history", case=case, words=reason, detail=detail
            )
        return await self._page(
            request,
            visitor,
            case=case,
            reason=reason,
            turns=turns,
            names=names,
            before=turns[0].turn_id if len(turns) == A_PAGE else None,
        )

    async def _page(
        self,
        request: Request,
        visitor: Visitor,
        *,
        reason: str = "",
        is_short: bool = False,
        turns: list[Turn] | None = None,
        before: TurnId | None = None,
        **values: object,
    ) -> Response:
        values = {"names": {}, **values}
        return await self._site.page(
            request,
            visitor,
            "history.html",
            here="case",
            reason=reason,
            is_short=is_short,
            turns=turns,
            before=before,
            least=LEAST_REASON,
            most=MOST_REASON,
            parse_sent=sent.parse,
            **values,
        )
