"""The gauges of `/metrics`, updated before each scrape."""

from contextlib import suppress
from datetime import timedelta

from bot.service.parts import Parts
from storage.checkins import appointments
from storage.messages import inbox_queue, outbox

# A check-in that waits longer is overdue.
OVERDUE = timedelta(minutes=2)
# A message with this many attempts is stuck.
MANY_TRIES = 3


async def measure(parts: Parts) -> None:
    """Set the gauges from the parts and the database."""
    metrics = parts.context.metrics
    metrics.leads.set(int(parts.leadership.is_leader()))
    if (polled_at := parts.receiving.poller.last_poll_at) is not None:
        metrics.last_poll.set(polled_at.timestamp())
    metrics.model.show(parts.worker.health())
    with suppress(Exception):  # the other figures do not need the database
        async with parts.database.read() as transaction:
            metrics.inbox_open.set(await inbox_queue.count_open(transaction))
            metrics.outbox_open.set(await outbox.count_open(transaction))
            metrics.outbox_stuck.set(await outbox.count_stuck(transaction, tries=MANY_TRIES))
            metrics.operators_waiting.set(
                await outbox.count_stuck(
                    transaction, tries=MANY_TRIES, audience=outbox.Audience.OPERATORS
                )
            )
            overdue = await appointments.count_due(
                transaction, before=transaction.now - OVERDUE, limit=10_000
            )
            metrics.check_ins_overdue.set(overdue)
