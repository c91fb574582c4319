"""The measurement of answers to the scripts' questions, and of risk over several messages.

| Keys of a row | What is measured |
|---|---|
| `asked`, `text`, `answer`, `min_level` or `max_level` | the kind of the answer, and its level |
| `messages`, `min_level` or `max_level` | the level of messages that belong together |
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from safety.screening.answers import Answer
from safety.screening.levels import Level
from safety.screening.screener import Screener

# The keys by which a row is known. None of the other shapes has one.
ANSWERS, MESSAGES = "asked", "messages"


def answer_figures(name: str, rows: Iterable[Mapping[str, Any]], screener: Screener) -> list[str]:
    """Write the figures of a file of answers."""
    right = below = raised = harmless = missed = total = 0
    for row in rows:
        screening = screener.screen(row["text"], asked=row["asked"])
        total += 1
        right += screening.answer == row["answer"]
        is_below = screening.level < row.get("min_level", Level.NONE)
        below += is_below
        missed += is_below and (row["asked"], row["answer"]) == ("injured", Answer.YES)
        harmless += "max_level" in row
        raised += "max_level" in row and screening.level >= Level.ACTIVE
    return [
        f"{name}: {total} answers",
        f"  right class: {_share(right, total)}",
        f"  below their lowest level: {_share(below, total)}",
        f"  missed of injured: yes: {missed}",
        f"  harmless raised to level 3 or more: {_share(raised, harmless)}",
    ]


def message_figures(name: str, rows: Iterable[Mapping[str, Any]], screener: Screener) -> list[str]:
    """Write the figures of a file of messages that belong together."""
    missed = raised = total = 0
    for row in rows:
        level = _level(row["messages"], screener)
        total += 1
        missed += level < row.get("min_level", Level.NONE)
        raised += level > row.get("max_level", Level.IMMINENT)
    return [f"{name}: {total} talks, {missed} missed, {raised} raised too high"]


def _level(messages: Sequence[str], screener: Screener) -> Level:
    """Return the highest level of messages, each screened with those before it and all as one."""
    levels = [screener.screen(text, messages[:at]).level for at, text in enumerate(messages)]
    return max([*levels, screener.screen("\n".join(messages)).level])


def _share(found: int, total: int) -> str:
    return f"{found / total:.3f} ({found} of {total})" if total else "-"
