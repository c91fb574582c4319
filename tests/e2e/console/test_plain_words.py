"""Plain words for acts and rules, and the form for hours on duty."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import yaml

from bot.service.lifecycle import Service
from console.names import PlainNames
from review.cases.events import EventType
from review.operators import duty_hours, roster
from safety.screening.answer_rules import load_rules
from safety.screening.lexicon import load_lexicon
from storage.ids import CaseId
from storage.review import audit, cases, operators
from storage.review.audit_erasure import BEGAN, ERASED
from storage.review.lexicon_changes import ChangeState
from storage.review.operators import Operator, Shift
from storage.upkeep import erasure
from tests.e2e.console.conftest import Seat, acts_of

Sit = Callable[[Operator], Awaitable[Seat]]
ROOT = Path(__file__).parents[3]
# An act is written as the second argument of these, or as a name of its own.
_ACT = re.compile(
    r"(?:audit\.append|views\.record|record_view|_record|record|edit)\(\s*(?:transaction,\s*)?"
    r"(?:visitor,\s*|actor,\s*)?\"([a-z_]+)\""
)


def acts_in_code() -> set[str]:
    """Every act that the code writes by name, and those of the enumerations."""
    found: set[str] = {BEGAN, ERASED, "saw_falling_moods", "lexicon_left_out"}
    for room in ("review", "console", "storage", "bot"):
        for file in (ROOT / room).rglob("*.py"):
            found |= set(_ACT.findall(file.read_text("utf-8")))
    never = {EventType.ANSWERED, EventType.PERSON_SAID}
    return found | set(EventType) - never | {f"lexicon_{state}" for state in ChangeState}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_act_and_rule_has_plain_words(language: str) -> None:
    plain = PlainNames(language)
    acts = acts_in_code()
    assert {"viewed_words", "sign_in_refused", "hours_set", "words_erased"} <= acts
    assert sorted(act for act in acts if plain.act(act) == act) == []
    rules = [*load_lexicon().entries, *load_rules().entries]
    ids = [*(rule.id for rule in rules), "second_stage", "context.joined", "lang.es.suicide"]
    assert sorted(rule for rule in ids if plain.rule(rule) is None) == []
    assert plain.rule("zh.suicide.of_a_live_change") is None


def test_each_name_is_written_in_both_languages_and_once() -> None:
    tables = yaml.safe_load((ROOT / "console/names.yaml").read_text("utf-8"))
    for table, rows in tables.items():
        for key, (chinese, english) in rows.items():
            assert re.search("[\u4e00-\u9fff]", chinese) and english.isascii(), (table, key)


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_the_trail_shows_no_internal_name(
    language: str, sit: Sit, admin: Operator, case_id: CaseId, service: Service
) -> None:
    async with service.parts.database.begin() as transaction:
        await operators.change(transaction, admin.operator_id, language=language)
        for act in (ERASED, BEGAN, "sign_in_refused"):
            await audit.append(transaction, act, detail={"acts": "1-2", "reason": "retention"})
    seat = await sit(admin)
    await seat.post(f"/console/cases/{case_id}/claim")
    page = (await seat.client.get("/console/audit")).text
    shown = re.sub(r"<[^>]*>", " ", page)
    for record in await acts_of(service):
        assert PlainNames(language).act(record.act) in shown
        assert "_" not in record.act or record.act not in shown
    assert ("保存期已满" if language == "zh" else "its time of keeping was over") in shown
    only = (await seat.client.get(f"/console/audit?act={ERASED}")).text
    assert only.count("<time") == 1


async def test_hours_are_set_by_a_form_with_several_shifts(
    sit: Sit, admin: Operator, reviewer: Operator, service: Service
) -> None:
    seat, url = await sit(admin), f"/console/operators/{reviewer.operator_id}/hours"
    rows = {
        "days-0": ["mon", "tue", "fri"],
        "from-0": "09:00",
        "to-0": "17:00",
        "days-1": ["sat"],
        "from-1": "22:00",
        "to-1": "06:00",
        "days-2": ["sun"],
        "from-2": "00:00",
        "to-2": "00:00",
    }
    answer = await seat.post(url, **rows)  # type: ignore[arg-type]
    assert answer.headers["HX-Trigger"] == "acted"

    async def hours() -> str:
        async with service.parts.database.read() as transaction:
            shifts = await operators.all_shifts(transaction)
        return duty_hours.format_hours(shifts.get(reviewer.operator_id, []))

    written = "mon,tue,fri 09:00-17:00; sat 22:00-06:00; sun 00:00-24:00"
    assert await hours() == written
    page = (await seat.client.get("/console/operators")).text
    assert 'name="from-1" value="22:00"' in page and 'name="from-3" value=""' in page
    assert 'name="hours"' not in page
    for wrong in (
        {"days-0": "mon"},
        {"from-0": "09:00", "to-0": "10:00"},
        {"days-0": "mon", "from-0": "09:00", "to-0": "09:00"},
        {"days-0": "mon", "from-0": "25:00", "to-0": "26:00"},
    ):
        assert (await seat.post(url, **wrong)).headers["HX-Trigger"] == "refused"
    assert await hours() == written
    await seat.post(url)
    assert await hours() == ""


async def test_hours_set_elsewhere_fill_the_form(
    sit: Sit, admin: Operator, reviewer: Operator, service: Service
) -> None:
    async with service.parts.database.begin() as transaction:
        shifts = [Shift(0, 540, 1440), Shift(6, 540, 1440)]
        await roster.set_hours(transaction, admin, reviewer.operator_id, shifts)
    seat = await sit(admin)
    page = (await seat.client.get("/console/operators")).text
    assert 'name="from-0" value="09:00"' in page and 'name="to-0" value="00:00"' in page
    assert page.count(" checked>") == 2


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_resolved_case_offers_nothing_to_ask(
    language: str, sit: Sit, reviewer: Operator, case_id: CaseId, service: Service
) -> None:
    async with service.parts.database.begin() as transaction:
        await operators.change(transaction, reviewer.operator_id, language=language)
    seat, path = await sit(reviewer), f"/console/cases/{case_id}"
    await seat.post(f"{path}/claim")
    assert "/shadow-ask" in (await seat.client.get(path)).text
    await seat.post(f"{path}/resolve", verdict="helped")
    for part in (path, f"{path}/live", f"{path}/words"):
        page = (await seat.client.get(part)).text
        assert "/shadow-ask" not in page and "/shadow-on" not in page
    assert (await seat.post(f"{path}/shadow-ask")).headers["HX-Trigger"] == "refused"


async def test_every_live_part_has_its_place_in_every_state(
    sit: Sit, reviewer: Operator, case_id: CaseId, service: Service
) -> None:
    """A part without a place is the browser's `htmx:oobErrorNoTarget`."""
    seat, path = await sit(reviewer), f"/console/cases/{case_id}"

    async def no_place() -> list[str]:
        page = (await seat.client.get(path)).text
        parts = (await seat.client.get(f"{path}/live")).text
        named = re.findall(r'id="([a-z-]+)" hx-swap-oob', parts)
        assert len(named) == 10
        return [name for name in named if f'id="{name}"' not in page]

    for act in ("claim", "take-over", "hand-back", "resolve"):
        await seat.post(f"{path}/{act}", verdict="helped", words="")
        assert await no_place() == [], act
    async with service.parts.database.begin() as transaction:
        person_id = (await cases.get(transaction, case_id)).person_id  # type: ignore[union-attr]
        await erasure.erase(transaction, person_id)  # type: ignore[arg-type]
    assert await no_place() == []


