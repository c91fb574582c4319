"""The word about an operators' group that cannot be written to: once in the log, then in private.

The group itself cannot show it. Its messages wait, and block nothing behind them.
"""

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import structlog

from bot.operators.announcements import OperatorMessenger
from bot.texts import Texts
from review.operators import roster
from storage import Database
from storage.ids import OutboxId
from storage.messages.outbox import OutboxMessage
from storage.review import operators

log = structlog.get_logger(__name__)
# The first failures may be a moment's fault, which calls nobody.
FAILURES_BEFORE_PAGE = 2


@dataclass(frozen=True, slots=True)
class GroupOutage:
    """Knows which messages wait for the group."""

    database: Database
    messenger: OperatorMessenger
    texts: Texts
    zone: ZoneInfo
    _waiting: set[OutboxId] = field(default_factory=set, init=False)
    _paged: set[OutboxId] = field(default_factory=set, init=False)

    async def note(self, message: OutboxMessage, error_name: str, moved_to: int | None) -> None:
        """Note a message that the group did not take, and tell those on duty if it lasts."""
        if not self._waiting:
            log.error(
                "operators_chat_unreachable",
                kind=message.kind,
                error=error_name,
                moved_to=moved_to,
                advice="run `pica doctor`",
            )
        self._waiting.add(message.outbox_id)
        if message.attempts >= FAILURES_BEFORE_PAGE and not self._paged:
            self._paged.add(message.outbox_id)
            await self._page(error_name)

    def over(self, outbox_id: OutboxId) -> None:
        """Note that a message has ended. After the last one the next failure is a new outage."""
        self._waiting.discard(outbox_id)
        if not self._waiting:
            self._paged.clear()

    async def _page(self, error_name: str) -> None:
        """Page the operators on duty in private, or all if none is."""
        async with self.database.begin() as transaction:
            duty = await roster.on_duty(transaction, self.zone)
            for operator in duty or await operators.listed(transaction):
                text = self.texts(operator.language, "page_group_closed", error=error_name)
                await self.messenger.send_to(transaction, operator, text)
