"""Changes of the lexicon from proposal to use, with the real screener, on both databases."""

import asyncio
import json
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.crisis.screening import SafeScreener
from review.lexicon import live_lexicon
from review.lexicon.change_control import MOST_AT_ONCE, LexiconChangeControl
from review.lexicon.decisions import withdraw_by_host
from review.lexicon.live_lexicon import LiveLexicon
from review.lexicon.replays import Replays
from review.lexicon.worker import WorkerError, run
from review.operators import roster
from review.operators.access import Refusal, RefusedError
from safety.changes import worker
from safety.changes.worker import STORED
from safety.screening.canary import CANARIES
from safety.screening.levels import Level
from safety.screening.screener import Screener
from storage import Database, Transaction
from storage.companion import people
from storage.review import audit, audit_check, labels
from storage.review import lexicon_changes as changes
from storage.review.lexicon_changes import ChangeState
from storage.review.operators import Operator, OperatorRole
from tests.integration.cast import NOW, SECRET, mei, says
from tests.support.waiting import until

WORD = "咕噜星球"
"""Means nothing to the lexicon that ships."""


def adding(word: str = WORD, name: str = "made_up", *, level: int = 3) -> str:
    return f"""
why: a made-up word
add:
  - id: zh.suicide.{name}
    level: {level}
    category: suicide
    patterns: ["去{word}"]
    match: [我要去{word}]
    no_match: [{word}很远]
"""


# A busy machine may take long over a change: its worker has the lowest priority.
PATIENT_S = 600.0
RAISES = "why: it is graver\nrelevel: {zh.suicide.made_up: 4}\n"


@pytest.fixture(scope="session")
def few(screener: Screener) -> Screener:
    """A screener of those rules alone that find the canaries: to build one takes no time."""
    kept = {m.rule for text, _ in CANARIES for m in screener.screen(text).matches}
    lexicon = screener.lexicon
    entries = tuple(each for each in lexicon.entries if each.id in kept)
    return screener.with_lexicon(replace(lexicon, entries=entries))


class Elsewhere:
    """What a process of its own would do, as far as these tests need it, at once."""

    def __init__(self, live: Callable[[], LiveLexicon]) -> None:
        self._live = live

    async def __call__(
        self, work: Callable[..., Any], *_: Any, pages: Any = None, **__: Any
    ) -> dict[str, Any]:
        if work is worker.check:
            return {"add": 1, "disable": 0, "relevel": 0}
        read = [text async for page in pages for text in page]
        moved = {"total": 0}
        total = {"messages": len(read), "gained": moved, "lost": moved}
        counts = {"before": self._live().version, "total": total}
        return {"counts": counts, "examples": {}, "broken": []}


class Team:
    """A process with its policy, two admins and a reviewer."""

    def __init__(self, database: Database, screener: Screener, **values: Any) -> None:
        self.database = database
        self.told: list[list[int]] = []
        self.screens = SafeScreener(screener, on_failure=lambda: pytest.fail("it failed"))
        self.run = values.pop("run", None) or Elsewhere(lambda: self.live)
        self.live = LiveLexicon(database, self.screens, tell=self._tell)
        limit_s = values.pop("limit_s", PATIENT_S)
        folder = values.pop("folder", None)
        self.replays = Replays(database, self.live, folder=folder, run=self.run, **values)
        self.policy = LexiconChangeControl(
            database,
            self.live,
            self.replays,
            run=self.run,
            limit_s=limit_s,
            screen_limit_s=PATIENT_S,
        )
        self.ann: Operator
        self.bo: Operator
        self.rae: Operator

    async def _tell(self, _: Transaction, numbers: list[int]) -> None:
        self.told.append(numbers)

    async def hired(self) -> "Team":
        async with self.database.begin() as transaction:
            self.ann, self.bo, self.rae = [
                await roster.add(transaction, None, number, role=role, name="", language="zh")
                for number, role in (
                    (1, OperatorRole.ADMIN),
                    (2, OperatorRole.ADMIN),
                    (3, OperatorRole.REVIEWER),
                )
            ]
        return self

    async def goes_live(self, text: str) -> int:
        number = await self.policy.propose(self.ann, text)
        await self.policy.replay(self.ann, number)
        await self.policy.approve(self.bo, number)
        return number

    async def state(self, number: int) -> ChangeState:
        async with self.database.read() as transaction:
            found = await changes.get(transaction, number)
        assert found is not None
        return found.state

    async def acts(self) -> list[audit.Record]:
        async with self.database.read() as transaction:
            assert (await audit_check.verify(transaction)).broken_at is None
            return await audit.page(transaction)

    def level(self, text: str) -> Level:
        return self.screens.screen(text).level


