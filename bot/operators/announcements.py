"""Words to the operators: to their chat in its language, to one of them in theirs."""

from typing import Any

from bot.texts import Texts
from review.cases.desk import MOST_WORDS
from review.operators.access import RefusedError
from storage import Transaction
from storage.ids import CaseId, PersonId
from storage.messages import outbox
from storage.messages.body import Keyboard, MessageBody
from storage.messages.outbox import Audience
from storage.review.cases import Case
from storage.review.operators import Operator


class OperatorMessenger:
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

    def text(self, key: str, /, **values: Any) -> str:
        """A text in the operators' language."""
        return self._texts(self._language, key, **values)

    def categories(self, case: Case, language: str | None = None) -> str:
        """What a case is about, in words."""
        texts, language = self._texts, language or self._language
        return ", ".join(
            texts(language, f"category_{each}") if texts.has(f"category_{each}") else each
            for each in case.categories
        )

    def name(self, operator: Operator | None) -> str:
        """What an operator is called among operators."""
        if operator is None:
            return self.text("operator_somebody")
        return operator.name or self.text("operator_unnamed", number=operator.operator_id)

    def refusal(
        self, refused: RefusedError, case_id: CaseId | None, language: str | None = None
    ) -> str:
        """Why something was not done, and who has the case."""
        return self._texts(
            language or self._language,
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
        """Queue a text for the chat as a whole; as `say`."""
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
    ) -> None:
        """Queue words.

        Args:
            transaction: in which it is written.
            text: what is said.
            buttons: rows of (label, data).
            person_id: whose words it holds: their key seals it, their erasure takes it away.
            case_id: into whose topic it goes; None: to everybody.
            silent: without a sound: nothing that cannot wait.
            topic: what is done with that topic in the place of words.
        """
        if not self.has_readers:
            return
        await outbox.put(
            transaction,
            outbox.MessageKind.CASE,
            MessageBody(text, buttons or [], silent=silent, case_id=case_id, topic=topic),
            person_id=person_id,
            audience=Audience.OPERATORS,
        )

    async def send_to(
        self,
        transaction: Transaction,
        operator: Operator,
        text: str,
        *,
        buttons: Keyboard | None = None,
    ) -> None:
        """Queue words to one operator in their private chat; never a person's words."""
        await outbox.put(
            transaction,
            outbox.MessageKind.CASE,
            MessageBody(text, buttons or [], to_telegram_id=operator.telegram_id),
            person_id=None,
            audience=Audience.OPERATOR,
        )
