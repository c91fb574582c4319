"""The page of an operator's own settings, and sign-out."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console.address import ROOT
from console.door import ProtectedRoute, field
from console.site import THEME_COOKIE, THEMES, SitePage
from console.words import LANGUAGES
from review.operators import roster, sign_in
from review.operators.access import RefusedError
from review.operators.sign_in import Visitor

A_YEAR_S = 31_536_000


class ProfilePage(SitePage):
    """Show and save an operator's own settings."""

    def entries(self) -> list[ProtectedRoute]:
        """List the routes."""
        return [
            ProtectedRoute("/me", self.show),
            ProtectedRoute("/me", self.save, "POST"),
            ProtectedRoute("/sign-out", self.leave, "POST"),
        ]

    async def show(self, request: Request, visitor: Visitor) -> Response:
        """Show the form."""
        return await self._page(request, visitor, saved=request.query_params.get("saved") == "1")

    async def _page(
        self, request: Request, visitor: Visitor, *, saved: bool = False, refused: str = ""
    ) -> Response:
        return await self._site.page(
            request,
            visitor,
            "me.html",
            here="me",
            languages=LANGUAGES,
            themes=THEMES,
            saved=saved,
            refused=refused,
        )

    async def save(self, request: Request, visitor: Visitor) -> Response:
        """Save the settings. The theme goes into a cookie, because it belongs to the browser."""
        form = await request.form(max_fields=20, max_files=0)
        language, theme = field(form, "language"), field(form, "theme")
        try:
            async with self._site.database.begin() as transaction:
                await roster.set_own(
                    transaction,
                    visitor.operator,
                    name=field(form, "name"),
                    public_name=field(form, "public_name"),
                    language=language if language in LANGUAGES else visitor.operator.language,
                    shows_words=field(form, "shows_words") == "1",
                )
        except RefusedError as refused:
            return await self._page(request, visitor, refused=f"refused_{refused.key}")
        answer = RedirectResponse(f"{ROOT}/me?saved=1", status_code=303)
        if theme in THEMES:
            answer.set_cookie(
                THEME_COOKIE,
                theme,
                max_age=A_YEAR_S,
                path=ROOT,
                httponly=True,
                secure=self._site.address.is_https,
                samesite="strict",
            )
        return answer

    async def leave(self, request: Request, visitor: Visitor) -> Response:
        """Sign out on this device, or everywhere."""
        form = await request.form(max_fields=10, max_files=0)
        async with self._site.database.begin() as transaction:
            if field(form, "everywhere") == "1":
                await sign_in.leave_everywhere(transaction, visitor)
            else:
                await sign_in.leave(transaction, visitor)
        answer = RedirectResponse(f"{ROOT}/sign-in", status_code=303)
        answer.delete_cookie(
            self._site.address.cookie,
            path="/",
            secure=self._site.address.is_https,
            httponly=True,
            samesite="strict",
        )
        return answer