@pytest.fixture
async def team(database: Database, few: Screener) -> AsyncIterator[Team]:
    made = await Team(database, few).hired()
    yield made
    await made.replays.aclose()


async def test_two_people_take_a_change_into_use_and_one_takes_it_back(team: Team) -> None:
    shipped = team.screens.version
    assert team.level(f"我要去{WORD}") == Level.NONE
    number = await team.policy.propose(team.rae, adding())  # a reviewer may propose
    with pytest.raises(RefusedError, match="replay_missing"):
        await team.policy.approve(team.bo, number)
    await team.policy.replay(team.rae, number)
    with pytest.raises(RefusedError, match="not_allowed"):
        await team.policy.approve(team.rae, number)
    assert team.screens.version == shipped
    await team.policy.approve(team.bo, number)
    assert team.level(f"我要去{WORD}") == Level.ACTIVE
    assert team.screens.version == team.live.version != shipped
    assert len(team.screens.version) <= 64  # the width of the columns
    with pytest.raises(RefusedError, match="not_allowed"):
        await team.policy.withdraw(team.rae, number)  # a live one needs an admin
    await team.policy.withdraw(team.ann, number)
    assert team.screens.version == shipped
    assert team.level(f"我要去{WORD}") == Level.NONE
    with pytest.raises(RefusedError, match="change_gone"):
        await team.policy.withdraw(team.ann, number)
    acts = await team.acts()
    assert [each.act for each in acts[:4]] == [
        "lexicon_withdrawn",
        "lexicon_live",
        "lexicon_replayed",
        "lexicon_proposed",
    ]
    assert all(each.detail["change"] == number for each in acts[:4])
    assert WORD not in json.dumps([dict(each.detail) for each in acts], ensure_ascii=False)


async def test_the_proposer_does_not_approve(team: Team) -> None:
    number = await team.policy.propose(team.ann, adding())
    await team.policy.replay(team.bo, number)
    with pytest.raises(RefusedError, match="own_change"):
        await team.policy.approve(team.ann, number)
    assert await team.state(number) is ChangeState.PROPOSED


async def test_who_was_removed_meanwhile_decides_nothing(team: Team) -> None:
    number = await team.policy.propose(team.ann, adding())
    await team.policy.replay(team.ann, number)
    async with team.database.begin() as transaction:
        await roster.remove(transaction, team.ann, team.bo.operator_id)
    with pytest.raises(RefusedError, match="not_allowed"):
        await team.policy.approve(team.bo, number)  # as they were when they signed in
    assert await team.state(number) is ChangeState.PROPOSED
    assert team.level(f"我要去{WORD}") == Level.NONE


async def test_a_replay_against_another_lexicon_is_stale(team: Team) -> None:
    first = await team.policy.propose(team.ann, adding())
    second = await team.policy.propose(team.ann, adding("哗啦星球", "other"))
    for number in (first, second):
        await team.policy.replay(team.ann, number)
    await team.policy.approve(team.bo, first)
    with pytest.raises(RefusedError, match="replay_stale"):
        await team.policy.approve(team.bo, second)
    assert team.level("我要去哗啦星球") == Level.NONE
    await team.policy.replay(team.ann, second)
    await team.policy.approve(team.bo, second)
    assert team.level("我要去哗啦星球") == Level.ACTIVE
    assert team.level(f"我要去{WORD}") == Level.ACTIVE


async def test_a_change_with_which_a_canary_is_missed_changes_nothing(team: Team) -> None:
    before = team.screens.version
    text = CANARIES[3][0]
    rules = sorted({m.rule for m in team.screens.screen(text).matches if m.level >= 3})
    number = await team.policy.propose(team.ann, json.dumps({"why": "x", "disable": rules}))
    await team.policy.replay(team.ann, number)
    with pytest.raises(RefusedError, match="canary"):
        await team.policy.approve(team.bo, number)
    assert team.screens.version == before
    assert team.level(text) == Level.ACTIVE
    assert await team.state(number) is ChangeState.PROPOSED
    assert (await team.acts())[0].act == "lexicon_replayed"


