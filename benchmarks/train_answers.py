"""Train the model of answers, and print the table that says whether it pays.

    python benchmarks/train_answers.py [--write]

The data ships with the project: `benchmarks/data/*.txt` and the development rows of
`tests/data/safety/answers-dev.jsonl`, both CC0. The same data gives the same file, byte for byte.
"""

import argparse
import base64
import hashlib
import json
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from safety.screening.answer_model import ZERO, features
from safety.screening.answer_words import plain
from safety.screening.answers import Answer, all_questions, answer_rules
from safety.text.normalise import normalise

ROOT = Path(__file__).parents[1]
OWN = ROOT / "benchmarks" / "data" / "answers.txt"
ORDINARY = ROOT / "benchmarks" / "data" / "ordinary.txt"
DEVELOPMENT = ROOT / "tests" / "data" / "safety" / "answers-dev.jsonl"
FRESH = ROOT / "tests" / "data" / "safety" / "answers-fresh.jsonl"
OUTPUT = ROOT / "safety" / "screening" / "answer_model.json"
KINDS = [kind.value for kind in Answer]
BUCKETS = 1 << 16
STEPS_OF_WEIGHT = 7  # on each side of nothing: more make the file larger and nothing better
STEPS, RATE = 25, 0.3
FOLDS = 5
ORDINARY_ONE_IN = 3  # of the ordinary sentences are learnt, each for one question
# What an ordinary sentence gains too much from being the most frequent kind.
CAUTION = 1.5
SPREAD = 4  # an answer to any question is learnt for one question in so many
ALIKE = 0.6  # the share of common pairs of letters from which two answers are near duplicates

# A question, a folded answer and its kind.
Row = tuple[str, str, str]
Sparse = tuple[Any, Any, Any]


def own_rows() -> Iterator[Row]:
    questions = sorted(all_questions())
    question = ""
    for line in OWN.read_text("utf-8").splitlines():
        if line.startswith("["):
            question = line.strip("[]")
        elif line and not line.startswith("#"):
            kind, _, texts = line.partition(": ")
            for text in texts.split(" / "):
                for name in questions if question == "any" else [question]:
                    if question == name or zlib.crc32((text + name).encode()) % SPREAD == 0:
                        yield name, normalise(text).surface, kind


def ordinary_rows() -> list[Row]:
    """Return sentences that answer nothing, so that a yes is never the reading of the unknown."""
    questions = sorted(all_questions())
    lines = [x for x in ORDINARY.read_text("utf-8").splitlines() if not x.startswith("#")]
    return [
        (questions[zlib.crc32(line.encode()) % len(questions)], normalise(line).surface, "other")
        for line in lines[::ORDINARY_ONE_IN]
    ]


def labelled_rows(path: Path) -> list[Row]:
    rows = map(json.loads, path.read_text("utf-8").splitlines())
    return [(row["asked"], normalise(row["text"]).surface, row["answer"]) for row in rows]


def matrix(rows: Sequence[Row]) -> Sparse:
    columns: list[int] = []
    starts, values = [0], []
    for question, surface, _ in rows:
        found = sorted(features(surface, question, all_questions()[question].subject, BUCKETS))
        columns += found
        values += [1 / len(found) ** 0.5] * len(found)
        starts.append(len(columns))
    return np.array(columns), np.array(starts), np.array(values)


def fit(rows: Sequence[Row]) -> tuple[Any, Any]:
    """Fit weights and biases by a few full steps, which stop before rare runs are overweighted."""
    columns, starts, values = matrix(rows)
    target = np.eye(len(KINDS))[[KINDS.index(kind) for _, _, kind in rows]]
    rowid = np.repeat(np.arange(len(rows)), np.diff(starts))
    used, place = np.unique(columns, return_inverse=True)
    order = np.argsort(place, kind="stable")
    bounds = np.searchsorted(place[order], np.arange(len(used)))
    weights, biases = np.zeros((len(used), len(KINDS))), np.zeros(len(KINDS))
    moments = [[np.zeros_like(p), np.zeros_like(p)] for p in (weights, biases)]
    for step in range(1, STEPS + 1):
        scores = np.add.reduceat(values[:, None] * weights[place], starts[:-1], axis=0) + biases
        powers = np.exp(scores - scores.max(1, keepdims=True))
        slope = (powers / powers.sum(1, keepdims=True) - target) / len(rows)
        terms = (values[:, None] * slope[rowid])[order]
        slopes = (np.add.reduceat(terms, bounds, axis=0), slope.sum(0))
        for value, g, (mean, square) in zip((weights, biases), slopes, moments, strict=True):
            mean[...] = 0.9 * mean + 0.1 * g
            square[...] = 0.99 * square + 0.01 * g * g
            spread = np.sqrt(square / (1 - 0.99**step)) + 1e-8
            value[...] -= RATE * (mean / (1 - 0.9**step)) / spread
    whole = np.zeros((BUCKETS, len(KINDS)))
    whole[used] = weights
    biases[KINDS.index("other")] -= CAUTION
    return whole, biases


