"""What the console shows, keeps back and writes down, over real HTTP."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date

from sqlalchemy import text
from structlog.testing import capture_logs

from bot.service.lifecycle import Service
from storage import utc_now
from storage.checkins import occurrences
from storage.checkins.occurrences import MoodAnswer, Occasion
from storage.companion import conversations, people, transcripts
from storage.companion.conversations import Speaker
from storage.ids import CaseId, PersonId
from storage.review import cases, evidence
from storage.review.evidence import EvidenceSpan
from storage.review.operators import Operator
from storage.upkeep import erasure
from tests.e2e.console.conftest import WORDS, Seat, acts_of

Sit = Callable[[Operator], Awaitable[Seat]]
ESCAPED = "给看的人看的话&lt;b&gt;&amp;"


async def person_of(service: Service, case_id: CaseId) -> PersonId:
    async with service.parts.database.read() as transaction:
        case = await cases.get(transaction, case_id)
    assert case is not None and case.person_id is not None
    return case.person_id


async def test_words_are_hidden_until_asked_for(
    sit: Sit, reviewer: Operator, case_id: CaseId, service: Service
) -> None:
    seat, path = await sit(reviewer), f"/console/cases/{case_id}"
    await seat.post(f"{path}/note", words="a note of mine")
    for page in (path, f"{path}/live", f"{path}/live?words=0"):
        hidden = (await seat.client.get(page)).text
        assert "给看的人" not in hidden and "a note of mine" not in hidden and "veil" in hidden
    assert [r.act for r in await acts_of(service, act="viewed_words")] == []
    shown = (await seat.client.get(f"{path}/words")).text
    assert ESCAPED in shown and "<b>&" not in shown and "a note of mine" in shown
    assert "High-risk turns read today: 1" in shown
    assert ESCAPED in (await seat.client.get(f"{path}/live?words=1")).text  # the same view
    (record,) = await acts_of(service, act="viewed_words")
    assert record.detail == {"turns": 1, "grave": 1} and record.case_id == case_id
    assert record.operator_id == reviewer.operator_id
    assert len(await acts_of(service, act="viewed_case")) == 1


async def test_a_part_fetched_by_hand_is_written_down_too(
    sit: Sit, reviewer: Operator, case_id: CaseId, service: Service
) -> None:
    seat = await sit(reviewer)
    assert ESCAPED in (await seat.client.get(f"/console/cases/{case_id}/live?words=1")).text
    assert len(await acts_of(service, act="viewed_words")) == 1


async def test_who_wants_words_at_once_gets_them(
    sit: Sit, reviewer: Operator, case_id: CaseId, service: Service
) -> None:
    seat = await sit(reviewer)
    saved = await seat.post(
        "/console/me", name="Rui <3", language="zh", theme="dark", shows_words="1"
    )
    assert saved.status_code == 303
    page = (await seat.client.get(f"/console/cases/{case_id}")).text
    assert ESCAPED in page and 'data-theme="dark"' in page and 'lang="zh-Hans"' in page
    assert "Rui &lt;3" in page
    assert len(await acts_of(service, act="viewed_words")) == 1


async def test_off_the_record_is_never_shown(
    sit: Sit, reviewer: Operator, case_id: CaseId, service: Service
) -> None:
    person_id = await person_of(service, case_id)
    async with service.parts.database.begin() as transaction:
        session = await conversations.current_session(transaction, person_id)
        await conversations.append(
            transaction, person_id, session, Speaker.PERSON, text="between us", off_record=True
        )
    seat = await sit(reviewer)
    words = (await seat.client.get(f"/console/cases/{case_id}/words")).text
    history = await seat.post(f"/console/cases/{case_id}/history", reason="handing over the case")
    assert ESCAPED in words and ESCAPED in history.text
    assert "between us" not in words + history.text


async def test_spans_are_marked_with_their_rules(
    sit: Sit, reviewer: Operator, case_id: CaseId, service: Service
) -> None:
    person_id = await person_of(service, case_id)
    async with service.parts.database.begin() as transaction:
        (turn,) = await transcripts.latest(transaction, person_id, limit=1)
        spans = [
            EvidenceSpan("rule.one", "suicide", 3, 2, 6),
            EvidenceSpan('rule."two"', "abuse", 2, 4, 8),
        ]
        await evidence.add(transaction, case_id, spans, turn_id=turn.turn_id, lexicon="test")
    seat = await sit(reviewer)
    page = (await seat.client.get(f"/console/cases/{case_id}")).text
    assert "rule.one" in page and "<mark" not in page  # why, without the words
    shown = (await seat.client.get(f"/console/cases/{case_id}/words")).text
    assert WORDS[2:4] + "</mark>" in shown and WORDS[4:6] + "</mark>" in shown
    assert "own rule rule.one · suicide · 3\nown rule rule.&#34;two&#34; · abuse · 2" in shown
    assert "Found: " in shown and "own rule rule.&#34;two&#34;</span>" in shown


async def test_history_needs_a_reason_that_is_kept(
    sit: Sit, reviewer: Operator, case_id: CaseId, service: Service
) -> None:
    seat, path = await sit(reviewer), f"/console/cases/{case_id}/history"
    assert "给看的人" not in (await seat.client.get(path)).text
    for reason in ("", "short", " " * 40):
        answer = await seat.post(path, reason=reason)
        assert "给看的人" not in answer.text and 'role="alert"' in answer.text
    assert await acts_of(service, act="viewed_history") == []
    shown = await seat.post(path, reason="a doctor asked for it")
    assert ESCAPED in shown.text
    (record,) = await acts_of(service, act="viewed_history")
    assert record.words == "a doctor asked for it" and record.detail["turns"] == 1


async def test_two_claim_at_once(
    sit: Sit, admin: Operator, reviewer: Operator, case_id: CaseId
) -> None:
    seats = [await sit(admin), await sit(reviewer)]
    answers = await asyncio.gather(
        *(seat.post(f"/console/cases/{case_id}/claim") for seat in seats)
    )
    assert sorted(answer.headers["HX-Trigger"] for answer in answers) == ["acted", "refused"]
    lost = next(answer for answer in answers if answer.headers["HX-Trigger"] == "refused")
    winner = seats[1 - answers.index(lost)].operator
    assert (winner.name or str(winner.operator_id)) in lost.text


async def test_only_one_s_own_takeover_replies(
    sit: Sit, admin: Operator, reviewer: Operator, case_id: CaseId, service: Service
) -> None:
    mine, other, path = await sit(admin), await sit(reviewer), f"/console/cases/{case_id}"
    assert "Take over first" in (await other.post(f"{path}/reply", words="hi")).text
    await other.post(f"{path}/take-over")
    assert "Rui" in (await mine.post(f"{path}/reply", words="hi")).text
    assert "先交还" in (await mine.post(f"{path}/release")).text
    assert (await other.post(f"{path}/reply", words="  ")).headers["HX-Trigger"] == "refused"
    assert (await other.post(f"{path}/reply", words="hello")).headers["HX-Trigger"] == "acted"
    assert (await other.post(f"{path}/hand-back", words="calm now")).status_code == 200
    refused = await other.post(f"{path}/resolve", verdict="erased")  # no operator says so
    assert refused.headers["HX-Trigger"] == "refused"
    assert (await other.post(f"{path}/resolve", verdict="helped")).headers["HX-Trigger"] == "acted"
    said = [(r.act, r.words) for r in reversed(await acts_of(service, case_id=case_id))]
    assert [act for act, _ in said] == [
        "claimed",
        "taken_over",
        "operator_said",
        "handed_back",
        "resolved",
    ]
    assert ("operator_said", "hello") in said


async def test_the_erased_have_no_words(
    sit: Sit, reviewer: Operator, case_id: CaseId, service: Service
) -> None:
    async with service.parts.database.begin() as transaction:
        await erasure.erase(transaction, await person_of_in(transaction, case_id))
    seat = await sit(reviewer)
    for path in ("", "/words", "/history"):
        answer = await seat.client.get(f"/console/cases/{case_id}{path}")
        assert answer.status_code == 200 and "deleted all their data" in answer.text
        assert "给看的人" not in answer.text
    refused = await seat.post(f"/console/cases/{case_id}/note", words="too late")
    assert refused.headers["HX-Trigger"] == "refused"


async def person_of_in(transaction: object, case_id: CaseId) -> PersonId:
    case = await cases.get(transaction, case_id)  # type: ignore[arg-type]
    assert case is not None and case.person_id is not None
    return case.person_id


async def test_the_queue_filters_and_holds_no_words(
    sit: Sit, reviewer: Operator, case_id: CaseId, service: Service
) -> None:
    seat = await sit(reviewer)
    row = f'data-case="{case_id}"'
    for query, fits in {
        "": True,
        "?state=waiting": True,
        "?state=mine": False,
        "?level=3": True,
        "?level=4": False,
        "?category=suicide": True,
        "?category=abuse": False,
        "?state=resolved": False,
        "?state=x&level=x&category=x&page=x": True,
        "?page=1": False,
    }.items():
        page = (await seat.client.get(f"/console/{query}")).text
        assert (row in page) is fits, query
        assert "给看的人" not in page
    seen = await acts_of(service, act="viewed_queue")
    assert len(seen) == 9  # the odd query is the plain queue again


async def test_admins_list_and_remove(
    sit: Sit, admin: Operator, service: Service, reviewer: Operator
) -> None:
    seat, gone = await sit(admin), await sit(reviewer)
    bad = await seat.post("/console/operators/add", telegram_id="12a", name="x", role="reviewer")
    assert bad.headers["HX-Trigger"] == "refused"
    await seat.post("/console/operators/add", telegram_id="777", name="Kim", role="reviewer")
    hours = f"/console/operators/{reviewer.operator_id}/hours"
    bad = await seat.post(hours, **{"days-0": "mon", "from-0": "09:00", "to-0": ""})
    assert bad.headers["HX-Trigger"] == "refused"
    await seat.post(hours, **{"days-0": "mon", "from-0": "09:00", "to-0": "17:00"})
    page = (await seat.client.get("/console/operators")).text
    assert "Kim" in page and 'name="from-0" value="09:00"' in page
    await seat.post(f"/console/operators/{reviewer.operator_id}/remove")
    assert (await gone.client.get("/console/me")).status_code == 401
    last = await seat.post(f"/console/operators/{admin.operator_id}/remove")
    assert last.headers["HX-Trigger"] == "refused"
    acts = [record.act for record in await acts_of(service)]
    assert {"operator_added", "hours_set", "operator_removed"} <= set(acts)


async def test_the_trail_hides_words_and_verifies(
    sit: Sit, admin: Operator, case_id: CaseId
) -> None:
    seat = await sit(admin)
    await seat.post(f"/console/cases/{case_id}/note", words="a word of an operator")
    assert "a word of an operator" not in (await seat.client.get("/console/audit")).text
    assert "a word of an operator" in (await seat.client.get("/console/audit?words=1")).text
    whole = (await seat.post("/console/audit/verify")).text
    assert "notice done" in whole and "refused" not in whole
    missing = (await seat.post("/console/audit/verify", head="ab" * 32)).text
    assert "notice refused" in missing


async def test_charts_of_nothing_and_of_one(
    sit: Sit, admin: Operator, case_id: CaseId, service: Service
) -> None:
    seat = await sit(admin)
    for days in ("7", "30", "90", "x"):
        answer = await seat.client.get(f"/console/charts?days={days}")
        assert answer.status_code == 200 and "<svg" in answer.text
    assert len(await acts_of(service, act="viewed_charts")) == 4


async def test_a_failure_shows_and_logs_no_details(
    sit: Sit, admin: Operator, service: Service
) -> None:
    seat = await sit(admin)
    async with service.parts.database.begin() as transaction:
        await transaction.execute(text("ALTER TABLE cases RENAME TO what_somebody_said"))
    with capture_logs() as logs:
        answer = await seat.client.get("/console/")
    assert answer.status_code == 500 and "cases" not in answer.text.partition("<main")[2]
    assert "<h1" in answer.text  # a page of ours, not the framework's line
    assert [entry for entry in logs if entry["event"] == "console_failed"] == [
        {"event": "console_failed", "error": "OperationalError", "log_level": "error"}
    ]
    assert "no such table" not in str(logs)


async def test_moods_stand_beside_an_open_case_and_nowhere_else(
    sit: Sit, reviewer: Operator, case_id: CaseId, service: Service
) -> None:
    person_id, now = await person_of(service, case_id), utc_now()
    async with service.parts.database.begin() as transaction:
        for number, mood in enumerate((4, 2, 1)):
            occasion = Occasion(person_id, date(2026, 11, 20 + number), 480, now)
            made = await occurrences.note_asked(transaction, occasion)
            assert made is not None
            said = MoodAnswer(mood=mood, note="for me alone")
            await occurrences.answer(transaction, person_id, made, said)
    seat, path = await sit(reviewer), f"/console/cases/{case_id}"
    shown = (await seat.client.get(path)).text
    assert "4 · 2 · 1" in shown
    assert "for me alone" not in shown + (await seat.client.get(f"{path}/words")).text
    assert "4 · 2 · 1" not in (await seat.client.get("/console/")).text
    async with service.parts.database.begin() as transaction:
        await cases.change(transaction, case_id, state="resolved", resolved_at=now)
    assert "4 · 2 · 1" not in (await seat.client.get(path)).text


async def test_what_is_no_text_is_named_without_its_content(
    sit: Sit, reviewer: Operator, case_id: CaseId, service: Service
) -> None:
    person_id = await person_of(service, case_id)
    async with service.parts.database.begin() as transaction:
        session = await conversations.current_session(transaction, person_id)
        for text in ("voice 12", "sticker 😢", "photo", "of a later version"):
            await conversations.append(transaction, person_id, session, Speaker.SENT, text=text)
    seat, path = await sit(reviewer), f"/console/cases/{case_id}"
    history = (await seat.post(f"{path}/history", reason="handing over the case")).text
    hidden = (await seat.client.get(path)).text
    for page in (hidden, (await seat.client.get(f"{path}/words")).text, history):
        assert "Sent a voice message (12 s). The content is not shown." in page
        assert "Sent a sticker (😢)." in page and "Sent a picture." in page
        assert "Sent something that is not text." in page
        assert "voice 12" not in page and "of a later version" not in page
    assert "给看的人" not in hidden


async def test_the_head_says_where_a_person_is_and_what_is_not_known(
    sit: Sit, reviewer: Operator, case_id: CaseId, service: Service
) -> None:
    seat, path = await sit(reviewer), f"/console/cases/{case_id}"
    page = (await seat.client.get(path)).text
    assert "<dt>Time there</dt><dd>unknown</dd>" in page
    assert "<dt>Region</dt><dd>unknown</dd>" in page
    assert "<dt>Language</dt><dd>中文</dd>" in page
    person_id = await person_of(service, case_id)
    async with service.parts.database.begin() as transaction:
        await people.change(transaction, person_id, region="GB", language="en")
    page = (await seat.client.get(path)).text
    assert "<dt>Region</dt><dd>United Kingdom</dd>" in page
    assert "<dt>Time there</dt><dd>unknown" not in page
