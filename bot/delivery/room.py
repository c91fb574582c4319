"""The delivery room: from the outbox to Telegram."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from bot.context import Context
from bot.delivery.outcomes import Outcomes
from bot.delivery.owners import Owners
from bot.delivery.relay import OutboxRelay
from bot.operators.group_outage import GroupOutage
from bot.operators.room import OperatorsRoom
from bot.operators.topics import Topics
from storage.database.events import MessagesQueued


def build(
    context: Context, operators: OperatorsRoom, *, owners: Owners, fence: Callable[[], int | None]
) -> OutboxRelay:
    """Build the relay and subscribe it to queued messages.

    Args:
        context: the environment.
        operators: knows the operators' chat and reports problems with topics.
        owners: decide whether a queued message is still wanted.
        fence: returns the number of the lease, which claims compare.
    """
    database = context.database
    topics = Topics(
        database=database,
        bot=context.bot,
        limiter=context.limiter,
        chat=operators.chat,
        messenger=operators.messenger,
    )
    outage = GroupOutage(
        database,
        operators.messenger,
        context.texts,
        ZoneInfo(context.settings.operators_timezone),
    )
    outcomes = Outcomes(
        database=database, chat=operators.chat, topics=topics, owners=owners, outage=outage
    )
    relay = OutboxRelay(
        database=database,
        bot=context.bot,
        limiter=context.limiter,
        metrics=context.metrics,
        chat=operators.chat,
        topics=topics,
        outcomes=outcomes,
        fence=fence,
    )
    database.events.subscribe(MessagesQueued, relay.wake)
    return relay
