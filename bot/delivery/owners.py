"""Message owners, which delivery asks about the messages that their room queued."""

from collections.abc import Mapping
from typing import Protocol

from storage import Transaction
from storage.messages.outbox import MessageKind, OutboxMessage, OutboxState


class MessageOwner(Protocol):
    """Decide whether a message is still wanted, and react to its end."""

    async def why_unwanted(self, transaction: Transaction, message: OutboxMessage) -> str | None:
        """Return why a queued message must not be sent any more, or None to send it."""

    async def on_end(
        self,
        transaction: Transaction,
        message: OutboxMessage,
        state: OutboxState,
        reason: str | None,
    ) -> None:
        """React to a message's end, in the transaction that ends it."""


Owners = Mapping[MessageKind, MessageOwner]
