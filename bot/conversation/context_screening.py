"""What a person's words mean in the light of those before, and of the question they answer.

A message is screened alone at intake (`intake.py`); here bursts are read whole, and the turns of
the last day count. What is found can only be more.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from bot.crisis.screening import SafeScreener
from bot.crisis.script import open_position
from bot.updates.arrivals import Burst
from bot.updates.utterance import Utterance
from safety.response import script
from safety.response.policy import HOLD_LAPSE_S, THRESHOLD
from safety.screening.context import REMEMBERED, is_piece
from safety.screening.screener import Screening, merge
from storage import Transaction
from storage.companion import transcripts
from storage.ids import PersonId

REMEMBERED_FOR = timedelta(seconds=HOLD_LAPSE_S)
"""A risk that was named longer ago says little about a word of today."""
MOST_JOINED = 4_096
"""Letters of a burst that are read whole; each of its messages is screened by itself as well."""
_GAP = "\n。\n"


class ContextScreener:
    """Screens words in their context."""

    def __init__(self, screener: SafeScreener) -> None:
        self._screener = screener

    async def screen(self, text: str) -> Screening:
        """Screen a text without any context."""
        return await self._screener.screen_async(text)

    async def screen_burst(self, burst: Burst) -> Screening:
        """Screen a burst whole: a sentence may be split over several messages."""
        texts = burst.texts
        if len(texts) == 1:
            return burst.screening
        return merge([burst.screening, await self._screener.screen_async(joined(texts))])

    async def screen_in_context(
        self, transaction: Transaction, utterance: Utterance, texts: Sequence[str]
    ) -> Utterance:
        """Screen an utterance again, in the light of those before and of an open question.

        Args:
            transaction: to read the person's turns in.
            utterance: what the person says now.
            texts: its messages.

        Returns:
            The utterance with the graver screening.
        """
        person_id = utterance.person.person_id
        position = await open_position(transaction, person_id)
        before = await self._before(transaction, person_id, texts)
        if not before and position is None:
            return utterance
        asked = script.asked(position.script, position.step) if position else None
        heard = await self._screener.screen_async(joined(texts), before, asked=asked)
        return replace(utterance, screening=merge([utterance.screening, heard]))

    @staticmethod
    async def _before(
        transaction: Transaction, person_id: PersonId, texts: Sequence[str]
    ) -> list[str]:
        """Return the person's last words, if any can bear on a new one: a risk, a short piece.

        All of them are returned, because a piece only continues the words right before it. A turn
        that begins again after a crash holds some of the texts, which are not before.
        """
        recent = await transcripts.recent_words(
            transaction, person_id, since=transaction.now - REMEMBERED_FOR, limit=REMEMBERED
        )
        lines = set("\n".join(texts).split("\n"))
        before = [turn for turn in recent if not lines.issuperset(turn.text.split("\n"))]
        if not any(turn.level >= THRESHOLD or is_piece(turn.text) for turn in before):
            return []
        return [turn.text for turn in before]


def joined(texts: Sequence[str]) -> str:
    """Join messages, a line for each; of many letters, those where messages meet.

    Args:
        texts: Messages that came together.
    """
    whole = "\n".join(texts)
    if len(whole) <= MOST_JOINED:
        return whole
    edge = MOST_JOINED // len(texts) // 2
    return "\n".join(
        text if len(text) <= 2 * edge else f"{text[:edge]}{_GAP}{text[-edge:]}" for text in texts
    )
