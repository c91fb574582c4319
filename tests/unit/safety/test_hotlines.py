"""The register gives verified numbers of a region, and says so where it has none."""

import pytest

from safety.hotlines import FALLBACK_REGION, HotlineError, Hotlines, _line, digits


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
    assert "12355" not in hotlines.numbers()
    assert all(number.isdecimal() for number in hotlines.numbers())


def test_digits() -> None:
    assert digits("010-8295 1332") == "01082951332"


def test_a_broken_row_is_named() -> None:
    with pytest.raises(HotlineError, match=r"line 3.*name_zh"):
        _line(3, {"region": "CN"})
