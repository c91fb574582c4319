"""A hand-over: an operator asks another one, by name, to go on with a case.

The case stays with the giver until the receiver claims it, so that no person is left alone between
two operators. The offer has a clock of its own (`review/cases/escalation.py`).
"""

from dataclasses import dataclass

from review.cases.desk import Desk
from review.cases.events import EventType
from review.operators import roster
from review.operators.access import Refusal, RefusedError
from storage import Transaction
from storage.ids import CaseId, OperatorId
from storage.review import hand_overs, operators
from storage.review.cases import Case, CaseState
from storage.review.operators import Operator


@dataclass(frozen=True, slots=True)
class Receiver:
    """An operator to whom a case can be handed."""

    operator: Operator
    is_on_duty: bool


@dataclass(frozen=True, slots=True)
class HandOver:
    """Hand cases to named operators."""

    desk: Desk

    async def offer(
        self, transaction: Transaction, actor: Operator, case_id: CaseId, receiver_id: OperatorId
    ) -> Case:
        """Ask another operator to take a case over: one's own, or any claimed case for an admin.

        Raises:
            RefusedError: `not_claimed`, `not_yours`, `operator_gone`, `case_gone`, or
                `case_taken` if the receiver has it already.
        """
        desk = self.desk
        case = await desk.the_case(transaction, actor, case_id)
        if case.state is not CaseState.CLAIMED or case.claimed_by is None:
            raise RefusedError(Refusal.NOT_CLAIMED)
        if case.claimed_by != actor.operator_id and not actor.is_admin:
            raise RefusedError(Refusal.NOT_YOURS, await desk.holder(transaction, case))
        receiver = await operators.get(transaction, receiver_id)
        if receiver is None or not receiver.is_active:
            raise RefusedError(Refusal.OPERATOR_GONE)
        if receiver_id == case.claimed_by:
            raise RefusedError(Refusal.CASE_TAKEN, receiver)
        step = desk.escalation.pace.step
        if not await hand_overs.offer(
            transaction,
            case_id,
            giver=case.claimed_by,
            receiver=receiver_id,
            due_at=transaction.now + step,
        ):
            raise await desk.taken(transaction, case)
        return await desk.happened(
            transaction,
            EventType.HAND_OVER_OFFERED,
            case_id,
            actor,
            detail={
                "to": receiver_id,
                "giver": case.claimed_by,
                "minutes": round(step.total_seconds() / 60),
            },
        )

    async def receivers(self, transaction: Transaction, case: Case) -> list[Receiver]:
        """List the operators to whom a case can be handed, those on duty first."""
        duty = await roster.on_duty(transaction, self.desk.escalation.pace.zone)
        ids = {operator.operator_id for operator in duty}
        others = [
            Receiver(operator, operator.operator_id in ids)
            for operator in await operators.listed(transaction)
            if operator.operator_id != case.claimed_by
        ]
        return sorted(others, key=lambda receiver: not receiver.is_on_duty)
