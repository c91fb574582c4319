"""The interceptors of a crisis: the fixed reply, a takeover, a hold, an open question, a pause."""

from typing import Protocol

from bot.crisis.case_recorder import CaseRecorder
from bot.crisis.fixed_reply import FixedReply
from bot.crisis.response import CrisisResponder
from bot.crisis.safe_mode import SafeMode
from bot.crisis.script import open_position
from bot.operators.takeover import TakeoverRelay
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


class PlanSteps(Protocol):
    """The step of a safety plan that waits for words."""

    async def intercept(self, transaction: Transaction, utterance: Utterance) -> bool:
        """Write the words into the plan, or return False."""


class CrisisReply:
    """Answers a risk of level 3 or more, unless a fixed reply has answered it already."""

    def __init__(self, responder: CrisisResponder) -> None:
        self._responder = responder

    async def intercept(self, transaction: Transaction, utterance: Utterance) -> bool:
        """Answer with the reviewed script."""
        response = respond(utterance.screening)
        if response is None or not response.blocks_model or not utterance.is_new:
            return False
        person_id = utterance.person.person_id
        if utterance.is_late and await review.case_on_hold(transaction, person_id):
            return False
        await self._responder.respond(transaction, utterance)
        return True


class TakeoverInterceptor:
    """Hands utterances to the operator who has the conversation."""

    def __init__(self, relay: TakeoverRelay, recorder: CaseRecorder) -> None:
        self._relay = relay
        self._recorder = recorder

    async def intercept(self, transaction: Transaction, utterance: Utterance) -> bool:
        """Forward the utterance if an operator has the conversation."""
        person_id = utterance.person.person_id
        case = await self._relay.active_case(transaction, person_id)
        if case is None:
            return False
        if not utterance.is_new:  # the operator has these words
            await inbox.end(transaction, utterance.update_ids, Ended.HELD, reason="takeover")
            return True
        turn_id = await self._relay.forward_turn(transaction, utterance, case)
        await self._recorder.record_level_2(transaction, utterance, turn_id)
        await _close_note(transaction, utterance)
        return True


class HoldInterceptor:
    """Keeps the model silent while a case holds the person."""

    def __init__(
        self, responder: CrisisResponder, fixed_reply: FixedReply, plan_steps: PlanSteps
    ) -> None:
        self._responder = responder
        self._fixed_reply = fixed_reply
        self._plan_steps = plan_steps

    async def intercept(self, transaction: Transaction, utterance: Utterance) -> bool:
        """Answer in a held conversation with the script's next text."""
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
        """Answer by the script, which a button never moves on, or by an open step of the plan."""
        if not utterance.is_typed:
            is_kept = utterance.person.has_consented
            await self._fixed_reply.answer(transaction, utterance, "checkin_held", is_kept=is_kept)
        elif not await self._plan_steps.intercept(transaction, utterance):
            await self._responder.respond_in_hold(transaction, utterance, case)


class QuestionCloser:
    """Closes the script's last question. The next words go to the model and do not answer it."""

    async def intercept(self, transaction: Transaction, utterance: Utterance) -> bool:
        """Close an open question, and let every utterance pass."""
        if utterance.is_typed and utterance.is_new:
            person_id = utterance.person.person_id
            position = await open_position(transaction, person_id)
            if position is not None and position.script == script.GENTLE:
                await script_positions.answered(transaction, person_id)
            elif position is not None:
                await script_positions.end(transaction, person_id)
        return False


class SafeModeInterceptor:
    """Answers with a reviewed text while the model must be silent."""

    def __init__(self, safe_mode: SafeMode, fixed_reply: FixedReply) -> None:
        self._safe_mode = safe_mode
        self._fixed_reply = fixed_reply

    async def intercept(self, transaction: Transaction, utterance: Utterance) -> bool:
        """Say that the model pauses."""
        if not await self._safe_mode.is_on(transaction):
            return False
        await self._fixed_reply.answer(transaction, utterance, "paused", is_kept=utterance.is_new)
        return True


async def _close_note(transaction: Transaction, utterance: Utterance) -> None:
    """Words in a crisis are not the note that a check-in asked for."""
    if utterance.is_typed:
        await questions.close_note(transaction, utterance.person.person_id)
