"""How many messages a change moved, by what people said they are: plain counting.

Knows levels; no message, no screener and no change.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from safety.response.policy import THRESHOLD
from safety.screening.levels import Level

# From `ALARM` on something is done; from `GRAVE` on the model is silent.
ALARM, GRAVE = THRESHOLD, Level.ACTIVE


class LabelKind(StrEnum):
    """How a message moved. A message is counted under one of them, or under none."""

    # No alarm before, one after.
    GAINED = "gained"
    # An alarm before, none after.
    LOST = "lost"
    # A higher level, and an alarm both times or neither time.
    RAISED = "raised"
    # A lower level, and an alarm both times or neither time.
    LOWERED = "lowered"


@dataclass(slots=True)
class Labelled:
    """Some messages, by what people said they are."""

    risk: int = 0
    harmless: int = 0
    unlabelled: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.risk + self.harmless + self.unlabelled

    def add(self, is_risk: bool | None, number: int = 1) -> None:
        """Count one message, or several of a kind."""
        if is_risk is None:
            self.unlabelled += number
        elif is_risk:
            self.risk += number
        else:
            self.harmless += number

    def to_dict(self) -> dict[str, int]:
        """Give plain values for JSON."""
        return {
            "total": self.total,
            "risk": self.risk,
            "harmless": self.harmless,
            "unlabelled": self.unlabelled,
        }


@dataclass(slots=True)
class ReplayCounts:
    """The counts of one source, or of all.

    Attributes:
        before, after: Alarms, that is messages at level 2 and up.
        grave_before, grave_after: Messages at level 3 and up.
        grave_gained, grave_lost: Those that came to level 3 or more, and that left it; each
            is counted in `moved` too.
        moved: By kind.
    """

    messages: int = 0
    before: int = 0
    after: int = 0
    grave_before: int = 0
    grave_after: int = 0
    grave_gained: Labelled = field(default_factory=Labelled)
    grave_lost: Labelled = field(default_factory=Labelled)
    moved: dict[LabelKind, Labelled] = field(
        default_factory=lambda: {k: Labelled() for k in LabelKind}
    )

    def add(self, is_risk: bool | None, before: Level, after: Level) -> LabelKind | None:
        """Count one message, and say how it moved."""
        self.messages += 1
        self.before += before >= ALARM
        self.after += after >= ALARM
        self.grave_before += before >= GRAVE
        self.grave_after += after >= GRAVE
        if before < GRAVE <= after:
            self.grave_gained.add(is_risk)
        if after < GRAVE <= before:
            self.grave_lost.add(is_risk)
        kind = _kind(before, after)
        if kind:
            self.moved[kind].add(is_risk)
        return kind

    def to_dict(self) -> dict[str, object]:
        """Give plain values for JSON."""
        return {
            "messages": self.messages,
            "before": self.before,
            "after": self.after,
            **{kind.value: moved.to_dict() for kind, moved in self.moved.items()},
            "grave": {
                "before": self.grave_before,
                "after": self.grave_after,
                "gained": self.grave_gained.to_dict(),
                "lost": self.grave_lost.to_dict(),
            },
        }


def _kind(before: Level, after: Level) -> LabelKind | None:
    if before == after:
        return None
    if (before >= ALARM) == (after >= ALARM):
        return LabelKind.RAISED if after > before else LabelKind.LOWERED
    return LabelKind.GAINED if after >= ALARM else LabelKind.LOST
