"""The second screening of a message: with its burst, the last day's turns and an open question.

Intake has screened each message alone. This screening can only raise the level.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from bot.crisis.screening import SafeScreener
from bot.crisis.script import awaited
from bot.updates.arrivals import Burst
from bot.updates.quotes import Quote, own_words, quote_lines
from bot.updates.utterance import Utterance
from safety.response.policy import HOLD_LAPSE_S, THRESHOLD
from safety.screening.answers import Answer, read
from safety.screening.context import REMEMBERED, is_piece
from safety.screening.levels import Level
from safety.screening.outcome import Screening, merge
from safety.text.normalise import normalise
from storage import Transaction
from storage.companion import open_questions, transcripts
from storage.companion.quotable import is_quotable
from storage.ids import PersonId

# An older risk says little about a message of today.
REMEMBERED_FOR = timedelta(seconds=HOLD_LAPSE_S)
# Characters of a burst that are screened together.
MOST_JOINED = 4_096
_GAP = "\n。\n"


class ContextScreener:
    """Screens messages in their context."""

    def __init__(self, screener: SafeScreener) -> None:
        self._screener = screener

    async def screen(self, text: str) -> Screening:
        """Screen a text without context."""
        return await self._screener.screen_async(text)

    async def screen_burst(self, burst: Burst) -> Screening:
        """Screen a burst as one text, because a sentence can span several messages."""
        texts = burst.texts
        if len(texts) == 1:
            return burst.screening
        return merge([burst.screening, await self._screener.screen_async(joined(texts))])

    @staticmethod
    async def quoted(transaction: Transaction, person_id: PersonId, quotes: Sequence[Quote]) -> str:
        """Return the lines of quotes, without what was off the record or is erased."""
        return quote_lines(
            [
                quote
                for quote in quotes
                if quote.message_id is None
                or await is_quotable(transaction, person_id, quote.message_id)
            ]
        )

    async def screen_in_context(
        self, transaction: Transaction, utterance: Utterance, texts: Sequence[str]
    ) -> Utterance:
        """Screen an utterance again, with earlier turns and an open question.

        Args:
            transaction: the transaction that reads the turns.
            utterance: the utterance.
            texts: its messages.

        Returns:
            The utterance with the more severe of both screenings.
        """
        person_id = utterance.person.person_id
        text = joined(texts)
        question = await awaited(transaction, person_id)
        before = await self._before(transaction, person_id, texts)
        if not before and question is None:
            return utterance
        screening = await self._screener.screen_async(text, before, asked=question)
        if screening.level < Level.IMMINENT and await self._answers_another(
            transaction, person_id, text
        ):
            screening = await self._screener.screen_async(text, before)
        return replace(utterance, screening=merge([utterance.screening, screening]))

    @staticmethod
    async def _answers_another(transaction: Transaction, person_id: PersonId, text: str) -> bool:
        """Return whether a text is longer than a bare answer, and a newer question is open."""
        if read(normalise(text).surface).answer is not Answer.OTHER:
            return False
        return await open_questions.is_any_open(transaction, person_id)

    @staticmethod
    async def _before(
        transaction: Transaction, person_id: PersonId, texts: Sequence[str]
    ) -> list[str]:
        """Return the person's last turns if one of them is at risk or an unfinished piece.

        All are returned, because a piece only continues the turn right before it. A turn that was
        stored before a crash can hold the texts themselves and is left out.
        """
        recent = await transcripts.recent_words(
            transaction, person_id, since=transaction.now - REMEMBERED_FOR, limit=REMEMBERED
        )
        lines = set("\n".join(texts).split("\n"))
        before = [t for t in recent if not lines.issuperset(own_words(t.text).split("\n"))]
        if not any(turn.level >= THRESHOLD or is_piece(turn.text) for turn in before):
            return []
        return [turn.text for turn in before]


def joined(texts: Sequence[str]) -> str:
    """Join messages by line breaks. Keeps only the ends of long messages if there are too many."""
    text = "\n".join(texts)
    if len(text) <= MOST_JOINED:
        return text
    edge = MOST_JOINED // len(texts) // 2
    return "\n".join(
        text if len(text) <= 2 * edge else f"{text[:edge]}{_GAP}{text[-edge:]}" for text in texts
    )
