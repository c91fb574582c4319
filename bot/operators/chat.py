"""The operators' chat: where it is, also after Telegram gave the group a new id.

Shared by the way in and the way out. Held in memory: after a restart the first message to the old
id tells the new one again.
"""

import structlog
from telegram import Update

log = structlog.get_logger(__name__)


class OperatorsChat:
    """Where operators are told of cases; `id` is None where there is no such chat."""

    def __init__(self, chat_id: int | None) -> None:
        self.id = chat_id

    def matches(self, chat_id: int) -> bool:
        """Whether this is the operators' chat."""
        return chat_id == self.id

    def change_id(self, chat_id: int) -> None:
        """The group has a new id; whoever runs the service should change the setting."""
        if chat_id != self.id:
            log.error("operators_chat_moved", moved_to=chat_id, setting="PICA_OPERATORS_CHAT")
            self.id = chat_id

    def follow_migration(self, update: Update | None) -> None:
        """Take notice where Telegram says that this group became another."""
        message = update.message if update is not None else None
        if message is None or self.id is None:
            return
        if message.migrate_to_chat_id is not None and self.matches(message.chat.id):
            self.change_id(message.migrate_to_chat_id)
        elif message.migrate_from_chat_id == self.id:
            self.change_id(message.chat.id)
