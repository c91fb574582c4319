"""`pica console link`: a sign-in link to the console when Telegram is down."""

from typing import Annotated, Any

import typer

from bot.cli.database import with_database
from bot.cli.terminal import console as terminal
from bot.settings import Settings

app = typer.Typer(help="The operators' console in the browser.", no_args_is_help=True)
NO_OPERATOR = (
    "PICA_OPERATORS: no operator is listed. Add your Telegram id and start the service once "
    "(`pica serve`). An admin can then add others in the console."
)


@app.command()
def link(
    telegram_id: Annotated[
        int, typer.Argument(min=1, max=2**52, help="The Telegram id of an operator.")
    ],
) -> None:
    """Print a one-time link that signs an operator in within 10 minutes.

    Use this when Telegram is down. Otherwise send /console to the bot in a private chat. The
    audit trail records that the link was made on the host.
    """
    typer.echo(with_database(lambda database, settings: _make(database, settings, telegram_id)))
    terminal.print("It works once, within 10 minutes, while the service runs.", style="dim")


async def _make(database: Any, settings: Settings, telegram_id: int) -> str:
    from bot.service.console import console_address
    from review.operators import sign_in
    from review.operators.access import RefusedError
    from storage.review import operators

    if not settings.console:
        raise ValueError("PICA_CONSOLE is 0, so the service has no console. Set it to 1.")
    async with database.begin() as transaction:
        operator = await operators.by_telegram_id(transaction, telegram_id)
        if operator is None:
            if not await operators.listed(transaction):
                raise ValueError(NO_OPERATOR)
            raise ValueError(f"{telegram_id} is not a listed operator. See `pica operators list`.")
        try:
            token = await sign_in.offer(transaction, operator, way="host")
        except RefusedError:
            raise ValueError(
                "Several links were made within 15 minutes. Use the last one, or wait."
            ) from None
    return console_address(settings).sign_in(token)
