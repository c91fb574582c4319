"""Answers that are one reviewed text."""

from bot.crisis.case_recorder import CaseRecorder
from bot.texts import Texts
from bot.texts.help_lines import HelpLines
from bot.updates.utterance import Utterance
from storage import Transaction
from storage.companion import conversations
from storage.companion.conversations import Speaker, Turn
from storage.messages import inbox, outbox
from storage.messages.body import MessageBody
from storage.messages.inbox import Ended
from storage.messages.outbox import MessageKind


class FixedReply:
    """Stores utterances and answers them with reviewed texts."""

    def __init__(self, texts: Texts, help_lines: HelpLines, recorder: CaseRecorder) -> None:
        self._texts = texts
        self._help_lines = help_lines
        self._recorder = recorder

    async def keep(self, transaction: Transaction, utterance: Utterance) -> Turn:
        """Store an utterance as a turn, and open a case at level 2."""
        person = utterance.person
        turn = await conversations.open_turn(
            transaction,
            person.person_id,
            utterance.update_ids,
            text=utterance.told,
            level=int(utterance.screening.level),
            off_record=person.is_off_record(transaction.now),
        )
        await self._recorder.record_level_2(transaction, utterance, turn.turn_id)
        return turn

    async def answer(
        self, transaction: Transaction, utterance: Utterance, key: str, *, is_kept: bool
    ) -> None:
        """Answer an utterance with one text and help lines.

        Args:
            transaction: the transaction that writes it.
            utterance: the utterance, whose inbox rows end.
            key: the key of the text.
            is_kept: whether to store the utterance and the answer as turns.
        """
        person = utterance.person
        lines = self._help_lines.text(person.language, person.region)
        text = self._texts(person.language, key, lines=lines)
        await self.send(transaction, utterance, MessageBody(text), reason=key, is_kept=is_kept)

    async def send(
        self,
        transaction: Transaction,
        utterance: Utterance,
        body: MessageBody,
        *,
        reason: str,
        is_kept: bool,
        kind: MessageKind = MessageKind.NOTICE,
    ) -> None:
        """Answer an utterance with a reviewed message.

        Args:
            transaction: the transaction that writes it.
            utterance: the utterance, whose inbox rows end.
            body: the message.
            reason: the reason with which the rows end.
            is_kept: whether to store the utterance and the answer as turns.
            kind: the kind of the message.
        """
        person = utterance.person
        if is_kept:
            turn = await self.keep(transaction, utterance)
            await conversations.append(
                transaction,
                person.person_id,
                turn.session_id,
                Speaker.SCRIPT,
                text=body.text,
                off_record=turn.off_record,
            )
        await outbox.put(
            transaction,
            kind,
            body,
            person_id=person.person_id,
            update_id=max(utterance.update_ids),
        )
        await inbox.end(transaction, utterance.update_ids, Ended.ANSWERED, reason=reason)
