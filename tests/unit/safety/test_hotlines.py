"""The register gives verified numbers of a region, and says so where it has none."""

from pathlib import Path

import pytest

from bot.texts.help_lines import MOST_LINES
from safety.response.hotlines import FALLBACK_REGION, HotlineError, Hotlines, digits, parse_line


def test_only_verified_lines_are_given(hotlines: Hotlines) -> None:
    for region in hotlines.regions():
        lines = hotlines.for_region(region, emergency_first=False)
        assert lines
        assert all(line.verified and line.region == region for line in lines)


@pytest.mark.parametrize("region", [None, "", "XX", "*"])
def test_an_unknown_region_gets_the_fallback(hotlines: Hotlines, region: str | None) -> None:
    lines = hotlines.for_region(region, emergency_first=False)
    assert lines
    assert {line.region for line in lines} == {FALLBACK_REGION}


def test_emergencies_come_first_when_asked_for(hotlines: Hotlines) -> None:
    first = hotlines.for_region("CN", emergency_first=True)[0]
    assert (first.kind, first.number) == ("emergency", "120")
    assert hotlines.for_region("CN", emergency_first=False)[0].number == "12356"


def test_a_region_is_read_without_regard_to_case(hotlines: Hotlines) -> None:
    assert hotlines.for_region(" cn ", emergency_first=True)[0].region == "CN"


def test_the_fallback_is_no_region_to_choose(hotlines: Hotlines) -> None:
    assert FALLBACK_REGION not in hotlines.regions()


def test_numbers_are_digits_of_verified_lines(hotlines: Hotlines) -> None:
    assert {"12356", "4001619995", "01082951332", "988", "28960000"} <= hotlines.numbers()
    assert {"12355", "12338", "116123", "131114", "1767"} <= hotlines.numbers()
    assert all(number.isdecimal() for number in hotlines.numbers())


@pytest.mark.parametrize("emergency_first", [True, False])
def test_every_region_shows_people_beside_the_emergency_number(
    hotlines: Hotlines, emergency_first: bool
) -> None:
    for region in hotlines.regions():
        lines = hotlines.for_region(region, emergency_first=emergency_first)[:MOST_LINES]
        assert {line.kind for line in lines} == {"crisis", "emergency"}, region


def test_an_unknown_region_gets_a_directory_of_lines(hotlines: Hotlines) -> None:
    lines = hotlines.for_region(None, emergency_first=False)
    assert any("findahelpline.com" in line.number for line in lines)


def test_a_line_for_abuse_is_shown_after_abuse_alone(hotlines: Hotlines) -> None:
    usual = [x.number for x in hotlines.for_region("CN", emergency_first=False)]
    abuse = [x.number for x in hotlines.for_region("CN", emergency_first=False, topic="abuse")]
    assert "12338" not in usual
    assert abuse[0] == "12338"


def test_digits() -> None:
    assert digits("010-8295 1332") == "01082951332"


def test_a_broken_row_is_named() -> None:
    with pytest.raises(HotlineError, match=r"line 3.*name_zh"):
        parse_line("hotlines.toml: line 3", {"region": "CN"})


LOCAL = """
[[line]]
name = "心理中心值班"
number = "010-5555 0000"
hours = "18:00-24:00"
[[line]]
name = "校医院急诊"
number = "010-5555 0120"
kind = "emergency"
region = "CN"
"""


def test_local_contacts_stand_first_and_may_be_said(tmp_path: Path) -> None:
    file = tmp_path / "contacts.toml"
    file.write_text(LOCAL)
    lines = Hotlines.load(file)
    assert lines.for_region("CN", emergency_first=False)[0].number == "010-5555 0000"
    assert lines.for_region("CN", emergency_first=True)[0].number == "010-5555 0120"
    assert lines.for_region("GB", emergency_first=False)[0].number == "010-5555 0000"
    assert "010-5555 0120" not in [x.number for x in lines.for_region("GB", emergency_first=True)]
    assert "01055550120" in lines.numbers()
    assert lines.regions() == Hotlines.load().regions()


@pytest.mark.parametrize(
    ("content", "says"),
    [("[[line]]\nnumber = '1'", "name"), ("[[line]]\nname = 'x'", "number"), ("[[", "cannot be")],
)
def test_a_broken_file_of_contacts_is_named(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "contacts.toml"
    file.write_text(content)
    with pytest.raises(HotlineError, match=f"contacts.toml.*{says}"):
        Hotlines.load(file)
