"""The operators' chat, whose id can change when Telegram migrates the group.

The new id is in memory only. After a restart the first message to the old id reveals it again.
"""

import structlog
from telegram import Update

log = structlog.get_logger(__name__)


class OperatorsChat:
    """The operators' chat. `id` is None if none is set."""

    def __init__(self, chat_id: int | None) -> None:
        self.id = chat_id

    def matches(self, chat_id: int) -> bool:
        """Return whether this is the operators' chat."""
        return chat_id == self.id

    def change_id(self, chat_id: int) -> None:
        """Use a new id, and log that the setting needs it."""
        if chat_id != self.id:
            log.error("operators_chat_moved", moved_to=chat_id, setting="PICA_OPERATORS_CHAT")
            self.id = chat_id

    def follow_migration(self, update: Update | None) -> None:
        """Use the new id if the update says that this group was migrated."""
        message = update.message if update is not None else None
        if message is None or self.id is None:
            return
        if message.migrate_to_chat_id is not None and self.matches(message.chat.id):
            self.change_id(message.migrate_to_chat_id)
        elif message.migrate_from_chat_id == self.id:
            self.change_id(message.chat.id)
