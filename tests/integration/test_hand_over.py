"""One contract for SQLite and PostgreSQL: a case goes from one named operator to another."""

import asyncio
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from review.cases.escalation import LEASE, Stage
from review.cases.events import EventType
from review.cases.hand_over import HandOver
from review.operators import roster
from review.operators.access import RefusedError
from storage import Database
from storage.ids import CaseId, OperatorId
from storage.review import audit, case_queue
from storage.review.case_queue import Filters
from storage.review.cases import Case, CaseState, Resolution
from storage.review.operators import Operator, OperatorRole, Shift
from tests.integration.test_review import STEP, Room, refused
from tests.support.clock import ManualClock


@pytest.fixture
def room(database: Database, clock: ManualClock[datetime]) -> Room:
    return Room(database, clock)


@pytest.fixture
def hand_over(room: Room) -> HandOver:
    return HandOver(room.desk)


async def given(room: Room, hand_over: HandOver, *, talks: bool) -> tuple[Operator, Operator, Case]:
    """A case that Ann has and hands to Bo."""
    ann, bo = await room.operator(1), await room.operator(2)
    case_id = await room.case()
    await room.do(room.takeover.begin if talks else room.desk.claim, ann, case_id)
    return ann, bo, await room.do(hand_over.offer, ann, case_id, bo.operator_id)


@pytest.mark.parametrize("talks", [False, True])
async def test_it_stays_with_the_giver_until_the_receiver_confirms(
    room: Room, hand_over: HandOver, talks: bool
) -> None:
    ann, bo, case = await given(room, hand_over, talks=talks)
    assert (case.claimed_by, case.handed_to) == (ann.operator_id, bo.operator_id)
    room.clock.now += STEP / 2
    case = await room.do(room.desk.claim, bo, case.case_id)
    assert (case.claimed_by, case.handed_to, case.clock_due_at) == (bo.operator_id, None, None)
    assert case.state is CaseState.CLAIMED
    assert case.lease_until_at == (room.clock.now + LEASE if talks else None)
    event = room.events[-1]
    assert (event.what, event.operator) == (EventType.HANDED_OVER, bo)
    assert event.detail["giver"] == ann.operator_id
    assert await room.after(STEP / 2) == []  # the clock of the offer is over
    async with room.database.read() as tx:
        acts = [(act.act, act.operator_id) for act in await audit.page(tx, limit=2)]
    assert acts == [("handed_over", bo.operator_id), ("hand_over_offered", ann.operator_id)]
    assert (await refused(room.do(room.takeover.say, ann, case.case_id, "x"))).key == "not_yours"


async def test_taking_over_confirms_too(room: Room, hand_over: HandOver) -> None:
    _, bo, case = await given(room, hand_over, talks=True)
    case = await room.do(room.takeover.begin, bo, case.case_id)
    assert (case.claimed_by, case.lease_until_at) == (bo.operator_id, room.clock.now + LEASE)
    assert room.told[-1] is EventType.HANDED_OVER  # and no second takeover
    await room.do(room.takeover.say, bo, case.case_id, "我在")


async def test_a_claimed_case_that_nobody_confirms_goes_to_the_next(
    room: Room, hand_over: HandOver
) -> None:
    ann, bo, case = await given(room, hand_over, talks=False)
    cy = await room.operator(3)
    assert await room.after(STEP - timedelta(seconds=1)) == []
    assert await room.after(timedelta(seconds=1)) == [EventType.HAND_OVER_ENDED]
    case = await room.get(case.case_id)
    assert (case.state, case.claimed_by, case.handed_to) == (CaseState.OPEN, None, None)
    assert room.events[-1].operator == ann
    assert await room.after(timedelta()) == [EventType.PAGED]
    assert room.events[-1].detail == {"operators": [cy.operator_id]}  # not who was asked in vain
    assert Stage((await room.get(case.case_id)).clock_stage) is Stage.NEXT_PAGED
    await room.do(room.desk.claim, bo, case.case_id)  # late, and as anybody may


async def test_a_conversation_that_nobody_confirms_stays_and_its_lease_runs_on(
    room: Room, hand_over: HandOver
) -> None:
    ann, _, case = await given(room, hand_over, talks=True)
    room.clock.now += STEP / 2
    await room.do(room.takeover.say, ann, case.case_id, "我还在")
    assert await room.after(STEP / 2) == [EventType.HAND_OVER_ENDED]
    case = await room.get(case.case_id)
    assert (case.claimed_by, case.handed_to) == (ann.operator_id, None)
    assert case.lease_until_at is not None
    assert EventType.LEASE_RAN_OUT in await room.after(LEASE)
    assert (await room.get(case.case_id)).state is CaseState.OPEN


