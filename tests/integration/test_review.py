"""One contract for SQLite and PostgreSQL: desk, takeover, roster, clocks, the trail."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DBAPIError

from review.cases.desk import Desk
from review.cases.escalation import LEASE, Escalation, EscalationPolicy, Stage
from review.cases.events import CaseEvents, Event, EventType
from review.cases.takeover import Takeover
from review.operators import roster
from review.operators.access import RefusedError
from storage import Database, Transaction
from storage.database.schema_review import audit as trail
from storage.ids import CaseId
from storage.review import audit, audit_check, audit_erasure, cases, notes, operators
from storage.review.cases import Case, CaseState, Resolution
from storage.review.operators import Operator, OperatorRole, Shift
from storage.upkeep import erasure
from tests.integration.cast import NOW, SECRET, mei
from tests.support.clock import ManualClock

STEP = timedelta(minutes=10)


@dataclass
class Room:
    """Desk, takeover and clocks with a clock of their own, and what they told."""

    database: Database
    clock: ManualClock[datetime]
    events: list[Event] = field(default_factory=list)
    paged: list[int] = field(default_factory=list)
    pages: bool | Exception = False

    def __post_init__(self) -> None:
        events = CaseEvents()
        events.add(self)
        pace = EscalationPolicy(STEP, ZoneInfo("UTC"))
        self.clocks = Escalation(self.database, events, pace, page=self._page)
        self.desk = Desk(self.database, events, self.clocks)
        self.takeover = Takeover(self.desk)

    async def on_event(self, _transaction: Transaction, event: Event) -> None:
        self.events.append(event)

    async def _page(self, case: Case, _now: datetime) -> bool:
        self.paged.append(case.case_id)
        if isinstance(self.pages, Exception):
            raise self.pages
        return self.pages

    @property
    def told(self) -> list[EventType]:
        return [event.what for event in self.events]

    async def operator(self, number: int, role: OperatorRole = OperatorRole.REVIEWER) -> Operator:
        async with self.database.begin() as tx:
            return await operators.add(tx, number, role=role, name=f"op{number}", language="en")

    async def case(self, level: int = 3, telegram_id: int = 42) -> CaseId:
        async with self.database.begin() as tx:
            person = await mei(tx, telegram_id)
            case_id = await cases.create(
                tx,
                person.person_id,
                level=level,
                categories=("suicide",),
                script="suicide",
                lexicon="1",
                hold_until_at=self.clock.now + timedelta(hours=24),
            )
            found = await cases.get(tx, case_id)
            assert found is not None
            await self.clocks.start(tx, found)
        return case_id

    async def do(self, act: Callable[..., Awaitable[Case]], *values: object) -> Case:
        async with self.database.begin() as tx:
            return await act(tx, *values)

    async def get(self, case_id: CaseId) -> Case:
        async with self.database.read() as tx:
            found = await cases.get(tx, case_id)
        assert found is not None
        return found

    async def after(self, passed: timedelta) -> list[EventType]:
        """What the clocks tell once so much time has passed."""
        self.clock.now += passed
        before = len(self.events)
        await self.clocks.tick()
        return self.told[before:]


@pytest.fixture
def room(database: Database, clock: ManualClock[datetime]) -> Room:
    return Room(database, clock)


async def refused(work: Awaitable[object]) -> RefusedError:
    with pytest.raises(RefusedError) as raised:
        await work
    return raised.value


async def test_of_two_claims_at_once_one_wins(room: Room) -> None:
    ann, bo = await room.operator(1), await room.operator(2)
    case_id = await room.case()
    ended = await asyncio.gather(
        room.do(room.desk.claim, ann, case_id),
        room.do(room.desk.claim, bo, case_id),
        return_exceptions=True,
    )
    (won,) = [each for each in ended if isinstance(each, Case)]
    (lost,) = [each for each in ended if isinstance(each, RefusedError)]
    assert lost.key == "case_taken"
    assert lost.holder is not None
    assert lost.holder.operator_id == won.claimed_by == (await room.get(case_id)).claimed_by
    assert room.told == [EventType.CLAIMED]
    async with room.database.read() as tx:
        assert [each.act for each in await audit.page(tx, case_id=case_id)] == ["claimed"]


async def test_who_may_do_what(room: Room) -> None:
    ann, bo, chief = (
        await room.operator(1),
        await room.operator(2),
        await room.operator(3, OperatorRole.ADMIN),
    )
    case_id = await room.case()
    desk, takeover = room.desk, room.takeover
    assert (await refused(room.do(takeover.say, ann, case_id, "你好"))).key == "no_takeover"
    await room.do(takeover.begin, ann, case_id)
    assert (await refused(room.do(takeover.begin, ann, case_id))).key == "takeover_runs"
    assert (await refused(room.do(desk.claim, bo, case_id))).key == "case_taken"
    assert (await refused(room.do(takeover.say, bo, case_id, "你好"))).key == "not_yours"
    assert (await refused(room.do(desk.release, bo, case_id))).key == "not_yours"
    assert (await refused(room.do(desk.release, ann, case_id))).key == "takeover_runs"
    assert (await refused(room.do(takeover.say, ann, case_id, " "))).key == "empty"
    assert (await refused(room.do(takeover.say, ann, case_id, "x" * 4001))).key == "too_long"
    helped = Resolution.HELPED
    assert (await refused(room.do(desk.resolve, bo, case_id, helped))).key == "case_taken"
    await room.do(takeover.hand_back, chief, case_id)  # an admin may
    await room.do(desk.release, chief, case_id)
    done = await room.do(desk.resolve, bo, case_id, helped)
    assert (done.state, done.resolution, done.resolved_by) == (
        CaseState.RESOLVED,
        helped,
        bo.operator_id,
    )
    assert (await refused(room.do(desk.claim, ann, case_id))).key == "case_gone"
    async with room.database.begin() as tx:
        await operators.change(tx, ann.operator_id, removed_at=NOW)
        gone = await operators.get(tx, ann.operator_id)
        assert gone is not None
    other = await room.case(telegram_id=43)
    assert (await refused(room.do(desk.claim, gone, other))).key == "not_allowed"


async def test_a_handback_is_summed_up(room: Room) -> None:
    ann, case_id = await room.operator(1), await room.case()
    await room.do(room.takeover.begin, ann, case_id)
    await room.do(room.takeover.say, ann, case_id, "我在")
    room.clock.now += timedelta(minutes=7)
    await room.do(room.takeover.hand_back, ann, case_id, "好些了")
    detail = room.events[-1].detail
    assert (detail["minutes"], detail["operator_said"], detail["person_said"]) == (7, 1, 0)
    case = await room.get(case_id)
    assert (case.state, case.lease_until_at) == (CaseState.CLAIMED, None)
    assert case.person_id is not None
    async with room.database.read() as tx:
        kept = await notes.of_case(tx, case_id, case.person_id)
    assert [note.text for note in kept] == ["好些了"]


async def test_a_clock_goes_from_the_next_on_duty_to_the_honest_word(room: Room) -> None:
    for number in (1, 2):
        await room.operator(number)
    room.pages = True
    case_id = await room.case(level=4)
    assert await room.after(STEP - timedelta(seconds=1)) == []
    assert await room.after(timedelta(seconds=1)) == [EventType.PAGED]
    assert room.events[-1].detail == {"operators": [1]}
    assert await room.after(STEP) == [EventType.PAGED]
    assert room.events[-1].detail == {"outside": True}
    assert room.paged == [case_id]
    assert await room.after(STEP) == [EventType.NOBODY_CAME]
    assert await room.after(timedelta(days=1)) == []  # the case waits on
    case = await room.get(case_id)
    assert (case.state, case.clock_stage, case.clock_due_at) == (
        CaseState.OPEN,
        Stage.PERSON_TOLD,
        None,
    )


@pytest.mark.parametrize("pages", [False, RuntimeError("no network")])
async def test_where_no_pager_works_the_person_is_told_without_waiting(
    room: Room, pages: bool | Exception
) -> None:
    await room.operator(1)
    room.pages = pages
    await room.case()
    assert await room.after(STEP) == [EventType.PAGED]
    told = await room.after(STEP) + await room.after(timedelta(seconds=2))
    assert told[-1] is EventType.NOBODY_CAME
    failures = [
        e.detail for e in room.events if e.what is EventType.PAGED and "outside" in e.detail
    ]
    wanted = [{"outside": False, "error": "RuntimeError"}] if pages else []
    assert failures == wanted


async def test_a_claim_stops_the_clock(room: Room) -> None:
    ann, case_id = await room.operator(1), await room.case()
    await room.do(room.desk.claim, ann, case_id)
    assert await room.after(10 * STEP) == []
    await room.do(room.desk.release, ann, case_id)
    assert await room.after(timedelta(seconds=1)) == [
        EventType.PAGED
    ]  # given back: the next, at once


async def test_no_clock_runs_below_level_three_or_without_operators(room: Room) -> None:
    await room.case(level=4)
    assert await room.after(10 * STEP) == []
    await room.operator(1)
    await room.case(level=2, telegram_id=43)
    assert await room.after(10 * STEP) == []


async def test_with_nobody_on_duty_the_pager_is_next(room: Room) -> None:
    ann = await room.operator(1)
    async with room.database.begin() as tx:
        elsewhen = [Shift((NOW.weekday() + 3) % 7, 0, 60)]
        await operators.set_shifts(tx, ann.operator_id, elsewhen)
    room.pages = True
    case_id = await room.case()
    assert await room.after(timedelta(seconds=1)) == [EventType.PAGED]
    assert room.paged == [case_id]
    assert await room.after(STEP) == [EventType.NOBODY_CAME]


async def test_a_lease_runs_out_unless_a_word_is_quicker(room: Room) -> None:
    ann, bo = await room.operator(1), await room.operator(2)
    case_id = await room.case()
    await room.do(room.takeover.begin, ann, case_id)
    room.clock.now += LEASE - timedelta(seconds=1)
    await room.do(room.takeover.say, ann, case_id, "我在")
    assert await room.after(timedelta(seconds=2)) == []
    assert await room.after(LEASE) == [EventType.LEASE_RAN_OUT]
    case = await room.get(case_id)
    assert (case.state, case.claimed_by, case.lease_until_at) == (CaseState.OPEN, None, None)
    assert await room.after(timedelta(seconds=2)) == [EventType.PAGED]
    assert room.events[-1].detail == {"operators": [bo.operator_id]}  # not who fell silent


async def test_settings_seed_and_do_not_decide(room: Room) -> None:
    async with room.database.begin() as tx:
        added = await roster.seed(tx, [7, 8], language="zh")
        assert [(each.telegram_id, each.role) for each in added] == [
            (7, OperatorRole.ADMIN),
            (8, OperatorRole.ADMIN),
        ]
        await roster.remove(tx, added[0], added[1].operator_id)
        assert await roster.seed(tx, [7, 8], language="zh") == []
        assert [each.telegram_id for each in await operators.listed(tx)] == [7]


async def test_the_last_admin_stays(room: Room) -> None:
    chief, ann = await room.operator(1, OperatorRole.ADMIN), await room.operator(2)
    add = {"name": "", "language": "en"}
    async with room.database.begin() as tx:
        for work in (
            roster.remove(tx, chief, chief.operator_id),
            roster.set_role(tx, chief, chief.operator_id, OperatorRole.REVIEWER),
            roster.add(tx, None, 1, role=OperatorRole.REVIEWER, **add),
        ):
            assert (await refused(work)).key == "last_admin"
        for work in (
            roster.remove(tx, ann, chief.operator_id),
            roster.add(tx, ann, 3, role=OperatorRole.ADMIN, **add),
            roster.set_hours(tx, ann, ann.operator_id, []),
        ):
            assert (await refused(work)).key == "not_allowed"
        await roster.set_role(tx, chief, ann.operator_id, OperatorRole.ADMIN)
        await roster.remove(tx, chief, chief.operator_id)
        assert [each.telegram_id for each in await operators.listed(tx)] == [2]


async def test_hours_over_midnight(room: Room) -> None:
    ann, bo = await room.operator(1), await room.operator(2)
    chief = await room.operator(3, OperatorRole.ADMIN)
    friday = datetime(2026, 1, 2, tzinfo=UTC)
    async with room.database.begin() as tx:
        zone = ZoneInfo("UTC")
        tx.now = friday
        assert len(await roster.on_duty(tx, zone)) == 3  # no hours at all: everybody
        tx.now = NOW
        await roster.set_hours(tx, chief, ann.operator_id, [Shift(4, 22 * 60, 6 * 60)])
        await roster.set_hours(tx, chief, bo.operator_id, [Shift(5, 0, 24 * 60)])
        for hours, wanted in ((21, []), (22, [1]), (23, [1]), (24, [1, 2]), (30, [2]), (48, [])):
            tx.now = friday + timedelta(hours=hours)
            duty = await roster.on_duty(tx, zone)
            assert [each.telegram_id for each in duty] == wanted, hours
        tx.now = NOW
        wrong = roster.set_hours(tx, chief, ann.operator_id, [Shift(7, 0, 60)])
        assert (await refused(wrong)).key == "bad_hours"


async def acts(room: Room) -> CaseId:
    """A few acts with words."""
    ann, case_id = await room.operator(1), await room.case()
    await room.do(room.takeover.begin, ann, case_id)
    await room.do(room.takeover.say, ann, case_id, SECRET)
    await room.do(room.desk.note, ann, case_id, SECRET)
    return case_id


async def test_the_trail_refuses_changes(room: Room) -> None:
    await acts(room)
    for statement in (
        update(trail).values(act="helped"),
        update(trail).values(operator_id=9),
        update(trail).where(trail.c.audit_id == 1).values(detail="{}x"),
        delete(trail),
        delete(trail).where(trail.c.audit_id == 1),
    ):
        with pytest.raises(DBAPIError):
            async with room.database.begin() as tx:
                await tx.execute(statement)
    async with room.database.read() as tx:
        assert (await audit_check.verify(tx)).broken_at is None


async def behind_their_back(room: Room, statement: str) -> None:
    """What somebody could do who owns the database itself."""
    async with room.database.begin() as tx:
        if tx.dialect == "postgresql":
            await tx.execute(text("ALTER TABLE audit DISABLE TRIGGER USER"))
        else:
            names = await tx.execute(
                text("SELECT name FROM sqlite_master WHERE type='trigger' AND tbl_name='audit'")
            )
            for name in names.scalars().all():
                await tx.execute(text(f"DROP TRIGGER {name}"))
        await tx.execute(text(statement))


@pytest.mark.parametrize(
    ("statement", "broken_at"),
    [
        ("UPDATE audit SET operator_id = 9 WHERE audit_id = 2", 2),
        ("UPDATE audit SET act = 'claimed ' WHERE audit_id = 1", 1),
        ("UPDATE audit SET detail = '{\"x\": 1}' WHERE audit_id = 3", 3),
        (
            "UPDATE audit SET words = (SELECT words FROM audit WHERE audit_id = 4)"
            " WHERE audit_id = 3",
            3,
        ),
        ("DELETE FROM audit WHERE audit_id = 2", 3),
        ("DELETE FROM audit WHERE audit_id = 1", 2),
    ],
)
async def test_a_change_behind_their_back_is_found(
    room: Room, statement: str, broken_at: int
) -> None:
    await acts(room)
    await behind_their_back(room, statement)
    async with room.database.read() as tx:
        assert (await audit_check.verify(tx)).broken_at == broken_at


async def test_a_trail_cut_short_is_found_by_its_head(room: Room) -> None:
    await acts(room)
    async with room.database.read() as tx:
        head = (await audit_check.verify(tx)).head
    await behind_their_back(room, "DELETE FROM audit WHERE audit_id = 4")
    async with room.database.read() as tx:
        assert (await audit_check.verify(tx)).broken_at is None
        assert not (await audit_check.verify(tx, head=head)).holds_head


async def test_erasing_a_person_leaves_the_chain_whole(room: Room) -> None:
    case_id = await acts(room)
    async with room.database.read() as tx:
        before = await audit_check.verify(tx)
    case = await room.get(case_id)
    assert case.person_id is not None
    async with room.database.begin() as tx:
        await erasure.erase(tx, case.person_id)
        after = await audit_check.verify(tx)
        rows = await audit.page(tx)
    assert (after.records, after.broken_at) == (before.records + 1, None)  # the erasure
    assert (before.erased, after.erased) == (0, 2)
    assert all(each.words is None for each in rows)
    ann = await room.operator(1)
    room_after = await refused(room.do(room.desk.note, ann, case_id, "x"))
    assert room_after.key == "person_gone"


async def test_acts_at_the_same_moment_stand_in_one_chain(database: Database) -> None:
    async def act(number: int) -> None:
        async with database.begin() as tx:
            await audit.append(tx, "noted", detail={"number": number})

    await asyncio.gather(*(act(number) for number in range(40)))
    async with database.read() as tx:
        verdict = await audit_check.verify(tx)
        numbers = {record.detail["number"] for record in await audit.page(tx, limit=100)}
    assert (verdict.records, verdict.broken_at) == (40, None)
    assert numbers == set(range(40))


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("  林  老师 ", "林 老师"),
        ("Dr. Lin", "Dr. Lin"),
        ("", ""),
        ("林" * 40, "林" * 40),
        ("林" * 41, None),
        ("@lin", None),
        ("＠lin", None),
        ("t.me", None),
        ("a/b", None),
        ("林\u202e", None),
    ],
)
async def test_the_name_that_people_read(room: Room, given: str, stored: str | None) -> None:
    ann = await room.operator(1)
    async with room.database.begin() as tx:
        if stored is None:
            assert (await refused(roster.set_public_name(tx, ann, given))).key == "bad_public_name"
        else:
            assert await roster.set_public_name(tx, ann, given) == stored
        (found,) = await operators.listed(tx)
        assert found.public_name == (stored or "")
        changes = await audit.page(tx, limit=5, act="operator_set")
    assert [row.detail["public_name"] for row in changes] == [stored] * (stored is not None)


LOSE_WORDS = "UPDATE audit SET words = NULL, person_id = NULL WHERE audit_id IN ({ids})"


@pytest.mark.parametrize("ids", ["2", "3", "2, 3", "4"])
async def test_e10_words_lost_without_an_erasure_are_tampering(room: Room, ids: str) -> None:
    async with room.database.begin() as tx:
        await audit_erasure.begin(tx)
    await acts(room)
    async with room.database.read() as tx:
        first = await audit_check.verify(tx)
        told = {r.audit_id for r in await audit.page(tx) if r.words is not None}
    await behind_their_back(room, LOSE_WORDS.format(ids=ids))
    async with room.database.begin() as tx:
        await audit_erasure.begin(tx)  # a later start blesses nothing
        after = await audit_check.verify(tx)
    lost = told & {int(number) for number in ids.split(",")}
    assert first.broken_at is None
    assert after.broken_at == min(lost, default=None)


async def test_e10_an_erasure_is_an_act_that_explains_what_is_lost(room: Room) -> None:
    async with room.database.begin() as tx:
        await audit_erasure.begin(tx)
    case_id = await acts(room)
    case = await room.get(case_id)
    assert case.person_id is not None
    async with room.database.begin() as tx:
        await erasure.erase(tx, case.person_id)
    async with room.database.read() as tx:
        verdict = await audit_check.verify(tx)
        newest = (await audit.page(tx, limit=1))[0]
    assert (verdict.broken_at, verdict.erased) == (None, 2)
    assert (newest.act, newest.detail["reason"]) == ("words_erased", "person")
    lost = set(audit_erasure.numbers(newest.detail["acts"]))
    await behind_their_back(room, f"DELETE FROM audit WHERE audit_id = {newest.audit_id}")
    async with room.database.read() as tx:
        assert (await audit_check.verify(tx)).broken_at == min(lost)


async def test_e10_what_was_erased_before_erasures_were_acts_is_no_tampering(room: Room) -> None:
    await acts(room)
    await behind_their_back(room, LOSE_WORDS.format(ids="3"))
    async with room.database.begin() as tx:
        await audit_erasure.begin(tx)
        assert (await audit_check.verify(tx)).broken_at is None


@given(st.sets(st.integers(1, 60)))
def test_spans_name_the_same_numbers(chosen: set[int]) -> None:
    spans = audit_erasure.spans(sorted(chosen))
    assert list(audit_erasure.numbers(spans)) == sorted(chosen)
