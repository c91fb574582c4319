"""One contract for SQLite and PostgreSQL: scripts, plans, follow-ups, counts."""

from datetime import timedelta

from sqlalchemy import func, select

from storage import Database
from storage.companion import follow_ups, plans, script_answers, script_positions
from storage.companion.plans import Plan
from storage.companion.script_answers import ScriptAnswer
from storage.companion.script_positions import ScriptPosition
from storage.database.schema import dialogues as dialogues_table
from storage.database.schema import follow_ups as follow_ups_table
from storage.database.schema import safety_plans
from storage.database.schema import script_answers as script_answers_table
from storage.review import safety_counts
from storage.review.safety_counts import Count, SafetyEvent
from storage.upkeep import erasure
from tests.integration.cast import NOW, mei


async def test_a_place_in_a_script_is_kept_and_left(database: Database) -> None:
    async with database.begin() as tx:
        person = await mei(tx)
        assert await script_positions.get(tx, person.person_id) is None
        for step in (0, 1):
            await script_positions.put(
                tx, person.person_id, "suicide", step=step, turns=step, changed_at=NOW
            )
        assert await script_positions.get(tx, person.person_id) == ScriptPosition(
            "suicide", 1, 1, NOW
        )
        await script_positions.end(tx, person.person_id)
        assert await script_positions.get(tx, person.person_id) is None


async def test_the_latest_answer_to_a_question_is_kept(database: Database) -> None:
    async with database.begin() as tx:
        person = await mei(tx)
        await script_answers.record(tx, person.person_id, "means", "no")
        tx.now = NOW + timedelta(minutes=1)
        await script_answers.record(tx, person.person_id, "company", "yes")
        await script_answers.record(tx, person.person_id, "means", "yes")
        assert await script_answers.of_person(tx, person.person_id) == [
            ScriptAnswer("company", "yes", tx.now),
            ScriptAnswer("means", "yes", tx.now),
        ]
        await script_answers.clear(tx, person.person_id)
        assert await script_answers.of_person(tx, person.person_id) == []


async def test_a_plan_is_sealed_and_deleted(database: Database) -> None:
    async with database.begin() as tx:
        person = await mei(tx)
        plan = Plan({"signs": ["睡不着"]}, open_step=0)
        await plans.put(tx, person.person_id, plan)
        stored = (await tx.execute(select(safety_plans.c.body))).scalar_one()
        assert "睡不着".encode() not in stored
        assert await plans.get(tx, person.person_id) == plan
        assert await plans.get(tx, person.person_id, open_since=NOW) is None
        before = NOW - timedelta(minutes=1)
        assert await plans.get(tx, person.person_id, open_since=before) == plan
        assert await plans.delete_plan(tx, person.person_id)
        assert not await plans.delete_plan(tx, person.person_id)


async def test_a_follow_up_is_taken_once(database: Database) -> None:
    async with database.begin() as tx:
        person = await mei(tx)
        await follow_ups.put(tx, person.person_id, due_at=NOW + timedelta(hours=24))
        await follow_ups.put(tx, person.person_id, due_at=NOW + timedelta(hours=10))
        assert not await follow_ups.is_any_due(tx)
        assert await follow_ups.take_due(tx) == []
        tx.now = NOW + timedelta(hours=10)
        assert await follow_ups.is_any_due(tx)
        assert await follow_ups.take_due(tx) == [person.person_id]
        assert await follow_ups.take_due(tx) == []
        assert not await follow_ups.cancel(tx, person.person_id)


async def test_counts_add_up_by_year_and_outlive_a_person(database: Database) -> None:
    async with database.begin() as tx:
        person = await mei(tx)
        await script_positions.put(tx, person.person_id, "suicide", step=0, turns=1, changed_at=NOW)
        await plans.put(tx, person.person_id, Plan({"signs": ["x"]}))
        await follow_ups.put(tx, person.person_id, due_at=NOW)
        await script_answers.record(tx, person.person_id, "means", "yes")
        for days in (0, 1, 400):
            tx.now = NOW + timedelta(days=days)
            await safety_counts.add(tx, SafetyEvent.FIXED_REPLY, level=3, script="suicide")
        tx.now = NOW
        await erasure.erase(tx, person.person_id)
        for table in (dialogues_table, safety_plans, follow_ups_table, script_answers_table):
            count = (await tx.execute(select(func.count()).select_from(table))).scalar_one()
            assert count == 0
        found = await safety_counts.of_year(tx, NOW.year)
        assert found == [Count("fixed_reply", 3, "suicide", 2)]
