"""`pica console link`: a way into the console for whoever has the host, when Telegram is down."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from bot.cli.operate import with_database
from bot.cli.terminal import console as terminal
from bot.settings import Settings

app = typer.Typer(help="The operators' console in the browser.", no_args_is_help=True)
NOBODY = (
    "Nobody is listed as an operator. Put your Telegram id into PICA_OPERATORS and start the "
    "service once (`pica serve`); an admin can list others in the console."
)


@app.command()
def link(
    telegram_id: Annotated[int, typer.Argument(min=1, max=2**52, help="Of a listed operator.")],
) -> None:
    """Print a one-time link that signs a listed operator in, once, within 10 minutes.

    For when Telegram is down: otherwise /console in a private chat with the bot does it. It
    is written down in the audit trail that the link was made on the host.
    """
    typer.echo(with_database(lambda database, settings: _make(database, settings, telegram_id)))
    terminal.print("It works once, within 10 minutes, while the service runs.", style="dim")


async def _make(database: Any, settings: Settings, telegram_id: int) -> str:
    from bot.service.connections import console_address
    from review.operators import sign_in
    from review.operators.access import RefusedError
    from storage.review import operators

    if not settings.console:
        raise ValueError("PICA_CONSOLE is 0: the service has no console.")
    now = datetime.now(UTC)
    async with database.begin() as transaction:
        operator = await operators.by_telegram_id(transaction, telegram_id)
        if operator is None:
            nobody = not await operators.listed(transaction)
            raise ValueError(NOBODY if nobody else f"{telegram_id} is not a listed operator.")
        try:
            token = await sign_in.offer(transaction, operator, way="host", now=now)
        except RefusedError:
            raise ValueError(
                "Several links were made within a quarter of an hour. Use the last one, or wait."
            ) from None
    return console_address(settings).sign_in(token)
