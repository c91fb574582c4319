"""Those who may take a person's words before the companion answers them.

Knows nothing of who they are: a safety plan whose step is open, check-ins that asked something.
"""

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from typing import Protocol

from safety.levels import Level
from storage import Transaction
from storage.ids import UpdateId
from storage.people import Person

OnAccepted = Callable[[Transaction, Person], Awaitable[bool]]
"""Keeps what a button says; False where nothing follows, and then it ends the inbox row."""


class Interceptor(Protocol):
    """Something that asked for words, or listens to all of them."""

    async def take(
        self,
        transaction: Transaction,
        person: Person,
        update_ids: Collection[UpdateId],
        text: str,
        level: Level,
        *,
        now: datetime,
        is_edit: bool = False,
    ) -> bool:
        """Take words that are meant for it; False: they are for the companion.

        With `is_edit` the words only reword older messages: they answer no open question.
        """
