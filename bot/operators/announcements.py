"""Messages to operators, in the operators' chat or in an operator's private chat."""

from typing import Any

from bot.texts import Texts
from bot.texts.foreign import language_name
from review.cases.desk import MOST_WORDS
from review.operators.access import RefusedError
from storage import Transaction
from storage.ids import CaseId, OutboxId, PersonId
from storage.messages import outbox
from storage.messages.body import Keyboard, MessageBody
from storage.messages.outbox import Audience
from storage.review.cases import Case
from storage.review.operators import Operator


class OperatorMessenger:
    """Queues messages to operators.

    Args:
        texts: the texts that operators read.
        language: the language of the chat (`PICA_OPERATORS_LANGUAGE`).
        has_readers: whether there is an operators' chat. Without one nothing is posted.
    """

    def __init__(self, texts: Texts, *, language: str, has_readers: bool) -> None:
        self.texts = texts
        self.language = language
        self.has_readers = has_readers

    def text(self, key: str, /, **values: Any) -> str:
        """Return a text in the language of the chat."""
        return self.texts(self.language, key, **values)

    def language_line(self, code: str) -> str:
        """Say which language a person writes, if it is not one of the companion's."""
        return self.text("case_language", name=language_name(code, self.language))

    def categories(self, case: Case, language: str | None = None) -> str:
        """Return the categories of a case as text."""
        texts, language = self.texts, language or self.language
        return ", ".join(
            texts(language, f"category_{category}")
            if texts.has(f"category_{category}")
            else category
            for category in case.categories
        )

    def name(self, operator: Operator | None) -> str:
        """Return the display name of an operator."""
        if operator is None:
            return self.text("operator_somebody")
        return operator.name or self.text("operator_unnamed", number=operator.operator_id)

    def refusal(
        self, refused: RefusedError, case_id: CaseId | None, language: str | None = None
    ) -> str:
        """Return the text that says why an act was refused."""
        return self.texts(
            language or self.language,
            refused.key,
            case=case_id,
            holder=self.name(refused.holder),
            most=MOST_WORDS,
        )

    async def post_text(
        self,
        transaction: Transaction,
        key: str,
        *,
        buttons: Keyboard | None = None,
        person_id: PersonId | None = None,
        silent: bool = False,
        **values: Any,
    ) -> None:
        """Post the text of a key in the chat, like `post`."""
        text = self.text(key, **values)
        await self.post(transaction, text, buttons=buttons, person_id=person_id, silent=silent)

    async def post(
        self,
        transaction: Transaction,
        text: str,
        *,
        buttons: Keyboard | None = None,
        person_id: PersonId | None = None,
        case_id: CaseId | None = None,
        silent: bool = False,
        topic: str | None = None,
        edits: int | None = None,
    ) -> OutboxId | None:
        """Post a message in the operators' chat. Returns its row, or None without a chat.

        Args:
            transaction: the transaction that writes it.
            text: the text.
            buttons: rows of (label, data).
            person_id: the person it is about, whose key seals it and whose erasure deletes it.
            case_id: the case in whose topic it appears. None posts it outside topics.
            silent: whether it makes no sound.
            topic: the change of the case's topic to make in place of a message.
            edits: a message of the bot to edit. If that fails, it is posted as a new one.
        """
        if not self.has_readers:
            return None
        return await outbox.put(
            transaction,
            outbox.MessageKind.CASE,
            MessageBody(text, buttons or [], silent=silent, case_id=case_id, topic=topic),
            person_id=person_id,
            audience=Audience.OPERATORS,
            preview_message_id=edits,
        )

    async def send_to(
        self,
        transaction: Transaction,
        operator: Operator,
        text: str,
        *,
        buttons: Keyboard | None = None,
    ) -> None:
        """Send a message to one operator in private. It must not quote a person."""
        await outbox.put(
            transaction,
            outbox.MessageKind.CASE,
            MessageBody(text, buttons or [], to_telegram_id=operator.telegram_id),
            person_id=None,
            audience=Audience.OPERATOR,
        )