async def test_proposals_end_by_their_proposer_or_an_admin(team: Team) -> None:
    mine, theirs = [await team.policy.propose(team.rae, adding()) for _ in range(2)]
    with pytest.raises(RefusedError, match="not_allowed"):
        await team.policy.withdraw(team.ann, mine)
    with pytest.raises(RefusedError, match="not_allowed"):
        await team.policy.reject(team.rae, mine)
    await team.policy.withdraw(team.rae, mine)
    await team.policy.reject(team.ann, theirs)
    assert await team.state(mine) is ChangeState.WITHDRAWN
    assert await team.state(theirs) is ChangeState.REJECTED
    for act in (team.policy.reject, team.policy.approve, team.policy.replay):
        with pytest.raises(RefusedError, match="change_gone"):
            await act(team.ann, theirs)


async def test_what_later_changes_build_on_is_withdrawn_last(team: Team) -> None:
    first = await team.goes_live(adding())
    second = await team.goes_live(RAISES)
    assert team.level(f"我要去{WORD}") == Level.IMMINENT
    with pytest.raises(RefusedError, match="has_dependents") as refused:
        await team.policy.withdraw(team.bo, first)
    assert refused.value.detail == str(second)
    async with team.database.begin() as transaction:
        with pytest.raises(RefusedError, match="has_dependents"):
            await withdraw_by_host(transaction, first, team.live.shipped.lexicon)
    assert team.level(f"我要去{WORD}") == Level.IMMINENT
    await team.policy.withdraw(team.bo, second)
    assert team.level(f"我要去{WORD}") == Level.ACTIVE
    await team.policy.withdraw(team.bo, first)
    assert team.level(f"我要去{WORD}") == Level.NONE


async def test_changes_apply_in_the_order_in_which_they_went_live(
    team: Team, few: Screener
) -> None:
    """Not in that of proposals: the second may build on the first only that way round."""
    later = await team.policy.propose(team.ann, RAISES)
    await team.goes_live(adding())
    await team.policy.replay(team.ann, later)
    await team.policy.approve(team.bo, later)
    other = Team(team.database, few)
    assert await other.live.refresh()
    assert other.level(f"我要去{WORD}") == Level.IMMINENT
    assert other.screens.version == team.screens.version
    assert not other.live.present.left_out


async def test_another_process_follows(team: Team, few: Screener) -> None:
    other = Team(team.database, few)
    assert not await other.live.refresh()
    number = await team.goes_live(adding())
    assert other.level(f"我要去{WORD}") == Level.NONE
    assert await other.live.refresh()
    assert not await other.live.refresh()
    assert other.level(f"我要去{WORD}") == Level.ACTIVE
    async with team.database.begin() as transaction:
        await withdraw_by_host(transaction, number, few.lexicon)
    assert await team.live.refresh()
    assert team.level(f"我要去{WORD}") == Level.NONE
    last = (await team.acts())[0]
    assert (last.act, last.operator_id, last.detail["by"]) == ("lexicon_withdrawn", None, "host")


async def test_after_an_update_what_fits_no_longer_is_left_out_and_told_once(
    team: Team, few: Screener
) -> None:
    going = await team.goes_live(adding())
    await team.goes_live(adding("哗啦星球", "other"))
    lexicon = few.lexicon
    theirs = replace(lexicon.entries[0], id="zh.suicide.made_up")  # ships now, and differs
    updated = few.with_lexicon(
        replace(lexicon, version="2099.1+00000000", entries=(*lexicon.entries, theirs))
    )
    for attempt in range(2):  # the second is the next start
        other = Team(team.database, updated)
        await other.live.refresh()
        assert other.told == ([[going]] if attempt == 0 else [])
        assert list(other.live.present.left_out) == [going]
        assert "already exists" in other.live.present.left_out[going]
        assert other.level(f"我要去{WORD}") == Level.NONE
        assert other.level("我要去哗啦星球") == Level.ACTIVE


async def test_one_with_which_a_canary_is_missed_after_an_update_is_left_out(
    database: Database, few: Screener
) -> None:
    lexicon, text = few.lexicon, CANARIES[3][0]
    rules = {m.rule for m in few.screen(text).matches if m.level >= Level.ACTIVE}
    twins = [replace(each, id=f"{each.id}_twin") for each in lexicon.entries if each.id in rules]
    older = replace(lexicon, version="2000.1+00000000", entries=(*lexicon.entries, *twins))
    team = await Team(database, few.with_lexicon(older)).hired()
    # The twins still find the canary; the update ships without them.
    bad = await team.goes_live(json.dumps({"why": "x", "disable": sorted(rules)}))
    good = await team.goes_live(adding("哗啦星球", "other"))
    other = Team(database, few)
    await other.live.refresh()
    assert other.live.present.left_out == {bad: live_lexicon.MISSED}
    assert good in other.live.present.numbers
    assert other.level("我要去哗啦星球") == Level.ACTIVE


