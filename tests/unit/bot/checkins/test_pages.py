"""What people see and say when they arrange their check-ins."""

from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from bot.checkins.language.time_phrases import AmbiguityReason, Ambiguous
from bot.checkins.rules.schedule import EVERY_DAY, WEEKDAYS, Appointment, Occurrence
from bot.checkins.settings import pages
from bot.checkins.settings.pages import USUAL, mark, packed, unpacked
from bot.checkins.settings.status import CheckInStatus
from bot.texts import Texts, Translate
from storage.checkins.questions import TimesDraft
from storage.checkins.settings import CheckInSettings
from storage.ids import PersonId

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
EN, ZH = (partial(Texts(), language) for language in ("en", "zh"))
NINE = Appointment(EVERY_DAY, 540)


COMING = (NINE, Occurrence(date(2026, 11, 25), NOW))


def view(crowded: set[int], **values: Any) -> CheckInStatus:
    settings = values.pop("settings", CheckInSettings(PersonId(1), NOW, "Asia/Shanghai"))
    return CheckInStatus(settings, [COMING], **{"coming": COMING, "crowded": crowded, **values})


def test_a_crowded_minute_is_told_as_around() -> None:
    assert "around 09:00" in pages.state(EN, view({540}), NOW).text
    assert "around" not in pages.state(EN, view(set()), NOW).text
    assert "09:00 左右" in pages.state(ZH, view({540}), NOW).text


def test_times_go_into_a_button_and_back() -> None:
    times = tuple(Appointment(WEEKDAYS, minute) for minute in USUAL[:6])
    assert unpacked(packed(times)) == times
    assert len(f"ci:pick:{packed(times)}") <= 64


@pytest.mark.parametrize("wrong", ["", "abc", "0480", "9999127", "0480000", "0480999"])
def test_a_button_of_another_version_is_nothing(wrong: str) -> None:
    assert unpacked(wrong) == ()


@pytest.mark.parametrize("t", [EN, ZH])
def test_every_button_fits_into_telegrams_64_bytes(t: Translate) -> None:
    draft = TimesDraft([(540, 127), (541, 127)], zone="America/Argentina/ComodRivadavia")
    bodies = [
        pages.choose(t, draft),
        pages.hours(t),
        pages.minutes(t, 23),
        pages.refused(t, [540]),
        pages.zone(t, "US", NOW, ("America/Argentina/ComodRivadavia",)),
        pages.agree(t, draft, NOW),
        pages.quiet(t),
        pages.pause(t),
        pages.stopped(t),
        pages.state(t, view(set()), NOW),
    ]
    for body in bodies:
        assert all(len(data.encode()) <= 64 for row in body.buttons for _label, data in row)


def line(text: str, name: str) -> str:
    """The line of a state page that begins with a name."""
    return next(each for each in text.splitlines() if each.lstrip("· ").startswith(name))


def test_a_state_page_says_what_keeps_check_ins_back() -> None:
    on = pages.state(EN, view(set()), NOW).text
    assert (line(on, "Check-ins"), line(on, "Next")) == ("Check-ins: on", "· Next: 11-24 10:00")
    held = pages.state(EN, view(set(), coming=None, is_held=True), NOW).text
    assert "record of risk is still open" in line(held, "Check-ins")
    assert line(held, "Next") == "· Next: once that record is closed"
    closed = pages.state(EN, view(set(), coming=None, is_admitted=False), NOW).text
    assert "invitation" in line(closed, "Check-ins")
    assert line(closed, "Next") == "· Next: none"
    slow = pages.state(EN, view(set(), every_days=7), NOW).text
    assert "one in 7 days at most" in line(slow, "Check-ins")
    quiet = CheckInSettings(PersonId(1), NOW, "Asia/Shanghai", quiet_from=1320, quiet_to=600)
    silent = pages.state(EN, view(set(), coming=None, settings=quiet, silent={540}), NOW).text
    assert line(silent, "Quiet hours") == (
        "· Quiet hours: 22:00–10:00 (09:00 is in them, so I don't ask then)"
    )
    assert line(silent, "Next") == "· Next: none (all times are in your quiet hours)"


def test_whoever_stopped_finds_the_way_back_first() -> None:
    settings = CheckInSettings(PersonId(1), NOW, "Asia/Shanghai", stopped_at=NOW)
    body = pages.state(ZH, view(set(), coming=None, is_held=True, settings=settings), NOW)
    assert body.buttons[0] == [("重新开始", "ci:resume")]
    assert line(body.text, "每日问候") == "每日问候：已停止"
    paused = CheckInSettings(PersonId(1), NOW, "UTC", paused_until_at=NOW + timedelta(days=1))
    assert pages.state(ZH, view(set(), settings=paused), NOW).buttons[0][0][1] == "ci:resume"


@pytest.mark.parametrize("t", [EN, ZH])
@pytest.mark.parametrize("why", AmbiguityReason)
def test_every_reason_has_its_words(t: Translate, why: AmbiguityReason) -> None:
    offered = pages.unclear(t, Ambiguous(why, ((NINE,),)))
    assert [data for row in offered.buttons for _label, data in row] == ["ci:pick:0540127"]
    assert offered.text


def test_a_chosen_time_that_is_not_usual_can_be_tapped_off() -> None:
    body = pages.choose(ZH, TimesDraft([(545, 127), (480, 127)]), "最多 6 个。")
    labels = [label for row in body.buttons for label, _data in row]
    assert [label for label in labels if "✓" in label] == ["✓ 08:00", "✓ 09:05", "✓ 每天"]
    assert "最多 6 个。\n选好的：" in body.text


def test_a_consent_holds_for_what_stands_above_it() -> None:
    drafts = [
        TimesDraft([(480, 127)], zone="Asia/Shanghai"),
        TimesDraft([(480, 31)], zone="Asia/Shanghai"),
        TimesDraft([(485, 127)], zone="Asia/Shanghai"),
        TimesDraft([(480, 127)], zone="Europe/London"),
    ]
    assert len({mark(draft) for draft in drafts}) == 4
    assert pages.agree(ZH, drafts[0], NOW).buttons[0][0][1] == f"ci:yes:{mark(drafts[0])}"


def test_days_are_marked_by_their_name_or_one_by_one() -> None:
    def marked(days: int) -> list[str]:
        body = pages.choose(ZH, TimesDraft([(480, days)], days))
        return [label for row in body.buttons for label, _ in row if "✓" in label]

    assert marked(127) == ["✓ 08:00", "✓ 每天"]
    assert marked(31) == ["✓ 08:00", "✓ 工作日"]
    assert marked(0b10101) == ["✓ 08:00", "✓ 周一", "✓ 周三", "✓ 周五"]
