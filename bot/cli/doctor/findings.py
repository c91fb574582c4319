"""The findings of checks and their grades."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum


class Grade(StrEnum):
    """The severity of a finding."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `pica doctor`, which never holds a secret."""

    name: str
    grade: Grade
    what: str
    to_do: str = ""

    def to_dict(self) -> dict[str, str]:
        """Return plain values for JSON."""
        return asdict(self)


def good(name: str, what: str) -> Finding:
    """Return a finding that needs no action."""
    return Finding(name, Grade.GOOD, what)


def warning(name: str, what: str, to_do: str) -> Finding:
    """Return a finding that works but needs attention."""
    return Finding(name, Grade.WARNING, what, to_do)


def bad(name: str, what: str, to_do: str) -> Finding:
    """Return a finding that makes the service unreliable until it is fixed."""
    return Finding(name, Grade.BAD, what, to_do)


def summary(findings: Sequence[Finding]) -> str:
    """Return one line that says whether the service can run."""
    counts = Counter(finding.grade for finding in findings)
    told = [
        f"{counts[grade]} {word}{'s' if plural and counts[grade] != 1 else ''}"
        for grade, word, plural in (
            (Grade.BAD, "bad", False),
            (Grade.WARNING, "warning", True),
            (Grade.GOOD, "good", False),
        )
    ]
    verdict = "Not ready: correct what is bad." if counts[Grade.BAD] else "Ready to serve."
    return f"{verdict} ({', '.join(told)})"
