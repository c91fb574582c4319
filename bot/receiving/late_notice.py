"""The one honest sentence to a person whose message waited while the service was away."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from telegram import Update

from bot.texts import Texts
from storage import Transaction
from storage.companion.people import Person
from storage.messages import inbox, outbox
from storage.messages.body import MessageBody

# Rounded to hours, this is at least two.
LATE = timedelta(minutes=90)
HOUR = timedelta(hours=1)


@dataclass(slots=True)
class LateNotice:
    """Knows since when the service receives, and tells people about the delay before that.

    A message counts as late only if it was sent before the service began to receive, so a wrong
    clock makes nothing late.

    Attributes:
        receives_since: when the service began to receive, or began again after a long gap.
    """

    texts: Texts
    receives_since: datetime
    clock: Callable[[], float] = time.monotonic
    _stored_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._stored_at = self.clock()

    def note_page(self, now: datetime) -> None:
        """Note that updates can be stored now."""
        moment = self.clock()
        if moment - self._stored_at > LATE.total_seconds():
            self.receives_since = now
        self._stored_at = moment

    async def tell(self, transaction: Transaction, person: Person, update: Update | None) -> None:
        """Tell the person about the delay, before the row of the first late message is added."""
        message = update.message if update is not None else None
        if message is None or message.date >= self.receives_since:
            return
        delay = transaction.now - message.date
        until = message.date + timedelta(seconds=1)  # Telegram counts in whole seconds
        if delay < LATE or await inbox.has_row_since(transaction, person.person_id, until):
            return
        key = "late_hours" if delay < 48 * HOUR else "late_days"
        text = self.texts(
            person.language, key, hours=round(delay / HOUR), days=round(delay / (24 * HOUR))
        )
        await outbox.put(
            transaction,
            outbox.MessageKind.NOTICE,
            MessageBody(text),
            person_id=person.person_id,
        )
