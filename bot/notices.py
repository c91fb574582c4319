"""Words to the operators' chat, in the operators' language.

Knows nothing of why they are said, nor of what operators answer (`operators.py`).
"""

from datetime import datetime
from typing import Any

from bot.texts import Texts
from storage import Transaction, outbox
from storage.ids import PersonId
from storage.outbox import Audience, Body

Buttons = list[list[tuple[str, str]]]


class OperatorNotices:
    """Writes to the operators; does nothing where nobody is there to read.

    Args:
        texts: every word that people read.
        language: the operators' (`PICA_OPERATORS_LANGUAGE`).
        has_readers: whether there is an operators' chat.
    """

    def __init__(self, texts: Texts, *, language: str, has_readers: bool) -> None:
        self._texts = texts
        self._language = language
        self.has_readers = has_readers

    def text(self, key: str, **values: Any) -> str:
        """A text in the operators' language."""
        return self._texts(self._language, key, **values)

    async def put(
        self,
        transaction: Transaction,
        key: str,
        *,
        now: datetime,
        buttons: Buttons | None = None,
        person_id: PersonId | None = None,
        silent: bool = False,
        **values: Any,
    ) -> None:
        """Queue a text.

        Args:
            transaction: in which it is written.
            key: which text.
            now: the present instant.
            buttons: rows of (label, data).
            person_id: whose words it holds: their key seals it, their erasure takes it away.
            silent: without a sound: nothing that cannot wait.
            **values: what the text has places for.
        """
        if not self.has_readers:
            return
        await outbox.put(
            transaction,
            outbox.Kind.CASE,
            Body(self.text(key, **values), buttons or [], silent=silent),
            person_id=person_id,
            audience=Audience.OPERATORS,
            now=now,
        )
