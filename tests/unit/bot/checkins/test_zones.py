"""From a place, an offset or a location to a zone."""

from datetime import UTC, datetime
from importlib import resources

import pytest
import yaml

from bot.checkins.language import zone_phrases

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
SUMMER = datetime(2026, 7, 2, 3, 4, tzinfo=UTC)
DATA = yaml.safe_load(
    resources.files("bot.checkins.language").joinpath("places.yaml").read_text(encoding="utf-8")
)
# Places whose law gives them a zone of their own that few live by; the official one is taken.
SEVERAL_BY_LAW = {"CN", "NZ", "UA", "UZ", "MY", "DE", "CY", "PS", "AR", "KZ", "MH"}


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("北京", "Asia/Shanghai"),
        ("我在上海", "Asia/Shanghai"),
        ("中国", "Asia/Shanghai"),
        ("乌鲁木齐", "Asia/Shanghai"),
        ("臺北", "Asia/Taipei"),
        ("香港", "Asia/Hong_Kong"),
        ("I live in London", "Europe/London"),
        ("new york", "America/New_York"),
        ("纽约时间", "America/New_York"),
        ("asia/tokyo", "Asia/Tokyo"),
        ("Tokyo time", "Asia/Tokyo"),
        ("几内亚比绍", "Africa/Bissau"),
        ("New Jersey", "America/New_York"),
        ("Jersey", "Europe/Jersey"),
        ("南苏丹", "Africa/Juba"),
        ("Nigeria", "Africa/Lagos"),
        ("Niger", "Africa/Niamey"),
        ("São Paulo", "America/Sao_Paulo"),
        ("America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("新西兰", "Pacific/Auckland"),
        ("UK", "Europe/London"),
        ("湖南", "Asia/Shanghai"),
        ("贵州", "Asia/Shanghai"),
        ("洛阳", "Asia/Shanghai"),
        ("三亚", "Asia/Shanghai"),
        ("广东深圳", "Asia/Shanghai"),
        ("Shanghai, China", "Asia/Shanghai"),
        ("Sydney Australia", "Australia/Sydney"),
        ("LA", "America/Los_Angeles"),
        ("San Jose, CA", "America/Los_Angeles"),
        ("Arizona", "America/Phoenix"),
        ("JST", "Asia/Tokyo"),
        ("美国纽约", "America/New_York"),
        ("Asia/Shanghai please", "Asia/Shanghai"),
    ],
)
def test_a_place_is_found(text: str, zone: str) -> None:
    assert zone_phrases.find(text, NOW) == (zone,)


@pytest.mark.parametrize(
    ("text", "first", "number"),
    [
        ("美国", "America/New_York", 7),
        ("Russia", "Europe/Moscow", 8),
        ("UTC+8", "Asia/Shanghai", 8),
        ("东八区", "Asia/Shanghai", 8),
        ("+08:00", "Asia/Shanghai", 8),
        ("utc+5:30", "Asia/Kolkata", 2),
        ("西五区", "America/New_York", 7),
        ("圣地亚哥", "America/Los_Angeles", 2),
        ("华盛顿", "America/Los_Angeles", 2),
        ("北京或者伦敦", "Asia/Shanghai", 2),
        ("London, Ontario", "Europe/London", 3),
        ("Georgia", "America/New_York", 2),
        ("San Jose", "America/Costa_Rica", 2),
        ("EST", "America/New_York", 3),
        ("CET", "Europe/Berlin", 7),
        ("CST", "Asia/Shanghai", 5),
        ("Etc/GMT-8", "Asia/Shanghai", 8),
        ("etc/gmt+5", "America/New_York", 7),
    ],
)
def test_what_is_open_is_a_choice(text: str, first: str, number: int) -> None:
    found = zone_phrases.find(text, NOW)
    assert (found[0], len(found)) == (first, number)


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "我今天很难过",
        "somewhere",
        "",
        "Mars/Olympus",
        "不是上海",
        "比北京晚一小时",
        "我太原谅他了",
        "我在北京上班很累",
        "巴黎圣母院着火了",
        "2-3",
        "not London",
        "nice",
    ],
)
def test_what_names_no_place_gives_none(text: str) -> None:
    assert zone_phrases.find(text, NOW) == ()


def test_an_offset_stands_for_the_zones_that_have_it_now() -> None:
    assert "America/New_York" in zone_phrases.find("UTC-5", NOW)
    assert "America/New_York" not in zone_phrases.find("UTC-5", SUMMER)


def test_every_zone_of_the_data_exists_and_every_name_is_folded() -> None:
    from bot.checkins.language.lexer import normalise

    several = [zone for each in DATA["several"] for zone in each["zones"]]
    for zone in (*DATA["populous"], *DATA["places"], *several):
        assert zone_phrases.is_zone(zone), zone
    names = [name for each in DATA["several"] for name in each["names"]]
    for name in (*names, *(name for each in DATA["places"].values() for name in each)):
        assert normalise(name) == name


def test_every_country_with_one_zone_is_known_by_name() -> None:
    """By the tables that come with the time zones themselves."""
    folder = resources.files("tzdata.zoneinfo")
    by_code: dict[str, list[str]] = {}
    for line in folder.joinpath("zone.tab").read_text().splitlines():
        if not line.startswith("#"):
            code, _place, zone, *_ = line.split("\t")
            by_code.setdefault(code, []).append(zone)
    checked = 0
    for line in folder.joinpath("iso3166.tab").read_text().splitlines():
        if line.startswith("#"):
            continue
        code, name = line.split("\t")
        found = by_code.get(code, [])
        if code in SEVERAL_BY_LAW or len(found) != 1:
            continue
        assert found[0] in DATA["places"]
        plain = name.split(" (")[0].replace("&", "and")
        if plain in ("Korea", "Samoa", "Congo", "Virgin Islands", "Georgia"):
            continue  # two countries, or a state as well
        assert zone_phrases.find(plain, NOW) == (found[0],), name
        checked += 1
    assert checked > 190


def test_most_cities_and_countries_have_both_languages() -> None:
    with_han = [name for each in DATA["places"].values() for name in each if name[0] >= "⺀"]
    assert len(with_han) > 350


def test_a_location_gives_its_zone_and_the_sea_none() -> None:
    assert zone_phrases.at_location(39.9, 116.4) == "Asia/Shanghai"
    assert zone_phrases.at_location(51.5, -0.1) == "Europe/London"
    assert zone_phrases.at_location(-33.9, 18.4) == "Africa/Johannesburg"
    assert zone_phrases.at_location(0.0, -30.0) is None
    assert zone_phrases.at_location(91.0, 999.0) is None


@pytest.mark.parametrize(
    ("text", "rest"),
    [("8am london time", "8am / time"), ("北京时间早上八点", "/ 早上八点"), ("8am", None)],
)
def test_a_place_beside_times_is_taken_out(text: str, rest: str | None) -> None:
    found = zone_phrases.without_places(text)
    assert (" ".join(found.split()) if found else found) == rest
