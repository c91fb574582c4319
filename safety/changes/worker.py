"""The work on a changed lexicon that `review/lexicon/worker.py` runs in a separate process.

Building a screener takes seconds from every thread, and parsing a hostile change may take for
ever. A process can run at the lowest priority and be killed.
"""

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import chain
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import ClassVar

from safety.changes import change as lexicon_change
from safety.changes.change import Change, apply, parse_change
from safety.evaluation.evaluate import messages
from safety.evaluation.examples import shipped_examples
from safety.evaluation.replay import ReplayedText
from safety.evaluation.replay import replay as screen_twice
from safety.screening.lexicon import Lexicon, load_lexicon
from safety.screening.outcome import Screening
from safety.screening.screener import Screener
from safety.screening.second_stage import SecondStage

# The source of the messages that `take` receives.
STORED = "stored talks"
_LOWEST_PRIORITY = 19
_REPORTS_EVERY_S = 0.2


class _Process:
    """The state of this process: its reports and the stored messages."""

    reports: "ClassVar[SimpleQueue[tuple[int, int]]]"
    reported_at: ClassVar[float] = 0.0
    texts: ClassVar[list[str]] = []


def begin(reports: "SimpleQueue[tuple[int, int]]") -> None:
    """Prepare the process: lowest priority, no settings of the service, no Ctrl-C."""
    os.nice(_LOWEST_PRIORITY)
    for name in [name for name in os.environ if name.startswith("PICA_")]:
        del os.environ[name]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _Process.reports = reports


def take(texts: Sequence[str]) -> None:
    """Receive a page of stored messages for the replay."""
    _Process.texts.extend(texts)


def check(live: Sequence[str], text: str) -> dict[str, int]:
    """Parse a change and count its entries.

    Args:
        live: the texts of the changes in use, in order.
        text: the change.
    """
    lexicon, _ = _in_use(live)
    change = parse_change(text, lexicon)
    return {
        "add": len(change.add),
        "disable": len(change.disable),
        "relevel": len(change.relevel),
    }


def screen(live: Sequence[str], change: str, text: str) -> Screening:
    """Screen one text with the lexicon after a change."""
    lexicon, _ = _in_use(live)
    changed = apply(parse_change(change, lexicon), lexicon)
    return Screener(changed, SecondStage.load()).screen(text)


def replay(live: Sequence[str], text: str, folder: Path | None) -> dict[str, object]:
    """Screen all messages with the lexicon before and after a change."""
    lexicon, changes = _in_use(live)
    change = parse_change(text, lexicon)
    examples = list(shipped_examples(lexicon))
    folders = [folder] if folder else []
    # Reports malformed rows before the long part begins.
    total = len(examples) + sum(1 for path in folders for _ in messages(path))
    total += len(_Process.texts)
    _report(0, total)
    before = Screener(lexicon, SecondStage.load())
    after = before.with_lexicon(apply(change, lexicon))
    rows = chain(
        examples,
        chain.from_iterable(messages(path) for path in folders),
        (ReplayedText(text, STORED, None) for text in _Process.texts),
    )
    outcome = screen_twice(before, after, rows, lambda done: _report(done, total))
    broken = lexicon_change.check(after, [*changes, change])
    return {
        "counts": {**outcome.to_dict(), "broken": len(broken)},
        "broken": [asdict(example) for example in broken],
        "examples": {k: [m.to_dict() for m in moved] for k, moved in outcome.examples.items()},
    }


def _report(done: int, total: int) -> None:
    if time.monotonic() - _Process.reported_at > _REPORTS_EVERY_S:
        _Process.reported_at = time.monotonic()
        _Process.reports.put((done, total))


def _in_use(live: Sequence[str]) -> tuple[Lexicon, list[Change]]:
    """Parse the changes in use and apply them to the shipped lexicon."""
    lexicon, changes = load_lexicon(), []
    for text in live:
        changes.append(parse_change(text, lexicon))
        lexicon = apply(changes[-1], lexicon)
    return lexicon, changes
