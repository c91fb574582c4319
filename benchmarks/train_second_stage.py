"""Train the second stage of screening, and print the table that says whether it pays.

    python benchmarks/train_second_stage.py PSYSUICIDE.jsonl SMILECHAT_TRAIN.jsonl.xz [--write]
        [--unseen FILE ...]    also what it changes on files that it never saw

Only data whose licence allows it goes in: PsySUICIDE (MIT) and SMILECHAT (CC0). Needs
scikit-learn. The same data and the same version of it give the same file, byte for byte.
"""

import argparse
import base64
import hashlib
import json
import lzma
import zlib
from math import sqrt
from pathlib import Path
from typing import Any

from safety.evaluation.metrics import interval
from safety.screening.levels import Level
from safety.screening.lexicon import load_lexicon
from safety.screening.outcome import Screening
from safety.screening.screener import Screener, is_open
from safety.screening.second_stage import features
from safety.text.normalise import normalise

ACTIVE = {"suicide_attempt", "suicide_preparation", "suicide_plan", "active_ideation"}
BUCKETS = 8_192
STRENGTH = 4.0  # inverse of regularisation
THRESHOLD = -0.5
HARMLESS = 6_000  # turns of support dialogues in which the rules found nothing
HARMLESS_WEIGHT = 0.3
FOLDS, SEEDS = 5, 5
OUTPUT = Path(__file__).parents[1] / "safety" / "screening" / "second_stage.json"


def is_half_a(text: str) -> bool:
    return hashlib.sha256(text.encode()).digest()[0] % 2 == 0


def matrix(texts: list[str]) -> Any:
    from scipy.sparse import csr_matrix

    starts, columns, values = [0], [], []
    for text in texts:
        found = sorted(features(normalise(text).surface, BUCKETS))
        columns += found
        values += [1 / sqrt(max(1, len(found)))] * len(found)
        starts.append(len(columns))
    return csr_matrix((values, columns, starts), shape=(len(texts), BUCKETS))


def fit(texts: Any, active: Any, harmless: Any) -> Any:
    import numpy as np
    from scipy.sparse import vstack
    from sklearn.linear_model import LogisticRegression

    weights = np.r_[np.ones(texts.shape[0]), np.full(harmless.shape[0], HARMLESS_WEIGHT)]
    labels = np.r_[active, np.zeros(harmless.shape[0], bool)]
    model = LogisticRegression(C=STRENGTH, max_iter=1_000, solver="liblinear")
    return model.fit(vstack([texts, harmless]), labels, sample_weight=weights)


def read_harmless(path: Path, screener: Screener) -> list[str]:
    found: list[str] = []
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            for turn in json.loads(line)["turns"]:
                if turn["role"] == "user" and len(turn["content"]) <= 200:
                    text = turn["content"]
                    if screener.screen(text).level < Level.PASSIVE:
                        found.append(text)
                        if len(found) == HARMLESS:
                            return found
    return found


def cross_validated(texts: Any, active: Any, harmless: Any, seed: int) -> Any:
    """Score every row by a model that was trained without its fold."""
    import numpy as np
    from sklearn.model_selection import StratifiedKFold

    scores = np.zeros(len(active))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for train, test in folds.split(texts, active):
        scores[test] = fit(texts[train], active[train], harmless).decision_function(texts[test])
    return scores


def share(found: Any) -> str:
    low, high = interval(int(found.sum()), len(found))
    return f"{found.mean():.3f} [{low:.2f}–{high:.2f}] ({int(found.sum())} of {len(found)})"


def markdown(rows: list[dict[str, Any]], screened: list[Screening], harmless: Any) -> None:
    """Print what reaches level 3 without the stage and with it, cross-validated."""
    import numpy as np

    texts = matrix([row["text"] for row in rows])
    active = np.array([bool(set(row["labels"]) & ACTIVE) for row in rows])
    risky = np.array([bool(set(row["labels"]) - {"unrelated"}) for row in rows])
    client = np.array([row["source"].startswith("client_") for row in rows])
    alone = np.array([int(s.level) >= Level.ACTIVE for s in screened])
    asked = np.array([is_open(s) for s in screened])
    seeds = [
        alone | (asked & (cross_validated(texts, active, harmless, seed) >= THRESHOLD))
        for seed in range(SEEDS)
    ]
    print(f"\n| Share at level >= 3 | Without | With, {FOLDS} folds | {SEEDS} other splits |")
    print("|---|---|---|---|")
    for name, part in (
        ("attempt, preparation, plan, active ideation", active),
        ("– real clients alone", active & client),
        ("other risks", risky & ~active),
        ("no risk", ~risky),
    ):
        means = [with_it[part].mean() for with_it in seeds]
        print(
            f"| {name} | {share(alone[part])} | {share(seeds[0][part])}"
            f" | {min(means):.3f}–{max(means):.3f} |"
        )