async def test_a_case_of_level_2_is_never_paged(room: Room, hand_over: HandOver) -> None:
    ann, bo = await room.operator(1), await room.operator(2)
    case_id = await room.case(2)
    await room.do(room.desk.claim, ann, case_id)
    await room.do(hand_over.offer, ann, case_id, bo.operator_id)
    await room.do(room.desk.release, ann, case_id)
    assert await room.after(2 * STEP) == []
    await room.do(room.desk.claim, ann, case_id)
    await room.do(hand_over.offer, ann, case_id, bo.operator_id)
    assert await room.after(STEP) == [EventType.HAND_OVER_ENDED]
    assert await room.after(STEP) == []


async def test_the_giver_keeps_it_or_names_another(room: Room, hand_over: HandOver) -> None:
    ann, bo, case = await given(room, hand_over, talks=False)
    cy = await room.operator(3)
    await room.do(hand_over.offer, ann, case.case_id, cy.operator_id)
    assert (await refused(room.do(room.desk.claim, bo, case.case_id))).key == "case_taken"
    case = await room.do(room.desk.claim, ann, case.case_id)
    assert (case.claimed_by, case.handed_to, case.clock_due_at) == (ann.operator_id, None, None)
    assert room.events[-1].detail == {"why": "kept", "to": cy.operator_id}
    assert (await refused(room.do(room.desk.claim, cy, case.case_id))).key == "case_taken"
    assert await room.after(2 * STEP) == []


async def test_confirming_and_keeping_at_once(room: Room, hand_over: HandOver) -> None:
    ann, bo, case = await given(room, hand_over, talks=True)
    ended = await asyncio.gather(
        room.do(room.desk.claim, bo, case.case_id),
        room.do(room.desk.claim, ann, case.case_id),
        return_exceptions=True,
    )
    after = await room.get(case.case_id)
    loser = ended[0] if after.claimed_by == ann.operator_id else ended[1]
    assert after.handed_to is None and after.claimed_by in (ann.operator_id, bo.operator_id)
    assert isinstance(loser, RefusedError | Case)
    endings = {EventType.HANDED_OVER, EventType.HAND_OVER_ENDED}
    assert len([what for what in room.told if what in endings]) == 1


async def test_who_may_hand_over_and_to_whom(room: Room, hand_over: HandOver) -> None:
    ann, bo = await room.operator(1), await room.operator(2)
    admin, gone = await room.operator(3, OperatorRole.ADMIN), await room.operator(4)
    case_id = await room.case()

    async def why(actor: Operator, to: int) -> RefusedError:
        return await refused(room.do(hand_over.offer, actor, case_id, OperatorId(to)))

    assert (await why(ann, bo.operator_id)).key == "not_claimed"
    await room.do(room.desk.claim, ann, case_id)
    async with room.database.begin() as tx:
        await roster.remove(tx, admin, gone.operator_id)
    assert (await why(bo, bo.operator_id)).holder == ann
    for to in (gone.operator_id, 99, 0):
        assert (await why(ann, to)).key == "operator_gone"
    assert (await why(ann, ann.operator_id)).key == "case_taken"
    assert (await why(gone, bo.operator_id)).key == "not_yours"
    case = await room.do(hand_over.offer, admin, case_id, bo.operator_id)
    assert case.handed_to == bo.operator_id
    async with room.database.read() as tx:
        seen = await case_queue.page(tx, Filters(state="mine", operator_id=bo.operator_id))
    assert [one.case_id for one in seen] == [case_id]  # it is in the receiver's queue
    await room.do(room.desk.resolve, ann, case_id, Resolution.HELPED)
    assert (await room.get(case_id)).handed_to is None
    assert (await why(ann, bo.operator_id)).key == "case_gone"


async def test_those_on_duty_are_named_first(room: Room, hand_over: HandOver) -> None:
    ann, bo, cy = [await room.operator(number) for number in (1, 2, 3)]
    case_id = await room.case()
    await room.do(room.desk.claim, ann, case_id)
    async with room.database.begin() as tx:
        now = tx.now.astimezone(ZoneInfo("UTC"))
        shift = Shift(now.weekday(), 0, 1440)
        await roster.set_hours(tx, None, cy.operator_id, [shift])
        await roster.set_hours(tx, None, ann.operator_id, [shift])
    async with room.database.read() as tx:
        named = await hand_over.receivers(tx, await room.get(CaseId(case_id)))
    assert [(one.operator, one.is_on_duty) for one in named] == [(cy, True), (bo, False)]
