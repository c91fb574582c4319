"""The figures of an evaluation as text, and its misses as a page to read."""

from collections.abc import Iterable, Sequence

from safety.evaluation.metrics import (
    INTENT,
    NO_REQUEST,
    JudgedText,
    SourcePart,
    alarms_per_1000,
    count,
    interval,
    recall_per_label,
)
from safety.screening.levels import Level
from safety.screening.requests import ServiceRequest, read_request

# Rows with these labels are also measured at level 3, all together.
GRAVE = frozenset({"suicide_attempt", "suicide_preparation", "suicide_plan", "active_ideation"})


def as_text(parts: Iterable[SourcePart], version: str) -> str:
    """Write the figures, one block per part."""
    lines = [f"lexicon {version}", "brackets: 95% Wilson interval", ""]
    for part in parts:
        lines += [*_block(part), ""]
    return "\n".join(lines)


def _block(part: SourcePart) -> list[str]:
    name = f"{part.file} / {part.source}" if part.source else part.file
    rows = [judged.row for judged in part.rows]
    left = f", {part.left_out} left out" if part.left_out else ""
    lines = [f"{name}: {len(rows)} rows{left}"]
    if part.kind == INTENT:
        return [*lines, *_requests(part)]
    levels = [row.level for row in rows]
    if part.kind == "lang":
        cells = count(rows, part.at)
        risks, harmless = cells.hits + cells.misses, cells.false_alarms + cells.rejections
        return [f"{name}: found {cells.hits} of {risks}, false {cells.false_alarms} of {harmless}"]
    if part.kind in ("text", "turns"):
        for at in (Level.PASSIVE, Level.ACTIVE, Level.IMMINENT):
            found = sum(level >= at for level in levels)
            low, high = interval(found, len(levels))
            lines.append(
                f"  level >= {int(at)}: {alarms_per_1000(levels, at):.1f} alarms per 1,000"
                f" [{1000 * low:.1f}-{1000 * high:.1f}]"
            )
        return lines
    counts = count(rows, part.at)
    harmless = counts.false_alarms + counts.rejections
    low, high = interval(counts.false_alarms, harmless)
    lines.append(
        f"  any risk at level >= {int(part.at)}: F1 {counts.f1:.3f},"
        f" precision {_share(counts.hits, counts.hits + counts.false_alarms)},"
        f" recall {_share(counts.hits, counts.hits + counts.misses)}"
    )
    lines.append(
        f"  false alarms: {counts.alarms_per_1000:.1f} per 1,000 of {harmless}"
        f" [{1000 * low:.1f}-{1000 * high:.1f}]"
    )
    lines += _recalls(part)
    return lines


def _requests(part: SourcePart) -> list[str]:
    """Write how many requests of each kind are read as such, and how many of none are."""
    lines = []
    for kind in (*ServiceRequest, NO_REQUEST):
        asked = [judged for judged in part.rows if kind in judged.row.labels]
        right = sum(_read_as(judged) == kind for judged in asked)
        if kind == NO_REQUEST:
            lines.append(f"  none read as a request: {_share(len(asked) - right, len(asked))}")
        elif asked:
            lines.append(f"  {kind}: {_share(right, len(asked))} ({right} of {len(asked)})")
    return lines


def _read_as(judged: JudgedText) -> str:
    return read_request(judged.text) or NO_REQUEST


def _recalls(part: SourcePart) -> list[str]:
    rows = [judged.row for judged in part.rows]
    lines = [
        f"  {label}: recall {_share(found, total)} ({found} of {total})"
        for label, (found, total) in recall_per_label(rows, part.at).items()
    ]
    grave = [row for row in rows if row.labels & GRAVE]
    for at in (Level.PASSIVE, Level.ACTIVE) if grave else ():
        found = sum(row.level >= at for row in grave)
        lines.append(
            f"  attempt, preparation, plan, active ideation at level >= {int(at)}:"
            f" recall {_share(found, len(grave))} ({found} of {len(grave)})"
        )
    return lines


def _share(found: int, total: int) -> str:
    if not total:
        return "-"
    low, high = interval(found, total)
    return f"{found / total:.3f} [{low:.2f}-{high:.2f}]"


def as_page(parts: Sequence[SourcePart], version: str) -> str:
    """Write the misses and the false alarms as Markdown."""
    lines = [f"# Misses and false alarms, lexicon {version}", ""]
    for part in parts:
        if part.source or part.kind == "turns":
            continue  # the whole file includes its sources; dialogues have no labels
        if part.kind == INTENT:
            unread = [j for j in part.rows if _read_as(j) not in j.row.labels]
            lines += [f"## {part.file}: {len(unread)} read as something else", ""]
            lines += [_line(j, f"{min(j.row.labels)}, read as {_read_as(j)}") for j in unread]
            lines.append("")
            continue
        missed = [j for j in part.rows if j.row.labels and j.row.level < part.at]
        wrong = [j for j in part.rows if not j.row.labels and j.row.level >= part.at]
        lines += [f"## {part.file}: {len(missed)} missed, {len(wrong)} false alarms", ""]
        lines += [_line(j, ", ".join(sorted(j.row.labels))) for j in missed]
        lines += ["", "False alarms:", ""] if wrong else []
        lines += [_line(j, ", ".join(j.rules)) for j in wrong]
        lines.append("")
    return "\n".join(lines)


def _line(judged: JudgedText, why: str) -> str:
    text = " ".join(judged.text.split())
    return f"- level {int(judged.row.level)} ({why}): {text}"
