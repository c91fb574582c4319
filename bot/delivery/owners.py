"""Message owners: what delivery asks the room that queued a message."""

from collections.abc import Mapping
from typing import Protocol

from storage import Transaction
from storage.messages.outbox import MessageKind, OutboxMessage, OutboxState


class MessageOwner(Protocol):
    """Decides whether a message is still wanted, and hears how it ended."""

    async def why_unwanted(self, transaction: Transaction, message: OutboxMessage) -> str | None:
        """Why a queued message must not be sent any more, or None to send it."""

    async def on_end(
        self,
        transaction: Transaction,
        message: OutboxMessage,
        state: OutboxState,
        reason: str | None,
    ) -> None:
        """Take notice of a message's end, in the transaction of the end."""


Owners = Mapping[MessageKind, MessageOwner]
