"""The measurement of screening on a folder of labelled messages: `pica safety evaluate FOLDER`.

A row of an unknown shape is an error that names its file and line, because skipping it in silence
would falsify every figure.

| Keys of a row | What counts as risk | Measured at |
|---|---|---|
| `text`, `labels` (PsySUICIDE) | every label but `unrelated` | level 2; four of them at 3 too |
| `text`, `label` (English) | three labels, against `no_crisis`; others are left out | level 2 |
| `text`, `risk` (SOS) | `high`, against `low` | level 3: it is a severity |
| `text`, `lang`, `risk` (other languages) | `risk`: true or false | level 3, for each language |
| `text`, `intent` | nothing: what is asked is read, and `none` asks nothing | – |
| `text` alone | nothing: every alarm is false | levels 2 and 3 |
| `asked`, `messages` | see `answers.py` | classes and levels |
| `turns` (dialogues) | unknown: users' turns with alarms are counted | levels 2, 3 and 4 |
"""

import json
import lzma
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from safety.evaluation.answers import ANSWERS, MESSAGES, answer_figures, message_figures
from safety.evaluation.metrics import INTENT, NO_REQUEST, JudgedText, LabelledRow, SourcePart
from safety.evaluation.replay import ReplayedText
from safety.evaluation.report import as_page, as_text
from safety.screening.levels import Level
from safety.screening.requests import ServiceRequest
from safety.screening.screener import Screener
from safety.text.utf8 import NotUtf8Error, text_lines

_CRISIS = frozenset({"suicidal_ideation", "self-harm", "violent_thoughts"})
_HARMLESS = frozenset({"unrelated", "no_crisis", "low"})
# Sources with this prefix are also summed up: real clients are the hardest rows.
CLIENTS = "client_"


class RowError(ValueError):
    """A row cannot be read. The message names its file, line and fault."""


_KINDS: Mapping[str, Level] = {
    "lang": Level.ACTIVE,
    "labels": Level.PASSIVE,
    "label": Level.PASSIVE,
    "risk": Level.ACTIVE,
    "turns": Level.ACTIVE,
    INTENT: Level.PASSIVE,
    "text": Level.PASSIVE,
}
# The shapes of rows that are not single labelled messages, and how to measure them.
_CONVERSATIONS = {ANSWERS: answer_figures, MESSAGES: message_figures}


def evaluate(folder: Path, screener: Screener) -> list[SourcePart]:
    """Screen every row of every `.jsonl` and `.jsonl.xz` file of a folder.

    Args:
        folder: The folder of the files. Its subfolders are not read.
        screener: The screener to measure.

    Returns:
        For each file the whole, then each source that its rows name.

    Raises:
        RowError: A row is not a JSON object of a known shape, or there is no file.
    """
    paths = [path for path in _paths(folder) if _conversation(path) is None]
    return [part for path in paths for part in _evaluate_file(path, screener)]


def evaluate_conversations(folder: Path, screener: Screener) -> list[str]:
    """Return the figures of a folder's files of answers and of messages that belong together.

    Raises:
        RowError: As `evaluate`.
    """
    lines: list[str] = []
    for path in _paths(folder):
        if (shape := _conversation(path)) is not None:
            rows = [row for _, row in _lines(path)]
            try:
                lines += [*_CONVERSATIONS[shape](path.name, rows, screener), ""]
            except (KeyError, TypeError) as fault:
                raise RowError(f"{path.name}: a row has no valid {fault}") from fault
    return lines


def _conversation(path: Path) -> str | None:
    """Return the shape of a file by its first row, or None for single messages."""
    first: dict[str, Any] = next((row for _, row in _lines(path)), {})
    return next((shape for shape in _CONVERSATIONS if shape in first), None)


def messages(folder: Path) -> Iterator[ReplayedText]:
    """Yield every text of a folder's files for a replay, in the order of files and lines.

    The source of a message is its file and the source that its row names. Users' turns and rows
    whose label is left out count as unlabelled. So do rows of `low` severity, because a low risk
    is still a risk.

    Raises:
        RowError: As `evaluate`, during the iteration.
    """
    for path in _paths(folder):
        if _conversation(path) is not None:
            continue  # what it says is read with its question or its neighbours
        for place, data in _lines(path):
            kind = _kind(place, data)
            named = _sources(data.get("lang" if kind == "lang" else "source"))[-1]
            source = f"{path.name} / {named}" if named else path.name
            for text, labels in _texts(place, kind, data):
                yield ReplayedText(text, source, _is_risk(kind, labels))


def _is_risk(kind: str, labels: frozenset[str] | None) -> bool | None:
    if labels is None or kind in ("turns", INTENT) or (kind == "risk" and not labels):
        return None
    return bool(labels)


def _paths(folder: Path) -> list[Path]:
    paths = sorted(p for p in folder.iterdir() if p.name.endswith((".jsonl", ".jsonl.xz")))
    if not paths:
        raise RowError(f"{folder}: the folder has no .jsonl or .jsonl.xz file")
    return paths


