"""The register of crisis and emergency numbers, read once from `hotlines.toml`.

Does not know whether a line answers today; each row says when its source was last read.
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

# The region of the rows given to everybody whose region is unknown.
FALLBACK_REGION = "*"


@dataclass(frozen=True, slots=True)
class Hotline:
    """One number, with where it holds and where it was read.

    Attributes:
        hours: "24h", a range, or empty where the source does not say: promise nothing then.
        verified: False where no named source stands behind the row; it is not handed out.
        is_local: Set by whoever runs the service, for their own people: shown first.
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
    is_local: bool = False


class HotlineError(ValueError):
    """A row of the register cannot be used; the message names its place and key."""


class Hotlines:
    """All lines of the register, by region."""

    def __init__(self, lines: Iterable[Hotline]) -> None:
        self._lines = tuple(lines)
        self._numbers = frozenset(digits(line.number) for line in self._lines if line.verified)

    @classmethod
    def load(cls, local: Path | None = None) -> "Hotlines":
        """Read the register that ships with the package, and one's own contacts before it.

        Args:
            local: A file of the same form; of its rows `name`, `number` and perhaps `hours`,
                `kind` and `region` (everybody, where left out) are enough.

        Raises:
            HotlineError: A file cannot be read or a row not used; the message says which.
        """
        return cls([*(_own(local) if local else ()), *_shipped()])

    def all_lines(self) -> tuple[Hotline, ...]:
        """Every row, verified or not."""
        return self._lines

    def regions(self) -> tuple[str, ...]:
        """List the regions a person can be asked to choose from."""
        seen = {line.region for line in self._lines if line.verified and not line.is_local}
        return tuple(sorted(seen - {FALLBACK_REGION}))

    def for_region(self, region: str | None, *, emergency_first: bool) -> tuple[Hotline, ...]:
        """Give the lines to show.

        Args:
            region: What the person said, such as "CN"; None or an unknown one gives the
                international fallback.
            emergency_first: Put emergency services before crisis lines (overdose, injury).

        Returns:
            Verified lines only. The international fallback has no verified row by nature (no
            number holds everywhere), so its rows are given as they are; their name says "your
            local emergency number" first.
        """
        wanted = (region or "").strip().upper()
        own = [x for x in self._lines if x.is_local and x.region.upper() in (wanted, "*")]
        public = [x for x in self._lines if not x.is_local]
        found = [x for x in public if x.verified and x.region.upper() == wanted]
        if not found or wanted == FALLBACK_REGION:
            found = [x for x in public if x.region == FALLBACK_REGION]
        first = "emergency" if emergency_first else "crisis"
        found = sorted([*own, *found], key=lambda line: line.kind != first)
        if not emergency_first:  # local contacts come before everything that can wait for them
            found.sort(key=lambda line: not line.is_local)
        return tuple(found)

    def numbers(self) -> frozenset[str]:
        """Give every verified number, digits only; what the model may say is checked on it."""
        return self._numbers


def digits(number: str) -> str:
    """Reduce a number to its digits, so that spacing and hyphens make no difference."""
    return "".join(c for c in number if c.isdecimal())


@cache
def _shipped() -> tuple[Hotline, ...]:
    text = resources.files(__package__).joinpath("hotlines.toml").read_text("utf-8")
    rows = tomllib.loads(text).get("line", [])
    return tuple(_line(f"hotlines.toml: line {i}", row) for i, row in enumerate(rows))


def _own(file: Path) -> list[Hotline]:
    try:
        rows = tomllib.loads(read_text(file)).get("line", [])
        changed = datetime.fromtimestamp(file.stat().st_mtime, UTC).date()
    except NotUtf8Error as error:
        raise HotlineError(str(error)) from error
    except (OSError, ValueError) as error:
        raise HotlineError(f"{file.name} cannot be read ({type(error).__name__})") from error
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
            raise HotlineError(f"{file.name}: line {index}: 'name' is missing")
        lines.append(replace(_line(f"{file.name}: line {index}", filled), is_local=True))
    return lines


def _line(place: str, row: dict[str, Any]) -> Hotline:
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
            hours=row["hours"],
            kind=kind,
            verified=bool(row["verified"]),
            read=date.fromisoformat(row["read"]),
            source=row["source"],
        )
    except KeyError as missing:
        raise HotlineError(f"{place}: {missing} is missing") from missing