async def test_of_two_processes_that_approve_at_once_one_is_refused(
    team: Team, few: Screener
) -> None:
    other = Team(team.database, few)
    numbers = [
        await team.policy.propose(team.ann, adding()),
        await team.policy.propose(team.ann, adding("哗啦星球", "other")),
    ]
    for number in numbers:
        await team.policy.replay(team.ann, number)
    done = await asyncio.gather(
        team.policy.approve(team.bo, numbers[0]),
        other.policy.approve(team.bo, numbers[1]),
        return_exceptions=True,
    )
    refused = [each for each in done if each is not None]
    assert [str(each) for each in refused] == ["replay_stale"]
    async with team.database.read() as transaction:
        assert len(await changes.live(transaction)) == 1


async def test_only_consented_words_are_replayed(team: Team, database: Database) -> None:
    async with database.begin() as transaction:
        person, stranger = await mei(transaction), await mei(transaction, 43)
        await people.change(transaction, person.person_id, training_consent_at=NOW)
        kept = await says(transaction, person, SECRET)
        await says(transaction, person, "不留记录", 2, off_record=True)
        await says(transaction, stranger, "没有同意", 3)
        last = await says(transaction, person, "第二句", 4)
    async with database.read() as transaction:
        found = await labels.consented(transaction, limit=1)
        found += await labels.consented(transaction, found[-1].turn_id, limit=10)
        assert [each.text for each in found] == ["第二句", SECRET]  # neither replies nor others
        assert await labels.count_consented(transaction) == 2
        asked = [kept.turn_id, last.turn_id + 1000]
        assert await labels.still_consented(transaction, asked) == {kept.turn_id}
    number = await team.policy.propose(team.ann, adding())
    counts = await team.policy.replay(team.ann, number)
    assert counts["total"]["messages"] == 2
    assert (await team.acts())[0].detail["stored"] == 2


class Slow:
    """Never done."""

    async def __call__(self, work: Callable[..., Any], *_: Any, **__: Any) -> dict[str, Any]:
        if work is worker.check:
            return {"add": 1, "disable": 0, "relevel": 0}
        await asyncio.Event().wait()
        raise AssertionError


async def test_one_replay_at_a_time_which_can_be_cancelled(
    database: Database, few: Screener
) -> None:
    team = await Team(database, few, run=Slow()).hired()
    number = await team.policy.propose(team.ann, adding())
    runs = asyncio.create_task(team.policy.replay(team.ann, number))
    await until(lambda: team.replays.running is not None)
    with pytest.raises(RefusedError, match="replay_runs"):
        await team.policy.replay(team.bo, number)
    assert team.replays.cancel()
    with pytest.raises(RefusedError, match="replay_cancelled"):
        await runs
    assert team.replays.running is None
    assert team.replays.fault == "cancelled"
    assert not team.replays.cancel()
    async with database.read() as transaction:
        found = await changes.get(transaction, number)
    assert found is not None
    assert found.replay is None


only_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
"""Takes long, and storage has no part in it."""