def unseen(paths: list[Path], model: Any, screener: Screener) -> None:
    """Print the alarms at level 3 on files that were not trained on, without and with."""
    import numpy as np

    print("\n| File never trained on | Texts | Without | With |\n|---|---|---|---|")
    for path in paths:
        parts: dict[str, list[str]] = {}
        with lzma.open(path, "rt") if path.suffix == ".xz" else path.open() as lines:
            for line in lines:
                row = json.loads(line)
                turns = [t["content"] for t in row.get("turns", ()) if t["role"] == "user"]
                parts.setdefault(str(row.get("risk", "all")), []).extend(turns or [row["text"]])
        for label, texts in sorted(parts.items()):
            screened = [screener.screen(text) for text in texts]
            alone = np.array([s.level >= Level.ACTIVE for s in screened])
            asked = np.array([is_open(s) for s in screened])
            raised = asked & (model.decision_function(matrix(texts)) >= THRESHOLD)
            print(
                f"| {path.name}, {label} | {len(texts)} | {share(alone)}"
                f" | {share(alone | raised)} |"
            )


def table(rows: list[dict[str, Any]], screened: list[Screening], harmless: Any) -> None:
    """Print what the stage changes, trained on what it is not measured on."""
    import numpy as np

    texts = matrix([row["text"] for row in rows])
    active = np.array([bool(set(row["labels"]) & ACTIVE) for row in rows])
    risky = np.array([bool(set(row["labels"]) - {"unrelated"}) for row in rows])
    levels = np.array([int(s.level) for s in screened])
    asked = np.array([is_open(s) for s in screened])
    half_a = np.array([is_half_a(row["text"]) for row in rows])
    folds = cross_validated(texts, active, harmless, 0)
    on_b = fit(texts[half_a], active[half_a], harmless).decision_function(texts)
    everywhere, half_b = np.ones(len(rows), bool), ~half_a
    for name, scores, part in (("5 folds", folds, everywhere), ("A to B", on_b, half_b)):
        raised = asked & (scores >= THRESHOLD)
        grave = active & part
        print(
            f"{name}: level >= 3 of attempt, preparation, plan, active ideation"
            f" {(levels[grave] >= 3).mean():.3f} -> {((levels >= 3) | raised)[grave].mean():.3f};"
            f" raised of other risks {(raised & risky & ~active & part).sum()},"
            f" of no risk {(raised & ~risky & part).sum()}"
        )
    # Would it pay to let it raise from nothing to 2 as well?
    for cut in (0.0, 1.0):
        for name, at in (("without", np.zeros(len(rows), bool)), ("with", folds >= cut)):
            alarm = (levels >= 2) | at
            hits = (alarm & risky).sum()
            print(
                f"any risk, raising 0 and 1 to 2 at {cut}, {name}:"
                f" F1 {2 * hits / (alarm.sum() + risky.sum()):.3f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("psysuicide", type=Path)
    parser.add_argument("smilechat", type=Path)
    parser.add_argument("--unseen", type=Path, nargs="*", default=[], help="files to compare on")
    parser.add_argument(
        "--write", action="store_true", help="replace safety/screening/second_stage.json"
    )
    given = parser.parse_args()
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise SystemExit("this script needs scikit-learn: pip install scikit-learn") from None
    screener = Screener(load_lexicon())
    rows = [json.loads(line) for line in given.psysuicide.read_text("utf-8").splitlines()]
    harmless = matrix(read_harmless(given.smilechat, screener))
    screened = [screener.screen(row["text"]) for row in rows]
    table(rows, screened, harmless)
    markdown(rows, screened, harmless)
    active = [bool(set(row["labels"]) & ACTIVE) for row in rows]
    model = fit(matrix([row["text"] for row in rows]), active, harmless)
    unseen(given.unseen, model, screener)
    if given.write:
        write(model, given.psysuicide)


def write(model: Any, source: Path) -> None:
    weights = model.coef_[0]
    scale = float(abs(weights).max()) / 127
    whole = bytes(round(w / scale) & 0xFF for w in weights)
    packed = base64.b64encode(zlib.compress(whole, 9)).decode()
    content = {
        "version": "s1",
        "what": "may raise an own, unlowered suicide risk from level 2 to 3; Chinese",
        "made_by": "benchmarks/train_second_stage.py",
        "data": [
            {
                "name": "PsySUICIDE (qiuhuachuan/PsyGUARD), 1,480 messages",
                "licence": "MIT",
                "sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
            },
            {"name": f"SMILECHAT, {HARMLESS} users' turns as harmless", "licence": "CC0"},
        ],
        "threshold": THRESHOLD,
        "bias": round(float(model.intercept_[0]), 4),
        "scale": round(scale, 6),
        "weights": packed,
    }
    OUTPUT.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(f"wrote {OUTPUT.name}, {OUTPUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
