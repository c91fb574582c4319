"""The dispatch of updates to python-telegram-bot's handlers, with retries.

`process_update` swallows exceptions, so only the inbox tells whether an update has ended.
"""

import asyncio
from typing import Any

import structlog

from bot.context import Context
from bot.operators.announcements import OperatorMessenger
from bot.updates.arrivals import Burst, Unit
from bot.updates.parsing import UpdateKind, is_case
from storage.companion import people
from storage.messages import inbox, inbox_queue, outbox
from storage.messages.body import MessageBody
from storage.messages.inbox import Ended

log = structlog.get_logger(__name__)
MOST_ATTEMPTS = 3


class Dispatch:
    """Runs the handler of a unit until the unit has an end."""

    def __init__(
        self, context: Context, messenger: OperatorMessenger, *, retry_after_s: float = 1.0
    ) -> None:
        self._application = context.application
        self._database = context.database
        self._texts = context.texts
        self._metrics = context.metrics
        self._messenger = messenger
        self._retry_after_s = retry_after_s

    async def handle(self, unit: Unit) -> None:
        """Handle a burst or an update. After the last attempt it ends as dead."""
        while True:
            try:
                await self._application.process_update(
                    unit if isinstance(unit, Burst) else unit.update
                )
                if not await self._is_open(unit):
                    return
                attempts = await self._count(unit)
                if attempts >= MOST_ATTEMPTS:
                    await self._give_up(unit)
                    return
            except Exception as error:  # the database is away, and the rows are still there
                log.error("turn_failed", error=type(error).__name__)
            await asyncio.sleep(self._retry_after_s)

    @staticmethod
    def _ids(unit: Unit) -> list[Any]:
        return unit.update_ids if isinstance(unit, Burst) else [unit.update_id]

    async def _is_open(self, unit: Unit) -> bool:
        async with self._database.read() as transaction:
            return bool(await inbox_queue.open_among(transaction, self._ids(unit)))

    async def _count(self, unit: Unit) -> int:
        async with self._database.begin() as transaction:
            return await inbox.add_attempt(transaction, self._ids(unit))

    async def _give_up(self, unit: Unit) -> None:
        async with self._database.begin() as transaction:
            person = (
                await people.by_id(transaction, unit.person_id)
                if unit.person_id is not None
                else None
            )
            if person is not None:
                await outbox.put(
                    transaction,
                    outbox.MessageKind.NOTICE,
                    MessageBody(self._texts(person.language, "model_failed")),
                    person_id=person.person_id,
                )
            elif not isinstance(unit, Burst) and (
                unit.kind is UpdateKind.OPERATORS or is_case(unit.update)
            ):
                await self._messenger.post_text(transaction, "act_failed")
            await inbox.end(transaction, self._ids(unit), Ended.DEAD, reason="handler_failed")
        self._metrics.ends.labels(Ended.DEAD).inc()

    @staticmethod
    async def on_error(_update: object, context: Any) -> None:
        """Log the exception of a handler."""
        log.error("handler_failed", exc_info=context.error)
