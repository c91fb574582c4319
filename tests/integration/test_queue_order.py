"""The order of the queue as a table, on SQLite and PostgreSQL."""

from datetime import timedelta

import pytest

from safety.response.policy import Script
from safety.response.script import questions
from storage import Database
from storage.companion import script_answers
from storage.ids import CaseId, OperatorId
from storage.review import case_queue, cases
from storage.review.case_queue import URGENT_IF_NO, URGENT_IF_YES, Filters
from storage.review.cases import Case
from tests.integration.cast import NOW, mei

# (name, level, minutes since the last sign of risk, claimed, answers), the first one first.
TABLE = [
    ("level 4 before all answers", 4, 1, False, {}),
    ("three urgent answers", 3, 1, False, {"injured": "yes", "means": "yes", "company": "no"}),
    ("two urgent answers", 3, 2, False, {"weapon": "yes", "near": "yes", "company": "yes"}),
    ("one, waiting longer", 3, 30, False, {"means": "yes", "risk": "yes"}),
    ("one, the other way round", 3, 20, False, {"company": "no"}),
    ("one, of somebody else's danger", 3, 10, False, {"their_danger": "yes"}),
    ("none: unsure is not yes", 3, 60, False, {"means": "unsure", "company": "quiet"}),
    ("none: safe answers", 3, 50, False, {"means": "no", "company": "yes", "distance": "yes"}),
    ("none: not answered", 3, 40, False, {}),
    ("claimed, though urgent", 3, 90, True, {"injured": "yes", "means": "yes"}),
    ("level 2 with urgent answers", 2, 90, False, {"means": "yes", "company": "no"}),
    ("level 2", 2, 95, False, {}),
]


async def fill(database: Database) -> list[Case]:
    """Open the cases of the table, last row first, and return them in its order."""
    made: dict[int, CaseId] = {}
    for number, (_, level, minutes, is_claimed, answers) in reversed(list(enumerate(TABLE))):
        async with database.begin() as tx:
            tx.now = NOW - timedelta(minutes=minutes)
            person = await mei(tx, 42 + number)
            for question, answer in answers.items():
                await script_answers.record(tx, person.person_id, question, answer)
            made[number] = await cases.create(
                tx,
                person.person_id,
                level=level,
                categories=("suicide",),
                script="suicide",
                lexicon="1",
            )
            if is_claimed:
                await cases.claim(tx, made[number], OperatorId(1))
    async with database.read() as tx:
        found = [await cases.get(tx, made[number]) for number in range(len(TABLE))]
    return [case for case in found if case is not None]


async def test_the_queue_sorts_by_level_claim_answers_and_waiting(database: Database) -> None:
    made = await fill(database)
    names = {case.case_id: row[0] for case, row in zip(made, TABLE, strict=True)}
    async with database.read() as tx:
        order = [names[case.case_id] for case in await case_queue.page(tx, Filters())]
        paged = [
            names[case.case_id]
            for offset in range(0, len(TABLE), 5)
            for case in await case_queue.page(tx, Filters(), limit=5, offset=offset)
        ]
    assert order == paged == [row[0] for row in TABLE]


async def test_the_place_in_line_is_the_place_in_the_queue(database: Database) -> None:
    made = await fill(database)
    waiting = [case for case, row in zip(made, TABLE, strict=True) if not row[3]]
    async with database.read() as tx:
        places = [await case_queue.place_in_line(tx, case) for case in waiting]
    assert places == list(range(len(waiting)))


@pytest.mark.parametrize("name", [*URGENT_IF_YES, *URGENT_IF_NO])
def test_every_urgent_question_is_one_of_a_script(name: str) -> None:
    assert name in {question.name for script in Script for question in questions(script)}
