"""What a message of level 2 or more leaves for operators: a case, evidence, a count."""

from collections.abc import Awaitable, Callable

from bot.updates.utterance import Utterance
from review.cases import records as review
from review.cases.desk import Desk
from safety.response.policy import Response, respond
from safety.screening.levels import Level
from safety.screening.screener import Screening
from storage import Transaction
from storage.ids import TurnId
from storage.review import safety_counts
from storage.review.safety_counts import SafetyEvent


class CaseRecorder:
    """Opens and raises cases.

    Args:
        desk: where operators see to them.
        place: screens a text alone, to say where in it rules fired.
    """

    def __init__(self, desk: Desk, place: Callable[[str], Awaitable[Screening]]) -> None:
        self._desk = desk
        self._place = place

    async def open(
        self,
        transaction: Transaction,
        utterance: Utterance,
        response: Response,
    ) -> review.OpenedCase:
        """Open the person's case, or raise the one that is open."""
        opened = await review.open_or_raise(
            transaction, utterance.person.person_id, response, utterance.screening
        )
        if opened.is_new:
            await safety_counts.add(
                transaction, SafetyEvent.CASE, level=int(response.level), script=response.script
            )
        return opened

    async def record(
        self,
        transaction: Transaction,
        utterance: Utterance,
        opened: review.OpenedCase,
        turn_id: TurnId | None,
    ) -> None:
        """Keep the evidence, and tell operators what it says and where."""
        person, text, screening = utterance.person, utterance.text, utterance.screening
        await review.note_evidence(
            transaction, opened.case_id, text, screening, await self._place(text), turn_id=turn_id
        )
        hidden = not person.has_consented or (
            person.is_off_record(transaction.now) and screening.level < Level.ACTIVE
        )
        await self._desk.opened(transaction, opened, "" if hidden else text, hidden=hidden)

    async def record_level_2(
        self, transaction: Transaction, utterance: Utterance, turn_id: TurnId | None
    ) -> None:
        """Open or raise a case for a message of level 2, which the model may answer."""
        response = respond(utterance.screening)
        if response is None or response.blocks_model:
            return
        opened = await self.open(transaction, utterance, response)
        await self.record(transaction, utterance, opened, turn_id)