@only_sqlite
async def test_a_replay_in_a_process_of_its_own(
    database: Database, screener: Screener, tmp_path: Path
) -> None:
    """Examples that ship, labelled files and stored words; the examples stay in memory."""
    folder = tmp_path / "labelled"
    folder.mkdir()
    rows = [
        {"text": f"我想去{WORD}了", "labels": ["risk"]},
        {"text": "早", "labels": ["unrelated"]},
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "rows.jsonl").write_text(lines, "utf-8")
    team = await Team(database, screener, run=run, folder=folder).hired()
    said = [f"明天去{WORD}", SECRET, "半个\ud800字"]
    async with database.begin() as transaction:
        person = await mei(transaction)
        await people.change(transaction, person.person_id, training_consent_at=NOW)
        for update_id, words in enumerate(said, 1):
            await says(transaction, person, words, update_id)
    number = await team.policy.propose(team.ann, adding())
    told: list[tuple[int, int]] = []
    counts = await team.policy.replay(team.ann, number, lambda *both: told.append(both))
    assert counts["before"] == team.screens.version
    assert counts["sources"]["rows.jsonl"]["gained"]["risk"] == 1
    assert counts["sources"][STORED]["messages"] == len(said)
    assert counts["sources"][STORED]["gained"]["unlabelled"] == 1
    assert counts["broken"] == 0
    assert told[0] == (0, counts["total"]["messages"])
    async with database.read() as transaction:
        stored = await changes.get(transaction, number)
    assert stored is not None
    assert stored.replay == counts
    assert WORD not in json.dumps(stored.replay, ensure_ascii=False)
    found = await team.replays.examples(team.rae, number)
    assert {each["text"] for each in found.moved["gained"]} == {rows[0]["text"], said[0]}
    async with database.begin() as transaction:
        await people.change(transaction, person.person_id, training_consent_at=None)
    found = await team.replays.examples(team.rae, number)  # the consent was taken back
    assert {each["text"] for each in found.moved["gained"]} == {rows[0]["text"]}
    team.replays.forget()
    with pytest.raises(RefusedError, match="examples_gone"):
        await team.replays.examples(team.rae, number)
    await team.policy.approve(team.bo, number)  # the versions of both processes agree
    assert team.level(said[0]) == Level.ACTIVE
    await team.replays.aclose()


async def test_examples_lapse(database: Database, few: Screener) -> None:
    team = await Team(database, few, kept_s=0.3).hired()
    number = await team.policy.propose(team.ann, adding())
    await team.policy.replay(team.ann, number)
    assert (await team.replays.examples(team.ann, number)).change_id == number

    async def are_gone() -> bool:
        try:
            await team.replays.examples(team.ann, number)
        except RefusedError as refused:
            return refused.key is Refusal.EXAMPLES_GONE
        return False

    await until(are_gone)


@only_sqlite
async def test_faults_are_named_and_the_playground_keeps_nothing(
    database: Database, screener: Screener, tmp_path: Path
) -> None:
    team = await Team(database, screener, run=run, folder=tmp_path / "away").hired()
    with pytest.raises(RefusedError, match="bad_change") as refused:
        await team.policy.propose(team.ann, "why: x\ndisable: [zh.no.such]\n")
    assert "there is no rule zh.no.such" in refused.value.detail
    number = await team.policy.propose(team.ann, adding())
    with pytest.raises(RefusedError, match="replay_failed") as refused:
        await team.policy.replay(team.ann, number)
    assert "away" in refused.value.detail
    assert team.replays.fault == refused.value.detail
    acts = len(await team.acts())
    before, after = await team.policy.playground(f"我没去{WORD}", adding())
    assert (before.level, before.lexicon) == (Level.NONE, team.screens.version)
    assert after is not None
    assert after.matches[0].rule == "zh.suicide.made_up"
    assert type(after.level) is Level
    assert await team.policy.playground("我想自杀") == (screener.screen("我想自杀"), None)
    assert len(await team.acts()) == acts
    await team.replays.aclose()


async def test_few_changes_are_read_at_once(database: Database, few: Screener) -> None:
    reading: list[int] = []
    most = 0
    pair = asyncio.Barrier(MOST_AT_ONCE)

    async def run(*_: Any, **__: Any) -> dict[str, Any]:
        nonlocal most
        reading.append(1)
        most = max(most, len(reading))
        await pair.wait()
        reading.pop()
        return {"add": 1, "disable": 0, "relevel": 0}

    team = await Team(database, few, run=run).hired()
    await asyncio.gather(*(team.policy.propose(team.ann, adding()) for _ in range(6)))
    assert most == MOST_AT_ONCE


@only_sqlite
async def test_a_change_that_takes_too_long_to_read_is_ended(
    database: Database, screener: Screener
) -> None:
    team = await Team(database, screener, run=run, limit_s=0.05).hired()
    with pytest.raises(RefusedError, match="bad_change") as refused:
        await team.policy.propose(team.ann, adding())
    assert "longer than" in refused.value.detail


def _never_done(begun: Path) -> None:
    begun.touch()
    signal.pause()


async def test_work_that_is_cancelled_leaves_no_process(tmp_path: Path) -> None:
    before = set(multiprocessing.active_children())
    working = asyncio.create_task(run(_never_done, tmp_path / "begun"))
    await until((tmp_path / "begun").exists)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    await until(lambda: not set(multiprocessing.active_children()) - before)


async def test_a_process_that_dies_is_a_fault() -> None:
    with pytest.raises(WorkerError, match="ended before"):
        await run(os._exit, 1)
