"""The register of crisis and emergency numbers, loaded once from `hotlines.toml`.

Nothing checks whether a line answers today. Each row says when its source was last read.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from safety.text.utf8 import NotUtf8Error, read_text

# The region of the rows for people whose region is unknown.
FALLBACK_REGION = "*"


@dataclass(frozen=True, slots=True)
class Hotline:
    """One number with its region and source.

    Attributes:
        hours: "24h", a range, or empty if the source does not say. Promise nothing then.
        verified: Whether a named source confirms the row. If not, it is not shown.
        topic: The script that the line is for (`abuse`), or None if it is for everyone.
        is_local: Whether the operator of the service added it for their own people. Shown first.
    """

    region: str
    area: str | None
    name_zh: str
    name_en: str
    number: str
    hours: str
    kind: Literal["crisis", "emergency"]
    verified: bool
    read: date
    source: str
    topic: str | None = None
    is_local: bool = False


class HotlineError(ValueError):
    """A row of the register is invalid. The message names its file, row and key."""


class Hotlines:
    """The lines of the register, by region."""

    def __init__(self, lines: Iterable[Hotline]) -> None:
        self._lines = tuple(lines)
        self._numbers = frozenset(digits(line.number) for line in self._lines if line.verified)

    @classmethod
    def load(cls, local: Path | None = None) -> "Hotlines":
        """Load the shipped register, with the service's own contacts before it.

        Args:
            local: A file of the same form, or None. Its rows need `name` and `number`, and may
                give `hours`, `kind` and `region` (by default all regions).

        Raises:
            HotlineError: A file cannot be read or a row is invalid.
        """
        return cls([*(_own(local) if local else ()), *_shipped()])

    def all_lines(self) -> tuple[Hotline, ...]:
        """Return every row, verified or not."""
        return self._lines

    def regions(self) -> tuple[str, ...]:
        """Return the regions that a person can choose from."""
        seen = {line.region for line in self._lines if line.verified and not line.is_local}
        return tuple(sorted(seen - {FALLBACK_REGION}))

    def for_region(
        self, region: str | None, *, emergency_first: bool, topic: str | None = None
    ) -> tuple[Hotline, ...]:
        """Return the lines to show.

        Args:
            region: The person's region, such as "CN". None or an unknown one gives the
                international fallback.
            emergency_first: Put emergency services before crisis lines (overdose, injury).
            topic: The script, which adds the lines that are for it alone.

        Returns:
            Verified lines only, except in the international fallback. It cannot have verified
            rows, because no number works everywhere. Its first row says "your local emergency
            number".
        """
        wanted = (region or "").strip().upper()
        own = [x for x in self._lines if x.is_local and x.region.upper() in (wanted, "*")]
        public = [x for x in self._lines if not x.is_local and x.topic in (None, topic)]
        lines = [x for x in public if x.verified and x.region.upper() == wanted]
        if not lines or wanted == FALLBACK_REGION:
            lines = [x for x in public if x.region == FALLBACK_REGION]
        first = "emergency" if emergency_first else "crisis"
        lines = sorted([*own, *lines], key=lambda line: (line.kind != first, line.topic is None))
        if not emergency_first:  # local contacts come first if nothing is urgent
            lines.sort(key=lambda line: not line.is_local)
        return tuple(lines)

    def numbers(self) -> frozenset[str]:
        """Return the digits of every verified number, for the check of the model's text."""
        return self._numbers


def digits(number: str) -> str:
    """Return only the digits of a number."""
    return "".join(c for c in number if c.isdecimal())


@cache
def _shipped() -> tuple[Hotline, ...]:
    text = resources.files(__package__).joinpath("hotlines.toml").read_text("utf-8")
    rows = tomllib.loads(text).get("line", [])
    return tuple(parse_line(f"hotlines.toml: line {i}", row) for i, row in enumerate(rows))


def _own(file: Path) -> list[Hotline]:
    try:
        rows = tomllib.loads(read_text(file)).get("line", [])
        changed = datetime.fromtimestamp(file.stat().st_mtime, UTC).date()
    except NotUtf8Error as error:
        raise HotlineError(str(error)) from error
    except (OSError, ValueError) as error:
        raise HotlineError(f"{file.name}: cannot be read ({type(error).__name__})") from error
    lines = []
    for index, row in enumerate(rows):
        name = row.get("name", "")
        filled = {
            "region": FALLBACK_REGION,
            "name_zh": name,
            "name_en": name,
            "hours": "",
            "verified": True,
            "read": changed.isoformat(),
            "source": "local contacts",
            **row,
        }
        if not filled["name_zh"] or not filled["name_en"]:
            raise HotlineError(f"{file.name}: line {index}: 'name' is missing; add it")
        lines.append(replace(parse_line(f"{file.name}: line {index}", filled), is_local=True))
    return lines


def parse_line(place: str, row: dict[str, Any]) -> Hotline:
    """Read one line of a register.

    Raises:
        HotlineError: a value is missing or wrong; `place` says where.
    """
    try:
        kind = row.get("kind", "crisis")
        if kind not in ("crisis", "emergency"):
            raise HotlineError(f"{place}: kind must be crisis or emergency")
        return Hotline(
            region=row["region"],
            area=row.get("area"),
            name_zh=row["name_zh"],
            name_en=row["name_en"],
            number=row["number"],
            topic=row.get("for"),
            hours=row["hours"],
            kind=kind,
            verified=bool(row["verified"]),
            read=date.fromisoformat(row["read"]),
            source=row["source"],
        )
    except KeyError as missing:
        raise HotlineError(f"{place}: {missing} is missing; add it") from missing
