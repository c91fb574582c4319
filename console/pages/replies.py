"""The page of canned replies, for admins."""

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from console.door import ProtectedRoute, field
from console.site import SitePage
from review.cases import canned_replies as kept
from review.operators.sign_in import Visitor
from storage.ids import ReplyId
from storage.review import canned_replies


class RepliesPage(SitePage):
    """Show the canned replies and let admins change them."""

    def entries(self) -> list[ProtectedRoute]:
        """List the routes."""
        one = "/replies/{reply_id:id}"
        return [
            ProtectedRoute("/replies", self.show, is_admins=True),
            ProtectedRoute("/replies/list", self.table, is_admins=True, is_part=True, is_use=False),
            ProtectedRoute("/replies/add", self.add, "POST", is_admins=True, is_part=True),
            ProtectedRoute(f"{one}/edit", self.edit, "POST", is_admins=True, is_part=True),
            ProtectedRoute(f"{one}/retire", self.retire, "POST", is_admins=True, is_part=True),
        ]

    async def show(self, request: Request, visitor: Visitor) -> Response:
        """Show the page."""
        values = await self._values(visitor)
        return await self._site.page(request, visitor, "replies.html", here="replies", **values)

    async def table(self, _request: Request, visitor: Visitor) -> Response:
        """Show the list again after a change."""
        return self._site.fragment(visitor, "replies_list.html", **await self._values(visitor))

    async def add(self, request: Request, visitor: Visitor) -> Response:
        """Add a reply at the end of the list."""
        form = await _form(request)
        async with self._site.database.begin() as transaction:
            await kept.add(
                transaction, visitor.operator, zh=field(form, "zh"), en=field(form, "en")
            )
        return self._site.notice(visitor, "done_reply_added")

    async def edit(self, request: Request, visitor: Visitor) -> Response:
        """Replace the texts of a reply."""
        form = await _form(request)
        async with self._site.database.begin() as transaction:
            await kept.edit(
                transaction,
                visitor.operator,
                _reply(request),
                zh=field(form, "zh"),
                en=field(form, "en"),
            )
        return self._site.notice(visitor, "done_reply_edited")

    async def retire(self, request: Request, visitor: Visitor) -> Response:
        """Take a reply off the list."""
        async with self._site.database.begin() as transaction:
            await kept.retire(transaction, visitor.operator, _reply(request))
        return self._site.notice(visitor, "done_reply_retired")

    async def _values(self, visitor: Visitor) -> dict[str, object]:
        async with self._site.database.read() as transaction:
            listed = await canned_replies.listed(transaction)
        await self._site.record_view(visitor, "viewed_replies")
        return {"listed": listed, "most": kept.MOST_LETTERS}


async def _form(request: Request) -> FormData:
    return await request.form(max_fields=10, max_files=0)


def _reply(request: Request) -> ReplyId:
    return ReplyId(min(request.path_params["reply_id"], 2**53))