async def test_words_stay_shown_in_one_s_own_takeover(
    sit: Sit, reviewer: Operator, admin: Operator, case_id: CaseId, service: Service
) -> None:
    seat, path = await sit(reviewer), f"/console/cases/{case_id}"
    await seat.post(f"{path}/take-over")
    assert "给看的人" not in (await seat.client.get(path)).text  # not yet asked for
    assert "给看的人" in (await seat.client.get(f"{path}/words")).text
    for part in ("", "/live", "", "/live?words=0"):
        assert "给看的人" in (await seat.client.get(path + part)).text
    (record,) = await acts_of(service, act="viewed_words")
    assert record.detail["grave"] == 1
    other = await sit(admin)
    assert "给看的人" not in (await other.client.get(path)).text  # not their takeover
    await seat.post(f"{path}/hand-back", words="")
    assert "给看的人" not in (await seat.client.get(path)).text


async def test_every_page_says_how_many_urgent_cases_wait(
    sit: Sit, admin: Operator, case_id: CaseId
) -> None:
    seat, badge = await sit(admin), 'id="waiting" data-count="1" data-cases="1:3 "'
    for path in ("", "charts", "lexicon", "audit", "operators", "replies", "me", "cases/1"):
        assert badge in (await seat.client.get(f"/console/{path}")).text, path
    await seat.post(f"/console/cases/{case_id}/claim")
    answer = await seat.client.get("/console/urgent")
    assert 'data-count="0" data-cases=""' in answer.text
