"""The page of the lexicon: the playground, the form for a change and the list of changes.

A text in the playground is never stored or logged. The audit trail records only that the page was
viewed.
"""

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from console.address import ROOT
from console.door import ProtectedRoute, field
from console.pages.highlight import screened
from console.site import SitePage
from review.lexicon.change_control import LONGEST_TEXT
from review.operators.access import Refusal, RefusedError
from review.operators.sign_in import Visitor
from safety.changes.form import MOST_BYTES as MOST_OF_CHANGE
from safety.changes.form import read_why
from storage.review import lexicon_changes as changes
from storage.review.lexicon_changes import ChangeState, LexiconChange

A_PAGE = 50
# A form encodes most bytes of a change as three (`%E5`), and the text to try needs the rest.
MOST_BYTES = 3 * MOST_OF_CHANGE + 64 * 1024


class LexiconPage(SitePage):
    """Show the playground and the list of changes."""

    def entries(self) -> list[ProtectedRoute]:
        """List the routes."""
        return [
            ProtectedRoute("/lexicon", self.show),
            ProtectedRoute(
                "/lexicon/try", self.try_out, "POST", is_part=True, most_bytes=MOST_BYTES
            ),
            ProtectedRoute(
                "/lexicon/propose", self.propose, "POST", is_part=True, most_bytes=MOST_BYTES
            ),
        ]

    async def show(self, request: Request, visitor: Visitor) -> Response:
        """Show the page."""
        site, asked = self._site, request.query_params
        state = asked["state"] if asked.get("state") in set(ChangeState) else None
        page = int(asked["page"]) if asked.get("page", "") in map(str, range(1000)) else 0
        async with site.database.read() as transaction:
            listed = await changes.listed(transaction)
            names = await site.names(transaction)
        await self._site.record_view(visitor, "viewed_lexicon")
        proposed = [change for change in reversed(listed) if change.state is ChangeState.PROPOSED]
        shown = [change for change in reversed(listed) if state in (None, change.state)]
        here = shown[page * A_PAGE : (page + 1) * A_PAGE]
        reasons = await reasons_of([*proposed, *here])
        return await site.page(
            request,
            visitor,
            "lexicon.html",
            here="lexicon",
            names=names,
            state=state,
            states=list(ChangeState),
            page=page,
            has_more=len(shown) > (page + 1) * A_PAGE,
            proposed=[(change.change_id, reasons[change.change_id]) for change in proposed],
            rows=[(change, reasons[change.change_id]) for change in here],
            left_out=site.policy.live.present.left_out,
            version=site.policy.live.version,
            longest=LONGEST_TEXT,
            link=lambda **to: _link({"state": state, **to}),
        )

    async def try_out(self, request: Request, visitor: Visitor) -> Response:
        """Screen a text with the lexicon in use and with a change."""
        form = await _form(request)
        text = _lines(field(form, "text"))
        await self._site.record_view(visitor, "viewed_lexicon")
        try:
            change, called = await self._chosen(form)
            before, after = await self._site.policy.playground(text, change)
        except RefusedError as refused:
            if refused.key is not Refusal.TOO_LONG:
                raise
            return self._site.notice(visitor, "refused_long_text", longest=LONGEST_TEXT)
        sides: list[tuple[int | None, Any]] = [(None, screened(text, before))]
        if after is not None:
            sides.append((called, screened(text, after)))
        return self._site.fragment(visitor, "lexicon_tried.html", sides=sides)

    async def propose(self, request: Request, visitor: Visitor) -> Response:
        """Store a change and go to its page."""
        text = _lines(field(await _form(request), "typed"))
        if not text.strip():
            raise RefusedError(Refusal.NO_CHANGE)
        change_id = await self._site.policy.propose(visitor.operator, text)
        answer = self._site.notice(visitor, "done_proposed", n=change_id)
        answer.headers["HX-Redirect"] = f"{ROOT}/lexicon/changes/{change_id}"
        return answer

    async def _chosen(self, form: FormData) -> tuple[str | None, int]:
        """Return the change to screen with and its number, which is 0 for a typed one."""
        number, typed = field(form, "change"), _lines(field(form, "typed"))
        if not number:
            return (typed if typed.strip() else None), 0
        async with self._site.database.read() as transaction:
            proposed = await changes.listed(transaction, state=ChangeState.PROPOSED)
        chosen = next((change for change in proposed if str(change.change_id) == number), None)
        if chosen is None:
            raise RefusedError(Refusal.CHANGE_GONE)
        return chosen.body, chosen.change_id


async def reasons_of(changes_: Sequence[LexiconChange]) -> dict[int, str]:
    """Return the reasons that changes give, by number. A large change takes long to read."""

    def read() -> dict[int, str]:
        return {change.change_id: _why(change.body) for change in changes_}

    return await asyncio.to_thread(read)


@lru_cache(maxsize=512)
def _why(body: str) -> str:
    return read_why(body)


async def _form(request: Request) -> FormData:
    return await request.form(max_fields=10, max_files=0)


def _lines(text: str) -> str:
    """Turn the CRLF line ends of a browser into LF."""
    return text.replace("\r\n", "\n")


def _link(chosen: dict[str, Any]) -> str:
    asked = "&".join(f"{name}={value}" for name, value in chosen.items() if value)
    return f"?{asked}#changes"
