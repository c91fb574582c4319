"""The counts, shares and intervals of screening on labelled rows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import sqrt

from safety.screening.levels import Level

# The shape of rows that say what a text asks the service, and the value of those that ask nothing.
INTENT = "intent"
NO_REQUEST = "none"


@dataclass(frozen=True, slots=True)
class LabelledRow:
    """One labelled text after screening.

    Attributes:
        labels: The labels that people gave. The empty set means no risk.
        level: The level that screening gave.
    """

    labels: frozenset[str]
    level: Level


@dataclass(frozen=True, slots=True)
class JudgedText:
    """A row with its text, for counting and for the page of misses."""

    text: str
    row: LabelledRow
    rules: tuple[str, ...]


@dataclass(slots=True)
class SourcePart:
    """The rows of one file, or of one source in it.

    Attributes:
        kind: The shape of its rows: `lang`, `labels`, `label`, `risk`, `intent`, `text` or
            `turns`.
        at: The level from which a row counts as an alarm.
        left_out: How many rows have a label that is neither risk nor harmless.
    """

    file: str
    source: str
    kind: str
    at: Level
    rows: list[JudgedText] = field(default_factory=list)
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class ConfusionCounts:
    """The two-by-two table of alarms and risks."""

    hits: int
    false_alarms: int
    misses: int
    rejections: int

    @property
    def precision(self) -> float:
        """The share of alarms that were right."""
        return _share(self.hits, self.hits + self.false_alarms)

    @property
    def recall(self) -> float:
        """The share of risks that were found."""
        return _share(self.hits, self.hits + self.misses)

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return _share(2 * self.hits, 2 * self.hits + self.false_alarms + self.misses)

    @property
    def alarms_per_1000(self) -> float:
        """The false alarms per thousand texts without risk."""
        return 1000 * _share(self.false_alarms, self.false_alarms + self.rejections)


def count(rows: Iterable[LabelledRow], at: Level = Level.PASSIVE) -> ConfusionCounts:
    """Count alarms at a level against rows with any label."""
    cells = [0, 0, 0, 0]
    for row in rows:
        alarmed = row.level >= at
        if row.labels:
            cells[0 if alarmed else 2] += 1
        else:
            cells[1 if alarmed else 3] += 1
    return ConfusionCounts(*cells)


def recall_per_label(
    rows: Iterable[LabelledRow], at: Level = Level.PASSIVE
) -> Mapping[str, tuple[int, int]]:
    """Count the rows found and all rows, for each label."""
    found: dict[str, list[int]] = {}
    for row in rows:
        for label in row.labels:
            cell = found.setdefault(label, [0, 0])
            cell[0] += row.level >= at
            cell[1] += 1
    return {label: (cell[0], cell[1]) for label, cell in sorted(found.items())}


def alarms_per_1000(levels: Iterable[Level], at: Level) -> float:
    """Return the alarms per thousand unlabelled texts."""
    given = list(levels)
    return 1000 * _share(sum(level >= at for level in given), len(given))


def interval(found: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """Return Wilson's 95% interval of a share."""
    if total == 0:
        return 0.0, 1.0
    share, spread = found / total, z * z / total
    centre = share + spread / 2
    reach = z * sqrt(share * (1 - share) / total + spread / (4 * total))
    return max(0.0, (centre - reach) / (1 + spread)), min(1.0, (centre + reach) / (1 + spread))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
