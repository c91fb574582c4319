"""The recorder of messages of level 2 or more: a case, its evidence and a count."""

from collections.abc import Awaitable, Callable

from bot.updates.utterance import Utterance
from review.cases import records as review
from review.cases.desk import Desk
from safety.response.policy import Response, respond
from safety.screening.levels import Level
from safety.screening.outcome import Screening
from storage import Transaction
from storage.ids import CaseId, TurnId
from storage.review import safety_counts
from storage.review.safety_counts import SafetyEvent


class CaseRecorder:
    """Opens and raises cases.

    Args:
        desk: the operators' desk.
        screen: screens a text without context, to locate the matches in it.
    """

    def __init__(self, desk: Desk, screen: Callable[[str], Awaitable[Screening]]) -> None:
        self._desk = desk
        self._screen = screen

    async def open(
        self,
        transaction: Transaction,
        utterance: Utterance,
        response: Response,
    ) -> review.OpenedCase:
        """Open a case for the person, or raise the open one."""
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
        """Store the evidence and notify operators."""
        person, text, screening = utterance.person, utterance.told, utterance.screening
        await review.note_evidence(
            transaction, opened.case_id, text, screening, await self._screen(text), turn_id=turn_id
        )
        hidden = not person.has_consented or (
            person.is_off_record(transaction.now) and screening.level < Level.ACTIVE
        )
        await self._desk.opened(
            transaction,
            opened,
            "" if hidden else text,
            hidden=hidden,
            language=screening.language,
        )

    async def record_answers(self, transaction: Transaction, case_id: CaseId) -> None:
        """Show operators what the person has answered to the script."""
        await self._desk.answered(transaction, case_id)

    async def record_level_2(
        self, transaction: Transaction, utterance: Utterance, turn_id: TurnId | None
    ) -> None:
        """Record a message of level 2, which the model may answer."""
        response = respond(utterance.screening)
        if response is None or response.blocks_model:
            return
        opened = await self.open(transaction, utterance, response)
        await self.record(transaction, utterance, opened, turn_id)
