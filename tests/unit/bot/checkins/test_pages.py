"""What people see and say when they arrange their check-ins."""

from datetime import UTC, date, datetime

import pytest

from bot.checkins.pages import USUAL, Pages, View, packed, unpacked
from bot.checkins.schedule import EVERY_DAY, WEEKDAYS, Appointment, Occurrence
from bot.texts import LANGUAGES, Texts
from storage.check_in_questions import Draft
from storage.check_in_settings import Settings
from storage.ids import PersonId

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
PAGES = Pages(Texts())
NINE = Appointment(EVERY_DAY, 540)


def view(crowded: set[int]) -> View:
    settings = Settings(PersonId(1), NOW, "Asia/Shanghai")
    return View(settings, [(NINE, Occurrence(date(2026, 11, 25), NOW))], crowded)


def test_a_crowded_minute_is_told_as_around() -> None:
    assert "around 09:00" in PAGES.state("en", view({540}), NOW).text
    assert "around" not in PAGES.state("en", view(set()), NOW).text
    assert "09:00 左右" in PAGES.state("zh", view({540}), NOW).text


def test_times_go_into_a_button_and_back() -> None:
    times = tuple(Appointment(WEEKDAYS, minute) for minute in USUAL[:6])
    assert unpacked(packed(times)) == times
    assert len(f"ci:pick:{packed(times)}") <= 64


@pytest.mark.parametrize("wrong", ["", "abc", "0480", "9999127", "0480000", "0480999"])
def test_a_button_of_another_version_is_nothing(wrong: str) -> None:
    assert unpacked(wrong) == ()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_button_fits_into_telegrams_64_bytes(language: str) -> None:
    draft = Draft([(540, 127)], zone="America/Argentina/ComodRivadavia")
    bodies = [
        PAGES.choose(language, draft),
        PAGES.zone(language, "US", NOW, ("America/Argentina/ComodRivadavia",)),
        PAGES.agree(language, draft, NOW),
        PAGES.quiet(language),
        PAGES.pause(language),
        PAGES.stopped(language),
        PAGES.state(language, view(set()), NOW),
    ]
    for body in bodies:
        assert all(len(data.encode()) <= 64 for row in body.buttons for _label, data in row)
