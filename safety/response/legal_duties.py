"""The notices that laws ask a companion to give, and their times: `duties.yaml` as rules."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

from safety import yaml_files

# The age bands of known minors.
MINORS = frozenset({"14_17"})

# How far `TalkClock.spoke_at` may lag behind, so that not every reply writes it.
EXACTNESS = timedelta(minutes=1)


class DutyError(ValueError):
    """`duties.yaml` is invalid. The message names the profile and the key."""


class Notice(StrEnum):
    """The notices that a person is given."""

    # That this is a computer program, not a human.
    PROGRAM = "program"
    # That a break would do good.
    REST = "rest"


class Start(StrEnum):
    """When a person is first told that this is a program."""

    # Once, before or with the first reply.
    FIRST = "first"
    # At the start of every talk, but at most once a day.
    EVERY_TALK = "every_talk"


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often a law asks for a notice.

    Attributes:
        tells_every: how long a talk may last before the notice is repeated; None if once is enough.
        rests_every: how long a talk may last before a break is suggested; None if never.
    """

    start: Start
    tells_every: timedelta | None = None
    rests_every: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """One law.

    Attributes:
        read: the day on which the source was read.
        is_secondary: whether only texts about the law were read, not the law.
        regions: the regions where it applies, as people choose them.
        exact: the notice in the law's own words; empty if it prescribes none.
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
        """Return how often a person of this age band gets a notice."""
        return self.minors if age_band in MINORS else self.adults


@dataclass(frozen=True, slots=True)
class TalkClock:
    """The times of a person's talk.

    Attributes:
        told_at: when they were last told that this is a program.
        began_at: when the talk without a pause began.
        spoke_at: their last message in it, at most a minute off.
        rested_at: when a break was last suggested.
    """

    told_at: datetime | None
    began_at: datetime
    spoke_at: datetime
    rested_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Duties:
    """All laws, and the pauses that end a talk."""

    profiles: Mapping[str, Profile]
    otherwise: tuple[Profile, ...]
    pause: timedelta
    again_after: timedelta

    @classmethod
    @cache
    def load(cls) -> "Duties":
        """Load the file that ships with the package.

        Raises:
            DutyError: a profile lacks a key or has an unknown one.
        """
        text = resources.files(__package__).joinpath("duties.yaml").read_text("utf-8")
        return cls.parse(yaml_files.parse(text))

    @classmethod
    def parse(cls, data: dict[str, Any]) -> "Duties":
        """Build the rules from the data of the file.

        Raises:
            DutyError: a profile lacks a key or has an unknown one.
        """
        profiles = {key: _profile(key, row) for key, row in data["profiles"].items()}
        try:
            otherwise = tuple(profiles[key] for key in data["otherwise"])
        except KeyError as unknown:
            raise DutyError(f"duties.yaml: otherwise: {unknown} is not a profile") from unknown
        return cls(
            profiles,
            otherwise,
            pause=timedelta(minutes=data["pause_minutes"]),
            again_after=timedelta(hours=data["again_after_hours"]),
        )

    def of_region(self, region: str | None) -> tuple[Profile, ...]:
        """Return the laws of a region, or all of `otherwise` if it has none."""
        own = tuple(p for p in self.profiles.values() if region in p.regions)
        return own or self.otherwise

    def has_own(self, region: str | None) -> bool:
        """Return whether the file has a law of this region."""
        return any(region in p.regions for p in self.profiles.values())

    def at(
        self, clock: TalkClock | None, now: datetime, *, told_at: datetime | None = None
    ) -> TalkClock:
        """Return the clock at a new message. After a pause a new talk begins.

        Args:
            clock: the stored clock, or None.
            now: the present instant.
            told_at: when the person was told before a clock was stored (the consent page).
        """
        if clock is None:
            return TalkClock(told_at, began_at=now, spoke_at=now)
        if now - clock.spoke_at > self.pause + EXACTNESS:
            return replace(clock, began_at=now, spoke_at=now)
        if now - clock.spoke_at < EXACTNESS:
            return clock  # near enough, so nothing is written
        return replace(clock, spoke_at=now)

    def due(
        self, profiles: Iterable[Profile], clock: TalkClock, age_band: str | None, now: datetime
    ) -> frozenset[Notice]:
        """Return the notices due with the next reply.

        Args:
            profiles: the laws, of which the strictest decides.
            clock: the clock that `at` returned for this instant.
            age_band: the age band that the person gave. Only known minors count as minors.
            now: the present instant.
        """
        cadences = [profile.cadence(age_band) for profile in profiles]
        notices = set()
        if any(self._tells(cadence, clock, now) for cadence in cadences):
            notices.add(Notice.PROGRAM)
        if any(_rests(cadence, clock, now) for cadence in cadences):
            notices.add(Notice.REST)
        return frozenset(notices)

    def _tells(self, cadence: Cadence, clock: TalkClock, now: datetime) -> bool:
        if clock.told_at is None:
            return True
        begins = clock.began_at == now
        if begins and cadence.start is Start.EVERY_TALK and now - clock.told_at >= self.again_after:
            return True
        return _is_over(cadence.tells_every, max(clock.began_at, clock.told_at), now)


def advance(clock: TalkClock, notices: frozenset[Notice], now: datetime) -> TalkClock:
    """Return the clock after these notices were given."""
    return replace(
        clock,
        told_at=now if Notice.PROGRAM in notices else clock.told_at,
        rested_at=now if Notice.REST in notices else clock.rested_at,
    )


def exact_words(profiles: Iterable[Profile]) -> tuple[str, ...]:
    """Return the texts that these laws prescribe, each once."""
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
        raise DutyError(f"duties.yaml: {key}: unknown keys {sorted(rest)}; remove them")
    return profile


_CADENCE = ("tells", "tells_every_hours", "rests_every_hours")


def _cadence(
    tells: str, tells_every_hours: float | None, rests_every_hours: float | None
) -> Cadence:
    return Cadence(Start(tells), _hours(tells_every_hours), _hours(rests_every_hours))


def _hours(number: float | None) -> timedelta | None:
    return None if number is None else timedelta(hours=number)
