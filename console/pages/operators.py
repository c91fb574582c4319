"""The page of operators and their duty hours, for admins."""

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from console.door import ProtectedRoute, field
from console.site import SitePage
from console.words import LANGUAGES
from review.operators import duty_hours, roster
from review.operators.access import Refusal, RefusedError
from review.operators.sign_in import Visitor
from storage.ids import OperatorId
from storage.review import operators
from storage.review.operators import OperatorRole, Shift

MOST_SHIFTS = 10


class OperatorsPage(SitePage):
    """Show the operators and let admins change them."""

    def entries(self) -> list[ProtectedRoute]:
        """List the routes."""
        one = "/operators/{operator_id:id}"
        return [
            ProtectedRoute("/operators", self.show, is_admins=True),
            ProtectedRoute(
                "/operators/list", self.table, is_admins=True, is_part=True, is_use=False
            ),
            ProtectedRoute("/operators/add", self.add, "POST", is_admins=True, is_part=True),
            ProtectedRoute(f"{one}/role", self.set_role, "POST", is_admins=True, is_part=True),
            ProtectedRoute(f"{one}/hours", self.set_hours, "POST", is_admins=True, is_part=True),
            ProtectedRoute(f"{one}/remove", self.remove, "POST", is_admins=True, is_part=True),
        ]

    async def show(self, request: Request, visitor: Visitor) -> Response:
        """Show the page."""
        values = await self._values(visitor)
        return await self._site.page(
            request, visitor, "operators.html", here="operators", languages=LANGUAGES, **values
        )

    async def table(self, _request: Request, visitor: Visitor) -> Response:
        """Show the list again after a change."""
        return self._site.fragment(visitor, "operators_table.html", **await self._values(visitor))

    async def add(self, request: Request, visitor: Visitor) -> Response:
        """Add an operator."""
        form = await _form(request)
        telegram_id, language = field(form, "telegram_id").strip(), field(form, "language")
        if not telegram_id.isascii() or not telegram_id.isdecimal():
            raise RefusedError(Refusal.BAD_TELEGRAM_ID)
        async with self._site.database.begin() as transaction:
            await roster.add(
                transaction,
                visitor.operator,
                int(telegram_id),
                role=_role(form),
                name=field(form, "name"),
                language=language if language in LANGUAGES else LANGUAGES[0],
            )
        return self._site.notice(visitor, "done_added")

    async def set_role(self, request: Request, visitor: Visitor) -> Response:
        """Make an operator an admin or a reviewer."""
        form = await _form(request)
        async with self._site.database.begin() as transaction:
            await roster.set_role(transaction, visitor.operator, _operator(request), _role(form))
        return self._site.notice(visitor, "done_role")

    async def set_hours(self, request: Request, visitor: Visitor) -> Response:
        """Set an operator's duty hours."""
        text = _hours(await request.form(max_fields=MOST_SHIFTS * 9, max_files=0))
        shifts = duty_hours.parse_hours(text) if text else []
        async with self._site.database.begin() as transaction:
            await roster.set_hours(transaction, visitor.operator, _operator(request), shifts)
        return self._site.notice(visitor, "done_hours")

    async def remove(self, request: Request, visitor: Visitor) -> Response:
        """Remove an operator and sign them out."""
        async with self._site.database.begin() as transaction:
            await roster.remove(transaction, visitor.operator, _operator(request))
        return self._site.notice(visitor, "done_removed")

    async def _values(self, visitor: Visitor) -> dict[str, object]:
        site = self._site
        async with site.database.read() as transaction:
            listed = await operators.listed(transaction)
            shifts = await operators.all_shifts(transaction)
            duty = await roster.on_duty(transaction, site.zone)
        await site.record_view(visitor, "viewed_operators")
        return {
            "listed": listed,
            "rows": {each.operator_id: _rows(shifts.get(each.operator_id, [])) for each in listed},
            "duty": {operator.operator_id for operator in duty},
            "has_hours": bool(shifts),
            "roles": list(OperatorRole),
            "zone": str(site.zone),
            "days": duty_hours.DAYS,
        }


async def _form(request: Request) -> FormData:
    return await request.form(max_fields=20, max_files=0)


def _rows(shifts: list[Shift]) -> list[tuple[str, str, list[int]]]:
    """Return the rows of the form: start, end and days of each shift, and one empty row."""
    rows = []
    for times, days in duty_hours.days_by_times(shifts).items():
        starts, _, ends = times.replace("24:00", "00:00").partition("-")
        rows.append((starts, ends, days))
    return [*rows, ("", "", [])][:MOST_SHIFTS]


def _hours(form: FormData) -> str:
    """Write the rows of the form as `parse_hours` reads them. An empty row is left out."""
    parts = []
    for row in range(MOST_SHIFTS):
        days = [day for day in map(str, form.getlist(f"days-{row}")) if day in duty_hours.DAYS]
        starts, ends = field(form, f"from-{row}"), field(form, f"to-{row}")
        if days or starts or ends:  # a day ends at midnight, which the browser calls 00:00
            parts.append(f"{','.join(days)} {starts}-{'24:00' if ends == '00:00' else ends}")
    return "; ".join(parts)


def _role(form: FormData) -> OperatorRole:
    is_admin = field(form, "role") == OperatorRole.ADMIN
    return OperatorRole.ADMIN if is_admin else OperatorRole.REVIEWER


def _operator(request: Request) -> OperatorId:
    return OperatorId(min(request.path_params["operator_id"], 2**53))
