"""Work on a changed lexicon in a process of its own: a job comes in, its outcome goes out.

Building a screener and screening thousands of messages takes every other thread of Python its
turn, and nobody can say how long a hostile change takes to read. A process can be given the least
priority, and ended. Standard input brings a line of JSON with the job, then a line for each stored
message; standard output takes lines of progress, and the outcome or the fault as the last one.

Knows nothing of who asks, of storage or of what is done with an outcome.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from safety.change import Change, apply, check, parse_change
from safety.entries import Lexicon, LexiconError, load_lexicon
from safety.evaluate import RowError, messages
from safety.examples import shipped_examples
from safety.replay import Message, replay
from safety.screen import Screener
from safety.second_stage import SecondStage

STORED = "stored talks"
"""The source of the messages that standard input brings."""
_LOWEST_PRIORITY = 19
_TELLS_EVERY_S = 0.2

Job = Mapping[str, Any]
"""`do`, `live` (the texts of the changes in use, in their order), `change`, and more by `do`."""


def main(lines: Iterable[str], out: TextIO) -> None:
    """Do the one job that the first line asks for."""
    rest = iter(lines)
    job = json.loads(next(rest))
    tell = _Teller(out)
    try:
        outcome = _JOBS[job["do"]](job, rest, tell.progress)
    except (LexiconError, RowError, OSError) as fault:
        tell.line({"fault": str(fault)})
    else:
        tell.line({"outcome": outcome})


class _Teller:
    """Writes lines; of progress only some."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._told_at = 0.0

    def line(self, values: Mapping[str, object]) -> None:
        self._out.write(json.dumps(values) + "\n")
        self._out.flush()

    def progress(self, done: int, total: int) -> None:
        if time.monotonic() - self._told_at > _TELLS_EVERY_S:
            self._told_at = time.monotonic()
            self.line({"done": done, "total": total})


_Tell = Callable[[int, int], None]


def _check(job: Job, _lines: Iterator[str], _tell: _Tell) -> dict[str, object]:
    """Whether a change can be read, and how much it changes."""
    lexicon, _ = _in_use(job)
    change = parse_change(job["change"], lexicon)
    return {
        "why": change.why,
        "add": len(change.add),
        "disable": len(change.disable),
        "relevel": len(change.relevel),
    }


def _screen(job: Job, _lines: Iterator[str], _tell: _Tell) -> dict[str, object]:
    """One text, with the lexicon as a change would make it."""
    lexicon, _ = _in_use(job)
    changed = apply(parse_change(job["change"], lexicon), lexicon)
    return asdict(Screener(changed, SecondStage.load()).screen(job["text"]))


def _replay(job: Job, lines: Iterator[str], tell: _Tell) -> dict[str, object]:
    """All messages, with the lexicon in use and as a change would make it."""
    lexicon, changes = _in_use(job)
    change = parse_change(job["change"], lexicon)
    examples = list(shipped_examples(lexicon))
    folder = [Path(job["folder"])] if job["folder"] else []
    # Malformed rows are named before the long part begins.
    total = len(examples) + sum(1 for each in folder for _ in messages(each)) + job["stored"]
    tell(0, total)
    before = Screener(lexicon, SecondStage.load())
    after = before.with_lexicon(apply(change, lexicon))
    rows = chain(
        examples,
        chain.from_iterable(messages(each) for each in folder),
        (Message(json.loads(line), STORED, None) for line in lines),
    )
    done = replay(before, after, rows, lambda number: tell(number, total))
    broken = check(after, [*changes, change])
    return {
        "counts": {**done.to_dict(), "broken": len(broken)},
        "broken": [asdict(each) for each in broken],
        "examples": {k: [m.to_dict() for m in moved] for k, moved in done.examples.items()},
    }


_JOBS: Mapping[str, Callable[[Job, Iterator[str], _Tell], dict[str, object]]] = {
    "check": _check,
    "screen": _screen,
    "replay": _replay,
}


def _in_use(job: Job) -> tuple[Lexicon, list[Change]]:
    """The lexicon that ships with the changes in use, and these."""
    lexicon, changes = load_lexicon(), []
    for body in job["live"]:
        changes.append(parse_change(body, lexicon))
        lexicon = apply(changes[-1], lexicon)
    return lexicon, changes


if __name__ == "__main__":
    os.nice(_LOWEST_PRIORITY)
    main(sys.stdin, sys.stdout)
