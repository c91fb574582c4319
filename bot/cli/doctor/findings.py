"""What a check finds."""

from dataclasses import asdict, dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How grave a finding is."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `pica doctor`; holds no secret."""

    name: str
    grade: Grade
    what: str
    to_do: str = ""

    def to_dict(self) -> dict[str, str]:
        """Plain values for JSON."""
        return asdict(self)


def good(name: str, what: str) -> Finding:
    """Nothing to do."""
    return Finding(name, Grade.GOOD, what)


def warning(name: str, what: str, to_do: str) -> Finding:
    """It works, and something should be done."""
    return Finding(name, Grade.WARNING, what, to_do)


def bad(name: str, what: str, to_do: str) -> Finding:
    """The service cannot be relied upon until it is mended."""
    return Finding(name, Grade.BAD, what, to_do)
