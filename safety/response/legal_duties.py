"""What laws ask a companion to tell a person, and when: `duties.yaml` as rules.

Sources and the day on which each was read stand in `duties.yaml`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

from safety import yaml_files

# The age bands of people who are known to be minors.
MINORS = frozenset({"14_17"})

# How far `Clock.spoke_at` may lag behind, so that it is not written at every reply.
EXACTNESS = timedelta(minutes=1)


class DutyError(ValueError):
    """`duties.yaml` cannot be used; the message names the profile and the key."""


class Notice(StrEnum):
    """What a person is to be told."""

    # That this is a computer program and no human being.
    PROGRAM = "program"
    # That a break would do good.
    REST = "rest"


class Start(StrEnum):
    """When a person is told for the first time that this is a program."""

    # Once, before or with the first words.
    FIRST = "first"
    # At the start of every talk, except that once a day is enough.
    EVERY_TALK = "every_talk"


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often a law asks for a notice.

    Attributes:
        tells_every: of talk without a pause; None: the start is enough.
        rests_every: of talk without a pause; None: no break has to be suggested.
    """

    start: Start
    tells_every: timedelta | None = None
    rests_every: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """One law.

    Attributes:
        read: the day on which the source was read.
        is_secondary: only what others write about the law was read.
        regions: where it holds, as people choose them.
        exact: the law's own words that say what this is; empty where it prescribes none.
    """

    key: str
    name_zh: str
    name_en: str
    source: str
    read: date
    is_secondary: bool
    regions: frozenset[str]
    adults: Cadence
    minors: Cadence
    exact: str

    def cadence(self, age_band: str | None) -> Cadence:
        """How often it asks for a notice to somebody of this age band."""
        return self.minors if age_band in MINORS else self.adults


@dataclass(frozen=True, slots=True)
class TalkClock:
    """What is known of a person's talk.

    Attributes:
        told_at: when they were last told that this is a program.
        began_at: when they began to talk without a pause.
        spoke_at: the last word of that talk, a minute off at most.
        rested_at: when a break was last suggested.
    """

    told_at: datetime | None
    began_at: datetime
    spoke_at: datetime
    rested_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Duties:
    """All laws, and what counts as a talk."""

    profiles: Mapping[str, Profile]
    otherwise: tuple[Profile, ...]
    pause: timedelta
    again_after: timedelta

    @classmethod
    @cache
    def load(cls) -> "Duties":
        """Read what ships with the package.

        Raises:
            DutyError: a profile lacks a key or has one that nobody reads.
        """
        text = resources.files(__package__).joinpath("duties.yaml").read_text("utf-8")
        return cls.parse(yaml_files.parse(text))

    @classmethod
    def parse(cls, data: dict[str, Any]) -> "Duties":
        """Make rules of data.

        Raises:
            DutyError: a profile lacks a key or has one that nobody reads.
        """
        profiles = {key: _profile(key, row) for key, row in data["profiles"].items()}
        try:
            otherwise = tuple(profiles[key] for key in data["otherwise"])
        except KeyError as unknown:
            raise DutyError(f"duties.yaml: otherwise: {unknown} is no profile") from unknown
        return cls(
            profiles,
            otherwise,
            pause=timedelta(minutes=data["pause_minutes"]),
            again_after=timedelta(hours=data["again_after_hours"]),
        )

    def of_region(self, region: str | None) -> tuple[Profile, ...]:
        """The laws that hold in a region; all of `otherwise` where none is known."""
        found = tuple(p for p in self.profiles.values() if region in p.regions)
        return found or self.otherwise

    def has_own(self, region: str | None) -> bool:
        """Whether a law was read that speaks of this region."""
        return any(region in p.regions for p in self.profiles.values())

    def at(
        self, clock: TalkClock | None, now: datetime, *, told_at: datetime | None = None
    ) -> TalkClock:
        """The clock at a new word: after a pause a new talk begins.

        Args:
            clock: as it was kept; None where nothing was.
            now: the present instant.
            told_at: when the person was told before a clock was kept (the page of consent).
        """
        if clock is None:
            return TalkClock(told_at, began_at=now, spoke_at=now)
        if now - clock.spoke_at > self.pause + EXACTNESS:
            return replace(clock, began_at=now, spoke_at=now)
        if now - clock.spoke_at < EXACTNESS:
            return clock  # near enough: nothing has to be written
        return replace(clock, spoke_at=now)

    def due(
        self, profiles: Iterable[Profile], clock: TalkClock, age_band: str | None, now: datetime
    ) -> frozenset[Notice]:
        """What a person is to be told with the next words.

        Args:
            profiles: the laws; the strictest of them decides.
            clock: as `at` gave it for this instant.
            age_band: as the person said; only known minors are told as minors.
            now: the present instant.
        """
        cadences = [profile.cadence(age_band) for profile in profiles]
        found = set()
        if any(self._tells(cadence, clock, now) for cadence in cadences):
            found.add(Notice.PROGRAM)
        if any(_rests(cadence, clock, now) for cadence in cadences):
            found.add(Notice.REST)
        return frozenset(found)

    def _tells(self, cadence: Cadence, clock: TalkClock, now: datetime) -> bool:
        if clock.told_at is None:
            return True
        begins = clock.began_at == now
        if begins and cadence.start is Start.EVERY_TALK and now - clock.told_at >= self.again_after:
            return True
        return _is_over(cadence.tells_every, max(clock.began_at, clock.told_at), now)


def advance(clock: TalkClock, notices: frozenset[Notice], now: datetime) -> TalkClock:
    """The clock after these notices were given."""
    return replace(
        clock,
        told_at=now if Notice.PROGRAM in notices else clock.told_at,
        rested_at=now if Notice.REST in notices else clock.rested_at,
    )


def exact_words(profiles: Iterable[Profile]) -> tuple[str, ...]:
    """The words that these laws prescribe, each once."""
    return tuple(dict.fromkeys(profile.exact for profile in profiles if profile.exact))


def _rests(cadence: Cadence, clock: TalkClock, now: datetime) -> bool:
    since = max(clock.began_at, clock.rested_at or clock.began_at)
    return _is_over(cadence.rests_every, since, now)


def _is_over(every: timedelta | None, since: datetime, now: datetime) -> bool:
    return every is not None and now - since >= every


def _profile(key: str, row: dict[str, Any]) -> Profile:
    rest = dict(row)
    try:
        adults = {name: rest.pop(name, None) for name in _CADENCE}
        minors = {**adults, **rest.pop("minors", {})}
        profile = Profile(
            key=key,
            name_zh=rest.pop("name_zh"),
            name_en=rest.pop("name_en"),
            source=rest.pop("source"),
            read=rest.pop("read"),
            is_secondary=rest.pop("secondary"),
            regions=frozenset(rest.pop("regions")),
            adults=_cadence(**adults),
            minors=_cadence(**minors),
            exact=rest.pop("exact", ""),
        )
    except (KeyError, TypeError, ValueError) as wrong:
        raise DutyError(f"duties.yaml: {key}: {wrong}") from wrong
    if rest:
        raise DutyError(f"duties.yaml: {key}: nobody reads {sorted(rest)}")
    return profile


_CADENCE = ("tells", "tells_every_hours", "rests_every_hours")


def _cadence(
    tells: str, tells_every_hours: float | None, rests_every_hours: float | None
) -> Cadence:
    return Cadence(Start(tells), _hours(tells_every_hours), _hours(rests_every_hours))


def _hours(number: float | None) -> timedelta | None:
    return None if number is None else timedelta(hours=number)
