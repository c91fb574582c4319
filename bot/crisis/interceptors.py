"""The interceptors of a crisis: crisis reply, takeover, hold, open question, safe mode."""

from collections.abc import Sequence
from typing import Protocol

from bot.crisis.case_recorder import CaseRecorder
from bot.crisis.fixed_reply import FixedReply
from bot.crisis.response import CrisisResponder
from bot.crisis.safe_mode import SafeMode
from bot.crisis.script import open_position
from bot.operators.takeover import TakeoverForwarder
from bot.updates.utterance import Utterance
from review.cases import records as review
from safety.response import script
from safety.response.policy import respond
from storage import Transaction
from storage.checkins import questions
from storage.companion import script_positions
from storage.messages import inbox
from storage.messages.inbox import Ended
from storage.review.cases import Case


class OpenStep(Protocol):
    """A step that waits for a person's text: of a safety plan, or a contact's name."""

    async def intercept(self, transaction: Transaction, utterance: Utterance) -> bool:
        """Take the utterance for the step, or return False."""


class CrisisReply:
    """Answers level 3 and 4 with the reviewed script, unless it has already done so."""

    def __init__(self, responder: CrisisResponder) -> None:
        self._responder = responder

    async def intercept(self, transaction: Transaction, utterance: Utterance) -> bool:
        """Answer the utterance if it is at level 3 or 4."""
        response = respond(utterance.screening)
        if response is None or not response.blocks_model or not utterance.is_new:
            return False
        person_id = utterance.person.person_id
        if utterance.is_late and await review.case_on_hold(transaction, person_id):
            return False
        await self._responder.respond(transaction, utterance)
        return True


class TakeoverInterceptor:
    """Forwards utterances to the operator who has the conversation."""

    def __init__(self, forwarder: TakeoverForwarder, recorder: CaseRecorder) -> None:
        self._forwarder = forwarder
        self._recorder = recorder

    async def intercept(self, transaction: Transaction, utterance: Utterance) -> bool:
        """Forward the utterance if an operator has the conversation."""
        person_id = utterance.person.person_id
        case = await self._forwarder.active_case(transaction, person_id)
        if case is None:
            return False
        if not utterance.is_new:  # the operator already has it
            await inbox.end(transaction, utterance.update_ids, Ended.HELD, reason="takeover")
            return True
        turn_id = await self._forwarder.forward_turn(transaction, utterance, case)
        await self._recorder.record_level_2(transaction, utterance, turn_id)
        await _close_note(transaction, utterance)
        return True


class HoldInterceptor:
    """Answers with the script while a case holds the person."""

    def __init__(
        self, responder: CrisisResponder, fixed_reply: FixedReply, steps: Sequence[OpenStep]
    ) -> None:
        self._responder = responder
        self._fixed_reply = fixed_reply
        self._steps = steps

    async def intercept(self, transaction: Transaction, utterance: Utterance) -> bool:
        """Answer the utterance if a case holds the person."""
        person = utterance.person
        case = await review.case_on_hold(transaction, person.person_id)
        if case is None:
            return False
        if not utterance.is_new:
            await self._responder.repeat_step(transaction, person, case, utterance.update_ids)
            return True
        if utterance.is_late:
            if person.has_consented:
                await self._fixed_reply.keep(transaction, utterance)
            await inbox.end(transaction, utterance.update_ids, Ended.ANSWERED, reason="fixed_reply")
        else:
            await self._answer(transaction, utterance, case)
        await _close_note(transaction, utterance)
        return True

    async def _answer(self, transaction: Transaction, utterance: Utterance, case: Case) -> None:
        """Answer by an open step, or else by the script. A button gets its own text."""
        if not utterance.is_typed:
            is_kept = utterance.person.has_consented
            await self._fixed_reply.answer(transaction, utterance, "checkin_held", is_kept=is_kept)
            return
        for step in self._steps:
            if await step.intercept(transaction, utterance):
                return
        await self._responder.respond_in_hold(transaction, utterance, case)


class QuestionCloser:
    """Closes the script's last question, so that later messages do not answer it."""

    async def intercept(self, transaction: Transaction, utterance: Utterance) -> bool:
        """Close an open question and let the utterance pass."""
        if utterance.is_typed and utterance.is_new:
            person_id = utterance.person.person_id
            position = await open_position(transaction, person_id)
            if position is not None and position.script == script.GENTLE:
                await script_positions.answered(transaction, person_id)
            elif position is not None:
                await script_positions.end(transaction, person_id)
        return False


class SafeModeInterceptor:
    """Answers with a reviewed text in safe mode."""

    def __init__(self, safe_mode: SafeMode, fixed_reply: FixedReply) -> None:
        self._safe_mode = safe_mode
        self._fixed_reply = fixed_reply

    async def intercept(self, transaction: Transaction, utterance: Utterance) -> bool:
        """Answer the utterance if safe mode is on."""
        if not await self._safe_mode.is_on(transaction):
            return False
        await self._fixed_reply.answer(transaction, utterance, "paused", is_kept=utterance.is_new)
        return True


async def _close_note(transaction: Transaction, utterance: Utterance) -> None:
    """Stop waiting for a check-in note, because this text is not one."""
    if utterance.is_typed:
        await questions.close_note(transaction, utterance.person.person_id)
