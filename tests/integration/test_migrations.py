"""An older database is brought up: its words are sealed, and none stays in clear."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from storage import Database, Vault
from storage.companion import people, transcripts
from storage.database import keys, schema_version
from storage.ids import CaseId, PersonId
from storage.messages import inbox_queue, outbox_queue
from storage.review import cases, operators
from tests.integration.cast import NOW, SECRET
from tests.integration.test_sealed_words import as_stored, whole_dump

AT = NOW.replace(tzinfo=None)
BODY = {"text": SECRET, "buttons": [[["好", "a:1"]]], "entities": [], "to": None}
OLD_ROWS = (
    "INSERT INTO people (person_id, language, consent_at, epoch, created_at) "
    "VALUES (7, 'zh', :at, 0, :at)",
    "INSERT INTO telegram_chats (telegram_id, person_id) VALUES (42, 7)",
    "INSERT INTO sessions (session_id, person_id, started_at) VALUES (1, 7, :at)",
    "INSERT INTO turns (turn_id, session_id, person_id, role, text, level, created_at) "
    "VALUES (1, 1, 7, 'person', :words, 0, :at)",
    "INSERT INTO inbox (update_id, person_id, kind, payload, level, categories, "
    "waits_for_consent, attempts, received_at) VALUES (1, 7, 'words', :words, 0, '', 0, 0, :at)",
    "INSERT INTO outbox (outbox_id, person_id, kind, priority, body, state, attempts, "
    "not_before_at, created_at) VALUES (1, 7, 'reply', 5, :body, 'queued', 0, :at, :at)",
)


async def test_words_of_the_first_version_are_sealed(
    url: str, vault: Vault, request: pytest.FixtureRequest
) -> None:
    database = Database(url, vault)
    await database.upgrade("0001")
    async with database.begin() as tx:
        for statement in OLD_ROWS:
            values = {"at": AT, "words": SECRET, "body": json.dumps(BODY, ensure_ascii=False)}
            used = {name: value for name, value in values.items() if f":{name}" in statement}
            await tx.execute(text(statement), used)
    await database.upgrade()
    assert await database.version() == schema_version.newest()
    async with database.begin() as tx:
        await keys.check(tx)
        person = await people.by_telegram_id(tx, 42)
        assert person is not None
        assert person.person_id == PersonId(7)
        assert [t.text for t in await transcripts.history(tx, person.person_id)] == [SECRET]
        assert [row.payload for row in await inbox_queue.open_rows(tx)] == [SECRET]
        due = await outbox_queue.next_messages(tx, limit=5)
        assert [(m.body.text, m.body.buttons) for m in due] == [(SECRET, [[("好", "a:1")]])]
    dump = whole_dump(database, request)
    assert not any(form in dump for form in as_stored(SECRET))
    await database.aclose()


async def test_open_cases_go_on_and_their_operators_become_rows(url: str, vault: Vault) -> None:
    database = Database(url, vault)
    await database.upgrade("0004")
    values = (
        "INSERT INTO cases (case_id, person_id, level, categories, script, lexicon, state, "
        "opened_at, last_risk_at, resolved_at, resolved_by, erased_at) "
        "VALUES (:n, :p, 3, '', 'suicide', '1', :state, :at, :at, :done, :by, :gone)"
    )
    rows: list[dict[str, Any]] = [
        {"n": 1, "p": 7, "state": "open", "done": None, "by": None, "gone": None},
        {"n": 2, "p": 7, "state": "resolved", "done": AT, "by": 99, "gone": None},
        {"n": 3, "p": None, "state": "open", "done": None, "by": None, "gone": AT},
    ]
    async with database.begin() as tx:
        await tx.execute(text(OLD_ROWS[0]), {"at": AT})
        for row in rows:
            await tx.execute(text(values), {"at": AT, **row})
    await database.upgrade()
    async with database.begin() as tx:
        held = await cases.open_case(tx, PersonId(7))
        assert held is not None
        assert held.hold_until_at == NOW + timedelta(hours=24)
        past, gone = [await cases.get(tx, CaseId(number)) for number in (2, 3)]
        assert past is not None
        assert past.resolved_by is not None
        resolver = await operators.get(tx, past.resolved_by)
        assert resolver is not None
        assert (resolver.telegram_id, resolver.is_active) == (99, False)
        assert gone is not None
        assert (gone.state, gone.resolution) == ("resolved", "erased")
    await database.aclose()


async def test_the_schema_is_what_the_migrations_make(database: Database) -> None:
    """No table or column is declared that no migration makes, or the other way round."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from storage.database.schema import metadata

    async with database.begin() as tx:
        changes = await tx.run_sync(
            lambda connection: compare_metadata(MigrationContext.configure(connection), metadata)
        )
    assert [change for change in changes if change[0] != "modify_nullable"] == []


async def test_an_upgrade_is_repeated_without_harm(database: Database) -> None:
    await database.upgrade()
    assert await database.version() == schema_version.newest()
