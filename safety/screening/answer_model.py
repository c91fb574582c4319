"""A small linear model that tells what a longer answer means, in the light of its question.

It reads runs of words and of their classes, each by itself, with the question and with the
question's subject. `benchmarks/train_answers.py` trains it and writes `answer_model.json`.
"""

import base64
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from math import exp, sqrt

from safety.screening.answer_words import meanings, plain, words

# The byte of a weight of nothing.
ZERO = 128
# The longest run of words, of words with their question, and of letters of Latin words.
_LONGEST_RUN, _LONGEST_ASKED, _LONGEST_LETTERS = 3, 2, 4
_LETTERS_READ = 120


def features(surface: str, question: str, subject: str, buckets: int) -> set[int]:
    """Return the hashed features of an answer."""
    of_subject = zlib.crc32(subject.encode())
    of_question = zlib.crc32(f"|{question}".encode())
    found = {of_question % buckets}
    for run, length in dict(_runs(surface)).items():
        number = zlib.crc32(run.encode("utf-8", "replace"))
        found.add(_mixed(number) % buckets)
        if length:
            found.add(_mixed(number ^ of_subject) % buckets)
        if 0 < length <= _LONGEST_ASKED:
            found.add(_mixed(number ^ of_question) % buckets)
    return found


def _mixed(number: int) -> int:
    """Spread a checksum, so that runs that meet under one seed part under another."""
    return (number * 0x9E3779B1 & 0xFFFFFFFF) >> 12


def _runs(surface: str) -> Iterator[tuple[str, int]]:
    """Yield each run with its length in words, or 0 for letters alone."""
    said = words(surface)
    yield f"length {min(6, len(said) // 3)}", 1
    yield f"words {min(4, len(said))}", 1
    meant = meanings(surface)
    yield from _joined("w", said, range(1, _LONGEST_RUN + 1))
    yield from _joined("k", meant, range(1, _LONGEST_RUN + 1))
    yield from _joined("o", [word for word in meant if word[0] == "<"], range(2, 4))
    letters = f"^{plain(surface)[:_LETTERS_READ]}$"
    for size in range(3, _LONGEST_LETTERS + 1):
        for at in range(len(letters) - size + 1):
            run = letters[at : at + size]
            if any("a" <= letter <= "z" for letter in run):
                yield f"c{run}", 0


def _joined(kind: str, said: Sequence[str], sizes: Iterable[int]) -> Iterator[tuple[str, int]]:
    line = ["^", *said, "$"]
    for size in sizes:
        for at in range(len(line) - size + 1):
            yield kind + "_".join(line[at : at + size]), size


@dataclass(frozen=True, slots=True)
class AnswerModel:
    """The weights of each kind of answer."""

    kinds: tuple[str, ...]
    biases: tuple[float, ...]
    weights: tuple[bytes, ...]
    scale: float
    version: str

    @classmethod
    def load(cls) -> "AnswerModel":
        """Load the model that ships with the package.

        Raises:
            OSError, ValueError, KeyError: The file is missing or damaged.
        """
        text = resources.files(__package__).joinpath("answer_model.json").read_text("utf-8")
        data = json.loads(text)
        weights = tuple(zlib.decompress(base64.b64decode(row)) for row in data["weights"])
        return cls(
            tuple(data["kinds"]), tuple(data["biases"]), weights, data["scale"], data["version"]
        )

    def shares(self, surface: str, question: str, subject: str) -> dict[str, float]:
        """Return the probability of each kind of answer."""
        indices = features(surface, question, subject, len(self.weights[0]))
        factor = self.scale / sqrt(len(indices))
        scores = [
            bias + factor * (sum(map(row.__getitem__, indices)) - ZERO * len(indices))
            for bias, row in zip(self.biases, self.weights, strict=True)
        ]
        powers = [exp(score - max(scores)) for score in scores]
        return {kind: p / sum(powers) for kind, p in zip(self.kinds, powers, strict=True)}