def kinds(model: tuple[Any, Any], rows: Sequence[Row]) -> list[str]:
    columns, starts, values = matrix(rows)
    scores = np.add.reduceat(values[:, None] * model[0][columns], starts[:-1], axis=0) + model[1]
    return [KINDS[index] for index in scores.argmax(1)]


def by_rule(row: Row) -> str | None:
    question, surface, _ = row
    said = plain(surface)
    return next((rule.answer.value for rule in answer_rules() if rule.reads(said, question)), None)


def pairs(surface: str) -> frozenset[str]:
    letters = "".join(filter(str.isalnum, surface))
    return frozenset(letters[at : at + 2] for at in range(len(letters) - 1)) or frozenset([letters])


def is_alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) > ALIKE * len(one | other)


def folds(rows: Sequence[Row]) -> list[int]:
    """Give near duplicates among the answers to one question the same fold."""
    found: list[int] = []
    seen: dict[str, list[tuple[frozenset[str], int]]] = defaultdict(list)
    for question, surface, _ in rows:
        mine = pairs(surface)
        fold = next((f for other, f in seen[question] if is_alike(mine, other)), None)
        fold = zlib.crc32(surface.encode()) % FOLDS if fold is None else fold
        seen[question].append((mine, fold))
        found.append(fold)
    return found


def without(rows: Sequence[Row], held_out: Sequence[Row]) -> list[Row]:
    """Return the rows that are no near duplicate of one held out."""
    theirs = defaultdict(list)
    for question, surface, _ in held_out:
        theirs[question].append(pairs(surface))
    return [row for row in rows if not any(is_alike(pairs(row[1]), o) for o in theirs[row[0]])]


def table(own: list[Row], development: list[Row]) -> None:
    """Print the share of development answers read right, each by a model that never saw it."""
    fold = folds(development)
    parts: dict[str, list[tuple[bool, bool, bool]]] = defaultdict(list)
    for number in range(FOLDS):
        tested = [row for row, f in zip(development, fold, strict=True) if f == number]
        others = [row for row, f in zip(development, fold, strict=True) if f != number]
        model = fit(without(own, tested) + others)
        for row, kind in zip(tested, kinds(model, tested), strict=True):
            ruled = by_rule(row)
            right = (ruled or "other") == row[2], kind == row[2], (ruled or kind) == row[2]
            parts[row[0]].append(right)
            parts["all"].append(right)
    print("| Answers to | Rows | Rules alone | Model alone | Both |\n|---|---|---|---|---|")
    for name, found in parts.items():
        shares = " | ".join(f"{np.mean(column):.3f}" for column in zip(*found, strict=True))
        print(f"| {name} | {len(found)} | {shares} |")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write(model: tuple[Any, Any]) -> None:
    weights, biases = model
    most = STEPS_OF_WEIGHT
    scale = float(np.percentile(abs(weights), 99.9)) / most
    whole = np.clip(np.round(weights / scale), -most, most).astype(int) + ZERO
    content = {
        "version": "a1",
        "what": "the kind of an answer to a question of the reviewed scripts",
        "made_by": "benchmarks/train_answers.py",
        "data": [
            {
                "name": path.name,
                "licence": "CC0",
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
            for path in (OWN, ORDINARY, DEVELOPMENT)
        ],
        "kinds": KINDS,
        "biases": [round(float(bias), 4) for bias in biases],
        "scale": round(scale, 6),
        "weights": [
            base64.b64encode(zlib.compress(whole[:, k].astype(np.uint8).tobytes(), 9)).decode()
            for k in range(len(KINDS))
        ],
    }
    OUTPUT.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(f"wrote {OUTPUT.name}, {OUTPUT.stat().st_size} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="replace answer_model.json")
    given = parser.parse_args()
    own, development = [*own_rows(), *ordinary_rows()], labelled_rows(DEVELOPMENT)
    if given.write:
        write(fit(own + development))
        return
    table(own, development)
    fresh = labelled_rows(FRESH)
    found = kinds(fit(without(own, fresh) + development), fresh)
    right = [(by_rule(row) or kind) == row[2] for row, kind in zip(fresh, found, strict=True)]
    print(f"fresh answers: {np.mean(right):.3f} of {len(right)}")


if __name__ == "__main__":
    main()
