"""Where a person's clock is: from a name, an offset, their own clock, or a location.

Knows nothing of storage or Telegram, and keeps nothing: coordinates are turned into a zone and
forgotten. Every function gives candidates, best first: one is an answer, several are a choice to
offer, none is a reason to ask otherwise. Places stand in `places.yaml`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo, available_timezones

from bot.checkins.hours import options
from bot.checkins.schedule import MINUTES_A_DAY, local_minute
from bot.checkins.tokens import Clock, PartOfDay, fold, number, tokens
from safety import yaml_files

TOLERANCE_MIN = 10
"""How far a clock may be off the present time of a zone."""

MOST = 8
IANA = re.compile(r"[a-z]+(?:[/_+-][a-z0-9]+)+|[a-z]{3}")
OFFSET = re.compile(r"(?:utc|gmt|z)?\s*([+-])\s*(\d{1,2})(?:[:.]?([0134][05]))?(?!\d)")
ZH_OFFSET = re.compile(r"([东西])\s*([一二三四五六七八九十]{1,2}|\d{1,2})\s*区")


@dataclass(frozen=True, slots=True)
class _Places:
    zones: Mapping[str, tuple[str, ...]]
    latin: re.Pattern[str]
    han: re.Pattern[str]
    populous: tuple[str, ...]


def is_zone(name: str) -> bool:
    """Whether a zone of this name exists here."""
    return name in _every_zone()


def find(text: str, now: datetime) -> tuple[str, ...]:
    """The zones that a message may name: a place, an IANA name or an offset from UTC.

    Args:
        text: the person's words, such as 北京, "I live in London", Asia/Tokyo, UTC+8, 东八区.
        now: an offset stands for the zones that have it now.

    Returns:
        Candidates, at most eight; empty where nothing was recognised.
    """
    folded = fold(text)
    exact = _iana(folded)
    if exact:
        return (exact,)
    places = _places()
    found: list[str] = []
    for pattern in (places.latin, places.han):
        for match in pattern.finditer(folded):
            found += places.zones[match.group()]
    if not found:
        offset = _offset(folded)
        found = [] if offset is None else list(_with_offset(offset, now))
    return tuple(dict.fromkeys(found))[:MOST]


def clock_said(text: str) -> tuple[int, ...]:
    """The minutes of the day that "what time is it for you?" was answered with.

    One, two where it may be morning or evening, none where no time was said.
    """
    found, _rest = tokens(fold(text))
    part = next((token.part for token in found if isinstance(token, PartOfDay)), None)
    for token in found:
        if isinstance(token, Clock):
            return tuple(minute % MINUTES_A_DAY for minute in options(token, token.part or part))
    return next(
        (
            (token.alone_min,)
            for token in found
            if isinstance(token, PartOfDay) and token.alone_min is not None
        ),
        (),
    )


def by_clock(minutes: Iterable[int], now: datetime) -> tuple[str, ...]:
    """Zones whose clock shows one of these local minutes now, within ten minutes.

    Args:
        minutes: after midnight, as `clock_said` gives them.
        now: the present.

    Returns:
        Nearest clock first, then by how many people live by it; at most eight.
    """
    found, said = [], tuple(minutes)
    for rank, name in enumerate(_places().populous):
        shown = local_minute(now, ZoneInfo(name))
        off = min((_apart(shown, minute) for minute in said), default=MINUTES_A_DAY)
        if off <= TOLERANCE_MIN:
            found.append((off, rank, name))
    return tuple(name for _off, _rank, name in sorted(found))[:MOST]


def at_location(latitude: float, longitude: float) -> str | None:
    """The zone of a location, or None at sea and beyond the poles of the data.

    Args:
        latitude: degrees, north is positive.
        longitude: degrees, east is positive.
    """
    import tzfpy  # loads 35 MB of borders, which most services never need

    name = tzfpy.get_tz(longitude, latitude)
    return name if not name.startswith("Etc/") and is_zone(name) else None


def _apart(one: int, other: int) -> int:
    off = abs(one - other) % MINUTES_A_DAY
    return min(off, MINUTES_A_DAY - off)


def _with_offset(offset: timedelta, now: datetime) -> tuple[str, ...]:
    return tuple(
        name for name in _places().populous if now.astimezone(ZoneInfo(name)).utcoffset() == offset
    )


def _offset(folded: str) -> timedelta | None:
    """An offset from UTC, or None where none is said."""
    match = ZH_OFFSET.search(folded)
    if match:
        hours = number(match.group(2))
        return timedelta(hours=hours if match.group(1) == "东" else -hours)
    match = OFFSET.search(folded.replace("−", "-"))
    if match:
        minutes = int(match.group(2)) * 60 + int(match.group(3) or 0)
        return timedelta(minutes=minutes if match.group(1) == "+" else -minutes)
    return timedelta(0) if re.search(r"\b(?:utc|gmt)\b", folded) else None


def _iana(folded: str) -> str | None:
    for match in IANA.finditer(folded):
        name = _names().get(match.group())
        if name and "/" in name and not name.startswith("Etc/"):
            return name
    return None


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
    for each in data["several"]:
        for name in each["names"]:
            zones.setdefault(name, []).extend(each["zones"])
    for zone, names in data["places"].items():
        for name in names:
            zones.setdefault(name, []).append(zone)
    longest = sorted(zones, key=len, reverse=True)
    latin = [re.escape(name) for name in longest if name[0] < "⺀"]
    han = [re.escape(name) for name in longest if name[0] >= "⺀"]
    return _Places(
        {name: tuple(dict.fromkeys(found)) for name, found in zones.items()},
        re.compile(r"(?<![^\W_])(?:" + "|".join(latin) + r")(?![^\W_])"),
        re.compile("|".join(han)),
        tuple(name for name in data["populous"] if is_zone(name)),
    )
