"""The counts of messages that a change moved, by their labels."""

from dataclasses import dataclass, field
from enum import StrEnum

from safety.response.policy import THRESHOLD
from safety.screening.levels import Level

# From `ALARM` on there is a response. From `GRAVE` on the model is silent.
ALARM, GRAVE = THRESHOLD, Level.ACTIVE


class LabelKind(StrEnum):
    """How a message moved. A message counts under at most one of them."""

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
    """The counts of some messages by their labels."""

    risk: int = 0
    harmless: int = 0
    unlabelled: int = 0

    @property
    def total(self) -> int:
        """The number of all messages."""
        return self.risk + self.harmless + self.unlabelled

    def add(self, is_risk: bool | None, number: int = 1) -> None:
        """Count one message, or several with one label."""
        if is_risk is None:
            self.unlabelled += number
        elif is_risk:
            self.risk += number
        else:
            self.harmless += number

    def to_dict(self) -> dict[str, int]:
        """Return plain values for JSON."""
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
        before, after: The alarms, that is messages from level 2 on.
        grave_before, grave_after: The messages from level 3 on.
        grave_gained, grave_lost: The messages that reached level 3 and that left it. Each may
            also count in `moved`.
        moved: The messages whose level changed, by kind.
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
        """Count one message and return how it moved."""
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
        """Return plain values for JSON."""
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
