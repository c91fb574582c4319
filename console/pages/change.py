"""The page of a lexicon change: its text, its replay and the decision on it.

The messages that a replay moved are people's words. The page shows them only if an operator asks
(`change_examples.py`).
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console.door import ProtectedRoute
from console.pages.change_examples import ExamplePages
from console.pages.lexicon import reasons_of
from console.site import Site
from review.lexicon.decisions import record
from review.lexicon.replays import Running
from review.operators.access import Refusal, RefusedError
from review.operators.sign_in import Visitor
from storage import Transaction
from storage.review import lexicon_changes as changes
from storage.review.lexicon_changes import ChangeState, LexiconChange
from storage.review.operators import Operator

ONE = "/lexicon/changes/{change_id:id}"
ChangeAction = Callable[[Operator, int], Awaitable[object]]


class ChangePage:
    """Show a change and handle the actions on it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._examples = ExamplePages(site)

    def entries(self) -> list[ProtectedRoute]:
        """List the routes. `review/` checks who may withdraw, since it depends on the change."""
        policy = self._site.policy
        acts: dict[str, ChangeAction] = {
            "replay": policy.replays.begin,
            "cancel": self._cancel,
            "withdraw": policy.withdraw,
        }
        admins: dict[str, ChangeAction] = {"approve": policy.approve, "reject": policy.reject}
        return [
            ProtectedRoute(ONE, self.show),
            ProtectedRoute(f"{ONE}/live", self.standing, is_part=True, is_use=False),
            ProtectedRoute(f"{ONE}/examples", self._examples.show, is_part=True),
            *(self._entry(name, act) for name, act in acts.items()),
            *(self._entry(name, act, is_admins=True) for name, act in admins.items()),
        ]

    async def show(self, request: Request, visitor: Visitor) -> Response:
        """Show the whole page."""
        site = self._site
        async with site.database.read() as transaction:
            change = await the_change(transaction, request)
        detail = {"change": change.change_id}
        await site.record_view(visitor, "viewed_lexicon", change.change_id, detail=detail)
        return await site.page(
            request,
            visitor,
            "change.html",
            here="lexicon",
            why=(await reasons_of([change]))[change.change_id],
            **await self._values(request, visitor),
        )

    async def standing(self, request: Request, visitor: Visitor) -> Response:
        """Show the state of the change again, or answer 204 if the page already shows it."""
        values = await self._values(request, visitor)
        if request.query_params.get("seen") == values["mark"]:
            return Response(status_code=204)
        values["is_again"] = True
        values["has_ended"] = not values["running"] and request.query_params.get("ran") == "1"
        return self._site.fragment(visitor, "change_standing.html", **values)

    async def _values(self, request: Request, visitor: Visitor) -> dict[str, Any]:
        site, replays = self._site, self._site.policy.replays
        async with site.database.read() as transaction:
            change = await the_change(transaction, request)
            names = await site.names(transaction)
        number, live = change.change_id, site.policy.live
        running = replays.running
        here = running if running is not None and running.change_id == number else None
        fault = replays.fault if replays.last == number and here is None else ""
        is_stale = change.replay is not None and change.replay["before"] != live.version
        fault_in_use = (
            live.present.left_out.get(number, "") if change.state is ChangeState.LIVE else ""
        )
        return {
            "change": change,
            "names": names,
            "running": here,
            "busy_with": running.change_id if running is not None and here is None else None,
            "fault": fault,
            "left_out": fault_in_use,
            "is_stale": is_stale and change.state is ChangeState.PROPOSED,
            "is_own": change.proposed_by == visitor.operator.operator_id,
            "may": _may(change, visitor.operator),
            "states": ChangeState,
            "counts": change.replay,
            "mark": _mark(change, here, running is None, fault, is_stale, fault_in_use),
            "is_again": False,
            "has_ended": False,
        }

    def _entry(self, name: str, act: ChangeAction, *, is_admins: bool = False) -> ProtectedRoute:
        async def handle(request: Request, visitor: Visitor) -> Response:
            number = min(request.path_params["change_id"], 2**53)
            await act(visitor.operator, number)
            return self._site.notice(visitor, f"done_change_{name}", n=number)

        return ProtectedRoute(f"{ONE}/{name}", handle, "POST", is_admins=is_admins, is_part=True)

    async def _cancel(self, actor: Operator, number: int) -> None:
        """Cancel the replay of this change, also if another operator started it."""
        replays = self._site.policy.replays
        if replays.running is None or replays.running.change_id != number or not replays.cancel():
            raise RefusedError(Refusal.NO_REPLAY)
        async with self._site.database.begin() as transaction:
            await record(transaction, "lexicon_replay_cancelled", actor, number)


async def the_change(transaction: Transaction, request: Request) -> LexiconChange:
    """Return the change that the URL names.

    Raises:
        HTTPException: the change does not exist.
    """
    number = request.path_params["change_id"]
    change = await changes.get(transaction, number) if number < 2**53 else None
    if change is None:
        raise HTTPException(404)
    return change


def _may(change: LexiconChange, operator: Operator) -> set[str]:
    """List the actions to offer. `review/` checks them again."""
    is_own = change.proposed_by == operator.operator_id
    if change.state is ChangeState.LIVE:
        return {"withdraw"} if operator.is_admin else set()
    if change.state is not ChangeState.PROPOSED:
        return set()
    acts = {"replay"} | ({"withdraw"} if is_own else set())
    if operator.is_admin:
        acts |= {"reject"} if is_own else {"reject", "approve"}
    return acts


def _mark(change: LexiconChange, running: Running | None, *rest: object) -> str:
    """Hash what this part of the page shows, to tell whether it has changed."""
    replay: Mapping[str, Any] = change.replay or {}
    seen = (change.state, sorted(replay.items()), running, *rest)
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]
