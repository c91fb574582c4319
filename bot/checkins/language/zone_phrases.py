"""The time zones that words name, or a location has.

Places stand in `places.yaml`. Words name a zone only if a closed list accounts for the rest of
them: 不是上海 names no zone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo, available_timezones

from bot.checkins.language.lexer import normalise, number
from bot.checkins.language.vocabulary import is_covered, words
from safety import yaml_files

MOST = 8
IANA = re.compile(r"(?<![^\W_])[a-z]+(?:[/_+-][a-z0-9]+)+(?![^\W_])")
OFFSET = re.compile(r"(?:(?:utc|gmt|z)\s*)?([+-])\s*(\d{1,2})(?:[:.]?([0134][05]))?(?![\d:.])")
ZH_OFFSET = re.compile(r"([东西])\s*([一二三四五六七八九十]{1,2}|\d{1,2})\s*时?区")
ZERO = re.compile(r"(?<![^\W_])(?:utc|gmt|z)(?![^\W_])")


@dataclass(frozen=True, slots=True)
class _Places:
    zones: Mapping[str, tuple[str, ...]]
    latin: re.Pattern[str]
    han: re.Pattern[str]
    populous: tuple[str, ...]


def is_zone(name: str) -> bool:
    """Return whether a zone of this name exists here."""
    return name in _every_zone()


def find(text: str, now: datetime) -> tuple[str, ...]:
    """Return up to eight zones that a message may name, by a place, an IANA name or an offset.

    Examples are 北京, "I live in London", Asia/Tokyo, UTC+8 and 东八区. An offset stands for the
    zones that have it now.
    """
    folded = normalise(text)
    zones, rest = _named(folded, now)
    return zones[:MOST] if is_covered(rest, words("around_a_place", "polite")) else ()


def without_places(text: str) -> str | None:
    """Return a text without the places that it names, or None if it names none."""
    folded = normalise(text)
    rest = _without_places(folded)
    return rest if rest != folded else None


def at_location(latitude: float, longitude: float) -> str | None:
    """Return the zone of a location in degrees, or None at sea."""
    import tzfpy  # loads 35 MB of borders, which most services never need

    name = tzfpy.get_tz(longitude, latitude)
    return name if not name.startswith("Etc/") and is_zone(name) else None


def _with_offset(offset: timedelta, now: datetime) -> tuple[str, ...]:
    return tuple(
        name for name in _places().populous if now.astimezone(ZoneInfo(name)).utcoffset() == offset
    )


def _named(folded: str, now: datetime) -> tuple[tuple[str, ...], list[str]]:
    """Return the zones that are named, and the words beside them."""
    for match in IANA.finditer(folded):
        rest = [folded[: match.start()], folded[match.end() :]]
        name = _names().get(match.group())
        if name and name.startswith("Etc/"):  # whose signs are the other way round
            offset = now.astimezone(ZoneInfo(name)).utcoffset()
            return _with_offset(offset or timedelta(0), now), rest
        if name and "/" in name:
            return (name,), rest
    places = _places()
    zones: tuple[str, ...] = ()
    for pattern in (places.latin, places.han):
        for match in pattern.finditer(folded):
            zones = _narrowed(zones, places.zones[match.group()])
    if zones:
        return zones, [_without_places(folded)]
    plain = folded.replace("−", "-")
    for pattern, offset_of in ((ZH_OFFSET, _zh_offset), (OFFSET, _plain_offset), (ZERO, _zero)):
        if (said := pattern.search(plain)) is not None:
            beside = [plain[: said.start()], plain[said.end() :]]
            return _with_offset(offset_of(said), now), beside
    return (), [folded]


def _without_places(folded: str) -> str:
    return _places().han.sub(" / ", _places().latin.sub(" / ", folded))


def _narrowed(zones: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    """Narrow down places: Shanghai, China is Shanghai, but London, Ontario may be either."""
    both = tuple(zone for zone in zones if zone in more)
    return both or tuple(dict.fromkeys((*zones, *more)))


def _zh_offset(match: re.Match[str]) -> timedelta:
    hours = number(match.group(2))
    return timedelta(hours=hours if match.group(1) == "东" else -hours)


def _plain_offset(match: re.Match[str]) -> timedelta:
    minutes = int(match.group(2)) * 60 + int(match.group(3) or 0)
    return timedelta(minutes=minutes if match.group(1) == "+" else -minutes)


def _zero(_match: re.Match[str]) -> timedelta:
    return timedelta(0)


@cache
def _every_zone() -> frozenset[str]:
    return frozenset(available_timezones())  # which walks through the folders of the disk


@cache
def _names() -> dict[str, str]:
    return {name.lower(): name for name in _every_zone()}


@cache
def _places() -> _Places:
    file = resources.files(__package__).joinpath("places.yaml")
    data = yaml_files.parse(file.read_text(encoding="utf-8"))
    zones: dict[str, list[str]] = {}
    for place in data["several"]:
        for name in place["names"]:
            zones.setdefault(name, []).extend(place["zones"])
    for zone, names in data["places"].items():
        for name in names:
            zones.setdefault(name, []).append(zone)
    longest = sorted(zones, key=len, reverse=True)
    latin = [re.escape(name) for name in longest if name[0] < "⺀"]
    han = [re.escape(name) for name in longest if name[0] >= "⺀"]
    return _Places(
        {name: tuple(dict.fromkeys(names)) for name, names in zones.items()},
        re.compile(r"(?<![^\W_])(?:" + "|".join(latin) + r")(?![^\W_])"),
        re.compile("|".join(han)),
        tuple(name for name in data["populous"] if is_zone(name)),
    )
