"""`pica lexicon`: the list of lexicon changes, and their withdrawal in an emergency."""

from typing import Annotated, Any

import typer

from bot.cli.database import with_database, with_rows
from bot.cli.terminal import console, stop

lexicon = typer.Typer(
    help="Changes of the lexicon. They are proposed, replayed and approved by operators.",
    no_args_is_help=True,
)


@lexicon.command("list")
def listed() -> None:
    """Print every change: its number, its state, who proposed it and who decided on it."""
    from storage.review import lexicon_changes as changes

    listed_changes = with_rows(changes.listed)
    if not listed_changes:
        console.print("No change was proposed yet.")
    for change in listed_changes:
        decided = ""
        if change.decided_at is not None:
            by = f"operator {change.decided_by}" if change.decided_by is not None else "the host"
            decided = f", decided {change.decided_at:%Y-%m-%d %H:%M} UTC by {by}"
        typer.echo(
            f"{change.change_id}  {change.state}  proposed {change.proposed_at:%Y-%m-%d %H:%M} UTC "
            f"by operator {change.proposed_by}{decided}"
        )


@lexicon.command()
def withdraw(
    number: Annotated[int, typer.Argument(min=1, help="As `pica lexicon list` shows it.")],
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it. Without this nothing happens.")
    ] = False,
) -> None:
    """Withdraw a live or proposed change when no operator can reach the console.

    The running service follows within a minute. The audit trail records that the host did it.

    Example: pica lexicon withdraw 3 --yes
    """
    from review.lexicon.decisions import withdraw_by_host
    from review.operators.access import Refusal, RefusedError
    from safety.screening.lexicon import load_lexicon

    if not yes:
        stop(f"This takes change {number} out of use for everyone. Add --yes to do it.")

    async def take_back(database: Any, _settings: Any) -> RefusedError | None:
        shipped = load_lexicon()  # takes a second, so load it before the transaction
        try:
            async with database.begin() as transaction:
                await withdraw_by_host(transaction, number, shipped)
        except RefusedError as refused:
            return refused
        return None

    refused = with_database(take_back)
    if refused is not None and refused.key is Refusal.HAS_DEPENDENTS:
        stop(
            f"Later changes build on {number}. Withdraw them first, in this order: "
            f"{refused.detail}."
        )
    if refused is not None:
        stop(f"Change {number} is neither proposed nor live. See `pica lexicon list`.")
    console.print(f"Change {number} is withdrawn. The service follows within a minute.")