def _evaluate_file(path: Path, screener: Screener) -> list[SourcePart]:
    parts: dict[str, SourcePart] = {}
    for place, data in _lines(path):
        kind = _kind(place, data)
        for text, labels in _texts(place, kind, data):
            sources = _sources(data.get("lang" if kind == "lang" else "source"))
            for source in sources:
                part = parts.setdefault(source, SourcePart(path.name, source, kind, _KINDS[kind]))
                if part.kind != kind:
                    raise RowError(f"{place}: {kind!r} among {part.kind!r} rows; split the file")
                if labels is None:
                    part.left_out += 1
            if labels is not None:
                screening = screener.screen(text)
                rules = tuple(dict.fromkeys(m.rule for m in screening.matches if m.level >= 2))
                judged = JudgedText(text, LabelledRow(labels, screening.level), rules)
                for source in sources:
                    parts[source].rows.append(judged)
    return [parts[source] for source in sorted(parts)]


def _sources(named: object) -> tuple[str, ...]:
    """Return the sources to count a row under. The whole file is the one without a name."""
    if not isinstance(named, str) or not named:
        return ("",)
    clients = (f"{CLIENTS}*",) if named.startswith(CLIENTS) else ()
    return ("", *clients, named)


def _lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with _opened(path) as lines:
        try:
            for number, line in enumerate(text_lines(lines, path.name), start=1):
                if not line.strip():
                    continue
                place = f"{path.name}:{number}"
                try:
                    data = json.loads(line)
                except json.JSONDecodeError as fault:
                    raise RowError(f"{place}: not valid JSON: {fault.msg}") from fault
                if not isinstance(data, dict):
                    raise RowError(f"{place}: not a JSON object")
                yield place, data
        except NotUtf8Error as fault:
            raise RowError(str(fault)) from fault
        except (lzma.LZMAError, EOFError) as fault:
            raise RowError(f"{path.name}: cannot be read: {fault}") from fault


def _opened(path: Path) -> IO[bytes]:
    return lzma.open(path) if path.suffix == ".xz" else path.open("rb")


def _kind(place: str, data: dict[str, Any]) -> str:
    kind = next((k for k in _KINDS if k in data), None)
    if kind is None:
        raise RowError(f"{place}: needs one of the keys {', '.join(_KINDS)}")
    return kind


def _texts(
    place: str, kind: str, data: dict[str, Any]
) -> Iterator[tuple[str, frozenset[str] | None]]:
    """Yield each text of a row with its risk labels, or None if the row is left out."""
    if kind == "turns":
        for turn in data["turns"] if isinstance(data["turns"], list) else [None]:
            if not isinstance(turn, dict) or not isinstance(turn.get("content"), str):
                raise RowError(f"{place}: a turn has no content")
            if turn.get("role") == "user":
                yield turn["content"], frozenset()
        return
    if not isinstance(data.get("text"), str):
        raise RowError(f"{place}: text is missing or not a string")
    given = data.get("risk" if kind == "lang" else kind)
    yield data["text"], _risks(place, kind, given)


def _risks(place: str, kind: str, given: object) -> frozenset[str] | None:
    if kind == "text":
        return frozenset()
    if kind == "lang":
        if not isinstance(given, bool):
            raise RowError(f"{place}: risk must be true or false beside lang")
        return frozenset({"risk"}) if given else frozenset()
    named = given if isinstance(given, list) else [given]
    if not named or not all(isinstance(label, str) and label for label in named):
        raise RowError(f"{place}: {kind} must be a label or a list of labels")
    labels = frozenset(str(label) for label in named)
    if kind == INTENT and not labels <= {NO_REQUEST, *ServiceRequest}:
        raise RowError(
            f"{place}: intent must be one of {', '.join(ServiceRequest)} or {NO_REQUEST}"
        )
    if kind == "label" and not labels <= _CRISIS | _HARMLESS:
        return None
    if kind == "risk" and not labels <= {"high", "low"}:
        raise RowError(f"{place}: risk must be high or low")
    return labels - _HARMLESS


def main(folder: Path, misses: Path | None = None) -> int:
    """Print the figures of a folder, and write a page of its misses.

    Args:
        folder: The folder of the labelled files.
        misses: The path of the page, or None. It contains the messages: keep it private.

    Returns:
        The exit status: 0, or 2 with the fault on the error stream.
    """
    screener = Screener.load()
    try:
        parts = evaluate(folder, screener)
        conversations = evaluate_conversations(folder, screener)
    except (RowError, OSError) as fault:
        sys.stderr.write(f"{fault}\n")
        return 2
    sys.stdout.write(as_text(parts, screener.version))
    sys.stdout.writelines(f"{line}\n" for line in conversations)
    if misses is not None:
        misses.write_text(as_page(parts, screener.version), "utf-8")
    return 0
