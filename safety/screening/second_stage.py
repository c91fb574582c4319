"""A small linear model that may raise the writer's own suicide risk from level 2 to 3.

Knows letters and their neighbours in Chinese, no words, no person and no other message. It can
lower nothing, and it is asked only where the rules found an unlowered risk of suicide at level
2: there it tells an intent that is put in other words from a passing wish. Trained by
`benchmarks/train_second_stage.py`, which writes `second_stage.json` with its provenance.
"""

import base64
import json
import zlib
from dataclasses import dataclass
from importlib import resources
from math import sqrt

# Features are runs of one to three characters.
LONGEST = 3
_MOST_READ = 400  # characters: a longer text says its risk near its beginning or to the rules


def features(surface: str, buckets: int) -> set[int]:
    """Give the hashed n-grams of a folded text.

    Args:
        surface: Folded text; blanks and punctuation are passed over.
        buckets: How many features there are.
    """
    letters = "".join(c for c in surface[:_MOST_READ] if c.isalnum())
    return {
        zlib.crc32(letters[at : at + size].encode("utf-8", "replace")) % buckets
        for size in range(1, LONGEST + 1)
        for at in range(len(letters) - size + 1)
    }


@dataclass(frozen=True, slots=True)
class SecondStage:
    """Weights, and the score from which a text is raised."""

    weights: tuple[int, ...]
    scale: float
    bias: float
    threshold: float
    version: str

    @classmethod
    def load(cls) -> "SecondStage":
        """Read the model that ships with the package."""
        text = resources.files(__package__).joinpath("second_stage.json").read_text("utf-8")
        return cls.parse(text)

    @classmethod
    def parse(cls, text: str) -> "SecondStage":
        """Read a model from the text of its file."""
        data = json.loads(text)
        raw = zlib.decompress(base64.b64decode(data["weights"]))
        weights = tuple(byte - 256 if byte > 127 else byte for byte in raw)
        return cls(weights, data["scale"], data["bias"], data["threshold"], data["version"])

    def score(self, surface: str) -> float:
        """Say how much a folded text reads like a stated intent; 0 is even odds."""
        found = features(surface, len(self.weights))
        if not found:
            return self.bias
        total = sum(self.weights[index] for index in found)
        return self.bias + self.scale * total / sqrt(len(found))

    def raises(self, surface: str) -> bool:
        """Whether a text of level 2 is raised to 3."""
        return self.score(surface) >= self.threshold
