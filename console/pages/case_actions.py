"""The actions on a case: each calls `review/` in one transaction.

A refusal appears in the page, and what the operator typed stays there.
"""

from collections.abc import Awaitable, Callable

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from console.door import ProtectedRoute, field
from console.numbers import read_number
from console.pages.case import the_case
from console.site import Site
from review.cases.takeover import TAKE_BACK_WITHIN
from review.operators.access import Refusal, RefusedError
from review.operators.sign_in import Visitor
from storage import Transaction
from storage.ids import CaseId, OperatorId, ReplyId
from storage.review.cases import Resolution
from storage.review.operators import Operator

CaseAction = Callable[[Transaction, Operator, CaseId, FormData], Awaitable[object]]


class CaseActions:
    """Handle the actions on a case."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._acts: dict[str, CaseAction] = {
            "claim": lambda tx, actor, case, _: site.desk.claim(tx, actor, case),
            "release": lambda tx, actor, case, _: site.desk.release(tx, actor, case),
            "take-over": lambda tx, actor, case, _: site.takeover.begin(tx, actor, case),
            "reply": lambda tx, actor, case, form: site.takeover.say(
                tx, actor, case, field(form, "words")
            ),
            "canned": lambda tx, actor, case, form: site.canned.send(
                tx, actor, case, ReplyId(number(form, "reply"))
            ),
            "take-back": lambda tx, actor, case, _: site.takeover.take_back(tx, actor, case),
            "hand-over": lambda tx, actor, case, form: site.hand_over.offer(
                tx, actor, case, OperatorId(number(form, "to"))
            ),
            "hand-back": lambda tx, actor, case, form: site.takeover.hand_back(
                tx, actor, case, field(form, "words")
            ),
            "note": lambda tx, actor, case, form: site.desk.note(
                tx, actor, case, field(form, "words")
            ),
            "shadow-ask": lambda tx, actor, case, _: site.shadow.ask(tx, actor, case),
            "shadow-on": lambda tx, actor, case, _: site.shadow.switch(tx, actor, case, on=True),
            "shadow-off": lambda tx, actor, case, _: site.shadow.switch(tx, actor, case, on=False),
            "draft": lambda tx, actor, _, form: site.shadow.send(
                tx, actor, number(form, "draft"), field(form, "words")
            ),
            "resolve": lambda tx, actor, case, form: site.desk.resolve(
                tx, actor, case, _verdict(form)
            ),
        }

    def entries(self) -> list[ProtectedRoute]:
        """List the routes, one for each action."""
        return [
            ProtectedRoute(
                f"/cases/{{case_id:id}}/{name}", self._handler(name, act), "POST", is_part=True
            )
            for name, act in self._acts.items()
        ]

    def _handler(
        self, name: str, act: CaseAction
    ) -> Callable[[Request, Visitor], Awaitable[Response]]:
        async def handle(request: Request, visitor: Visitor) -> Response:
            form = await request.form(max_fields=50, max_files=0)
            async with self._site.database.begin() as transaction:
                case = await the_case(transaction, request)
                await act(transaction, visitor.operator, case.case_id, form)
            done = f"done_{name.replace('-', '_')}"
            if name != "canned":
                return self._site.notice(visitor, done)
            undo = f"/cases/{case.case_id}/take-back"
            until = self._site.database.now() + TAKE_BACK_WITHIN
            return self._site.notice(visitor, done, undo=undo, until=until)

        return handle


def number(form: FormData, name: str) -> int:
    """Read a number from a form. Return 0, which is never an id, if it is not a number."""
    return read_number(field(form, name)) or 0


def _verdict(form: FormData) -> Resolution:
    given = field(form, "verdict")
    if given not in set(Resolution) - {Resolution.ERASED}:
        raise RefusedError(Refusal.NO_VERDICT)
    return Resolution(given)
