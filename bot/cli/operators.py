"""Commands for the list of operators and their audit trail.

A person with access to the host needs no role.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

import typer

from bot.cli.database import with_database, with_rows
from bot.cli.terminal import console, in_utf8, stop
from bot.settings import Settings

operators = typer.Typer(
    help="Who looks after people at risk, and when they are on duty.", no_args_is_help=True
)
audit = typer.Typer(help="The trail of what operators did, without words.", no_args_is_help=True)
TelegramId = Annotated[
    int, typer.Argument(min=1, max=2**52 - 1, help="The operator's Telegram id.")
]


def _in_transaction(work: Callable[[Any, Settings], Awaitable[str]]) -> str:
    """Run work in a transaction, and turn a refusal into an error message."""
    from bot.texts import Texts
    from review.operators.access import RefusedError

    async def run(database: Any, settings: Settings) -> str:
        try:
            async with database.begin() as transaction:
                return await work(transaction, settings)
        except RefusedError as refused:
            raise ValueError(refused.detail or Texts()("en", refused.key)) from None

    return with_database(run)


async def _listed(transaction: Any, telegram_id: int) -> Any:
    from review.operators.access import Refusal, RefusedError
    from storage.review import operators as rows

    operator = await rows.by_telegram_id(transaction, telegram_id)
    if operator is None:
        raise RefusedError(Refusal.OPERATOR_GONE)
    return operator


@operators.command("list")
def list_operators(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON line per operator.")
    ] = False,
) -> None:
    """Print the listed operators and their duty hours.

    An operator without hours is never on duty. If no operator has hours, all are always on duty.
    """
    from review.operators.duty_hours import format_hours
    from storage.review import operators as rows

    async def read(transaction: Any) -> list[dict[str, Any]]:
        hours = await rows.all_shifts(transaction)
        return [
            {
                "telegram_id": operator.telegram_id,
                "name": operator.name,
                "role": str(operator.role),
                "language": operator.language,
                "hours": format_hours(hours.get(operator.operator_id, [])),
            }
            for operator in await rows.listed(transaction)
        ]

    listed = with_rows(read)
    if not listed and not as_json:
        console.print("No operator is listed, so messages at risk reach no operator.")
    for operator in listed:
        columns = ("telegram_id", "role", "language", "name", "hours")
        line = "  ".join(str(operator[column] or "-") for column in columns)
        typer.echo(json.dumps(operator) if as_json else line)


@operators.command("add")
def add(
    telegram_id: TelegramId,
    name: Annotated[
        str,
        typer.Option(help="The name for other operators. People never see it.", callback=in_utf8),
    ] = "",
    role: Annotated[
        Literal["reviewer", "admin"], typer.Option(help="An admin also decides who is listed.")
    ] = "reviewer",
    language: Annotated[
        Literal["zh", "en"] | None, typer.Option(help="Default: PICA_OPERATORS_LANGUAGE.")
    ] = None,
) -> None:
    """Add an operator, or change the role and name of a listed one."""
    from review.operators import roster
    from storage.review.operators import OperatorRole

    async def work(transaction: Any, settings: Settings) -> str:
        added = await roster.add(
            transaction,
            None,
            telegram_id,
            role=OperatorRole(role),
            name=name,
            language=language or settings.operators_language,
        )
        return f"{added.telegram_id} is listed as {added.role}."

    typer.echo(_in_transaction(work))


@operators.command("remove")
def remove(telegram_id: TelegramId) -> None:
    """Remove an operator and sign them out everywhere.

    PICA_OPERATORS does not bring them back, but `pica operators add` does.
    """
    from review.operators import roster

    async def work(transaction: Any, _settings: Settings) -> str:
        operator = await _listed(transaction, telegram_id)
        await roster.remove(transaction, None, operator.operator_id)
        return f"{telegram_id} is no longer listed."

    typer.echo(_in_transaction(work))


@operators.command("hours")
def hours(
    telegram_id: TelegramId,
    when: Annotated[
        str | None, typer.Argument(help='"mon-fri 09:00-17:00; sat,sun 22:00-06:00"')
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Remove their hours.")] = False,
) -> None:
    """Set an operator's duty hours, in the time zone PICA_OPERATORS_TIMEZONE."""
    from review.operators import roster
    from review.operators.duty_hours import format_hours, parse_hours

    if clear is (when is not None):
        stop('Give either hours, such as "mon-fri 09:00-17:00", or --clear.')

    async def work(transaction: Any, settings: Settings) -> str:
        operator = await _listed(transaction, telegram_id)
        shifts = parse_hours(when) if when is not None else []
        await roster.set_hours(transaction, None, operator.operator_id, shifts)
        if not shifts:
            return f"{telegram_id} has no hours."
        return f"{telegram_id}: {format_hours(shifts)} ({settings.operators_timezone})"

    typer.echo(_in_transaction(work))


@audit.command("verify")
def verify(
    head: Annotated[
        str | None, typer.Option(help="A head noted earlier, which the trail must still contain.")
    ] = None,
) -> None:
    """Verify that no record of the trail was changed or removed.

    Note the head in another place: without it, a trail that lost its end still verifies. The exit
    status is 1 if the trail is broken.
    """
    from storage.review import audit_check

    result = with_rows(lambda transaction: audit_check.verify(transaction, head=head))
    typer.echo(f"{result.records} records. The words of {result.erased} were erased.")
    typer.echo(f"head {result.head}")
    if result.broken_at is not None:
        stop(
            f"The trail is broken: record {result.broken_at} or one before it was changed, or lost "
            "its words without an erasure."
        )
    if not result.holds_head:
        stop("The noted head is not in the trail. The trail was cut short or rewritten.")


@audit.command("list")
def list_acts(
    case: Annotated[int | None, typer.Option(min=1, max=2**52, help="Only this case.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON line per record.")
    ] = False,
) -> None:
    """Print the records of the trail, oldest first, without words."""
    from storage.ids import CaseId
    from storage.review import audit as trail

    async def read(transaction: Any) -> list[Any]:
        only = CaseId(case) if case is not None else None
        acts: list[Any] = []
        while True:
            before = acts[-1].audit_id if acts else None
            page = await trail.page(transaction, before=before, case_id=only, limit=500)
            acts += page
            if not page:
                return acts[::-1]

    for act in with_rows(read):
        shown = {
            "act": act.act,
            "at": f"{act.at:%Y-%m-%d %H:%M:%S}",
            "operator": act.operator_id,
            "case": act.case_id,
            "detail": dict(act.detail),
        }
        if as_json:
            typer.echo(json.dumps({"id": act.audit_id, **shown}))
            continue
        detail = json.dumps(shown["detail"]) if act.detail else ""
        by = act.operator_id or "-"
        typer.echo(
            f"{shown['at']}  {act.act}  case {act.case_id or '-'}  by {by}  {detail}".rstrip()
        )
