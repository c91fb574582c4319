"""A small linear model that may raise the writer's own suicide risk from level 2 to 3.

It is asked only if the rules found an unlowered risk of suicide at level 2. It tells an intent in
other words from a passing wish, and never lowers a level. `benchmarks/train_second_stage.py` trains
it and writes `second_stage.json` with its provenance.
"""

import base64
import json
import zlib
from dataclasses import dataclass
from importlib import resources
from math import sqrt

# Features are runs of one to three characters.
LONGEST = 3
_MOST_READ = 400  # characters; in a longer text the rules find a risk further on


def features(surface: str, buckets: int) -> set[int]:
    """Return the hashed n-grams of a folded text.

    Args:
        surface: Folded text. Blanks and punctuation are ignored.
        buckets: The number of features.
    """
    letters = "".join(c for c in surface[:_MOST_READ] if c.isalnum())
    return {
        zlib.crc32(letters[at : at + size].encode("utf-8", "replace")) % buckets
        for size in range(1, LONGEST + 1)
        for at in range(len(letters) - size + 1)
    }


@dataclass(frozen=True, slots=True)
class SecondStage:
    """The weights, and the score from which a text is raised."""

    weights: tuple[int, ...]
    scale: float
    bias: float
    threshold: float
    version: str

    @classmethod
    def load(cls) -> "SecondStage":
        """Load the model that ships with the package."""
        text = resources.files(__package__).joinpath("second_stage.json").read_text("utf-8")
        return cls.parse(text)

    @classmethod
    def parse(cls, text: str) -> "SecondStage":
        """Parse a model from the text of its file."""
        data = json.loads(text)
        raw = zlib.decompress(base64.b64decode(data["weights"]))
        weights = tuple(byte - 256 if byte > 127 else byte for byte in raw)
        return cls(weights, data["scale"], data["bias"], data["threshold"], data["version"])

    def score(self, surface: str) -> float:
        """Score how much a folded text reads like a stated intent. 0 means even odds."""
        indices = features(surface, len(self.weights))
        if not indices:
            return self.bias
        total = sum(self.weights[index] for index in indices)
        return self.bias + self.scale * total / sqrt(len(indices))

    def raises(self, surface: str) -> bool:
        """Return whether a text of level 2 is raised to 3."""
        return self.score(surface) >= self.threshold
