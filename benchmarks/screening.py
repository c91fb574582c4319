"""Measure screening against evasion, hostile texts and a growing lexicon.

    python -m benchmarks.screening PSYSUICIDE.jsonl ENGLISH.jsonl [--quick]

Evasions are transformations of this file, none of them taken from the rows. What counts is the
share of the rows at risk found at level 2 or above in plain writing that is still found when
disguised. Times are CPU times of one thread, so a busy machine changes them little.
"""

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from statistics import median

import opencc
from pypinyin import lazy_pinyin

from safety.screening.levels import Level
from safety.screening.lexicon import Entry, Lexicon, load_lexicon
from safety.screening.screener import Screener
from safety.screening.second_stage import SecondStage
from safety.text.pinyin import sound_of

CRISIS = {"suicidal_ideation", "self-harm", "violent_thoughts"}
EMOJI = {"死": "💀", "刀": "🔪", "药": "💊", "血": "🩸"}
LONG, HOSTILE = 200, 4_096
Disguise = Callable[[str], str]


def is_han(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff"


def between(mark: str) -> Disguise:
    return mark.join


def wide(text: str) -> str:
    """Full width for Latin letters and signs, and the ideographic blank."""
    return "".join(
        "\u3000" if c == " " else chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text
    )


def pinyin(text: str) -> str:
    return " ".join(lazy_pinyin(text))


def emoji(text: str) -> str:
    return "".join(EMOJI.get(char, char) for char in text)


def leet(text: str) -> str:
    return text.translate(str.maketrans("eiaso", "31450"))


def homophones(texts: Iterable[str], words: Iterable[str]) -> tuple[Disguise, Disguise]:
    """Two disguises by sound: of the words that name a risk, and of every character.

    Each character becomes the most frequent other one of the texts that sounds the same.
    """
    counted = Counter(char for text in texts for char in text if is_han(char))
    by_sound: dict[str, list[str]] = {}
    for char, _ in counted.most_common():
        by_sound.setdefault(sound_of(char), []).append(char)

    def other(char: str) -> str:
        return next((c for c in by_sound.get(sound_of(char), ()) if c != char), char)

    table = {word: "".join(map(other, word)) for word in words}

    def named(text: str) -> str:
        for word in sorted(table, key=len, reverse=True):
            text = text.replace(word, table[word])
        return text

    return named, lambda text: "".join(other(c) if is_han(c) else c for c in text)


def evasions(screener: Screener, chinese: list[str], english: list[str]) -> None:
    plain_zh = [t for t in chinese if screener.screen(t).level >= Level.PASSIVE]
    plain_en = [t for t in english if screener.screen(t).level >= Level.PASSIVE]
    named, everything = homophones(chinese, screener.lexicon.by_sound)
    kinds: list[tuple[str, Disguise, list[str]]] = [
        ("zero width, every character", between("\u200b"), plain_zh),
        ("full stops between characters", between("."), plain_zh),
        ("asterisks between characters", between("*"), plain_zh),
        ("blanks between characters", between(" "), plain_zh),
        ("commas 、between characters", between("、"), plain_zh),
        ("traditional characters", opencc.OpenCC("s2t").convert, plain_zh),
        ("traditional, as in Hong Kong", opencc.OpenCC("s2hk").convert, plain_zh),
        ("pinyin with blanks", pinyin, plain_zh),
        ("pinyin run together", lambda t: "".join(lazy_pinyin(t)), plain_zh),
        ("emoji for 死 刀 药 血", emoji, plain_zh),
        ("homophones, words of risk only", named, plain_zh),
        ("homophones, every character", everything, plain_zh),
        ("full width (English)", wide, plain_en),
        ("leet (English)", leet, plain_en),
        ("soft hyphen (English)", between("\u00ad"), plain_en),
        ("zero width (English)", between("\u200b"), plain_en),
    ]
    print("| Evasion | Rows it changes | Still found | Share (aim 0.95) |\n|---|---|---|---|")
    for name, disguise, texts in kinds:
        changed = [t for text in texts if (t := disguise(text)) != text]
        found = sum(screener.screen(t).level >= Level.PASSIVE for t in changed)
        print(f"| {name} | {len(changed)} | {found} | {found / max(1, len(changed)):.3f} |")


def hostile() -> dict[str, str]:
    """Texts of 4,096 characters that ask the most of the matcher."""
    chance = random.Random(0)  # noqa: S311 - the same texts every time
    pieces = (
        "想",
        "死",
        "自",
        "杀",
        "。",
        ".",
        " ",
        "xiang",
        "si",
        "💀",
        "0",
        "不",
        "我想",
        "\u200b",
    )
    filled = {
        "想死 repeated": "想死",
        "自杀 repeated": "自杀",
        "我想自 repeated": "我想自",
        "不不不": "不",
        "我要杀他 repeated": "我要杀他",
        "full stops": ".",
        "。 and blanks": "。 ",
        "想.死. repeated": "想.死.",
        "pinyin run": "woxiangsi",
        "pinyin with blanks": "xiang si ",
        "aaaa": "a",
        "💀 repeated": "💀",
        "want to kill": "i want to kill ",
        "leet": "k1ll ",
    }
    texts = {name: (text * HOSTILE)[:HOSTILE] for name, text in filled.items()}
    texts["mixed"] = "".join(chance.choice(pieces) for _ in range(HOSTILE))[:HOSTILE]
    return texts


def milliseconds(screener: Screener, text: str, rounds: int = 1) -> float:
    best = float("inf")
    for _ in range(rounds):
        start = time.thread_time_ns()
        screener.screen(text)
        best = min(best, (time.thread_time_ns() - start) / 1e6)
    return best


def of_length(texts: Iterable[str]) -> list[str]:
    whole = "。".join(texts)
    return [whole[i : i + LONG] for i in range(0, len(whole) - LONG, LONG)]


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def times(screener: Screener, texts: list[str], rounds: int) -> None:
    spent = [milliseconds(screener, text) for text in texts]
    print("\n| Text | p50 ms | p99 ms |\n|---|---|---|")
    p99 = percentile(spent, 0.99)
    print(f"| 200 characters, {len(spent)} texts (aim p99 5) | {median(spent):.2f} | {p99:.2f} |")
    for name, text in hostile().items():
        spent = [milliseconds(screener, text) for _ in range(rounds)]
        p99 = percentile(spent, 0.99)
        print(f"| 4,096: {name} (aim 50) | {median(spent):.1f} | {p99:.1f} |")


def larger(lexicon: Lexicon, times_over: int) -> Lexicon:
    """Add copies of every entry with its Chinese characters exchanged for others of the lexicon."""
    chance = random.Random(1)  # noqa: S311 - the same lexicon every time
    entries = list(lexicon.entries)
    used = sorted({c for e in entries for p in e.patterns for x in p.parts for t in x for c in t})
    han = [c for c in used if is_han(c)]
    for copy in range(1, times_over):
        shuffled = chance.sample(han, len(han))
        table = dict(zip(map(ord, han), shuffled, strict=True))
        entries += [_exchanged(entry, table, copy) for entry in lexicon.entries]
    return replace(lexicon, entries=tuple(entries))


def _exchanged(entry: Entry, table: dict[int, str], copy: int) -> Entry:
    suffix = f" {chr(ord('a') + copy)}x"  # makes English literals new as well

    def new(texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(t.translate(table) + (suffix if t.isascii() else "") for t in texts)

    patterns = tuple(replace(p, parts=tuple(map(new, p.parts))) for p in entry.patterns)
    return replace(entry, id=f"{entry.id}.{copy}", patterns=patterns, unless=new(entry.unless))


def growth(lexicon: Lexicon, texts: list[str], sizes: tuple[int, ...]) -> None:
    print(
        "\n| Lexicon | Literals | Load s | p50 ms | p99 ms | p50 against 1x |\n"
        "|---|---|---|---|---|---|"
    )
    first = 0.0
    for size in sizes:
        grown = larger(lexicon, size)
        literals = {t for e in grown.entries for p in e.patterns for x in p.parts for t in x}
        start = time.thread_time()
        screener = Screener(grown, SecondStage.load())
        loaded = time.thread_time() - start
        screener.screen("我想")
        spent = [milliseconds(screener, text, 2) for text in texts]
        first = first or median(spent)
        print(
            f"| {size}x, {len(grown.entries)} entries | {len(literals):,} | {loaded:.1f}"
            f" | {median(spent):.2f} | {percentile(spent, 0.99):.2f}"
            f" | {median(spent) / first:.2f} |"
        )


def building(lexicon: Lexicon, rounds: int) -> None:
    """A screener from nothing, and one of a changed lexicon, as a change that goes live makes."""
    changed = replace(lexicon, entries=lexicon.entries[1:])
    alone, shared = [], []
    for _ in range(rounds):
        start = time.thread_time()
        screener = Screener(lexicon)
        alone.append(time.thread_time() - start)
        start = time.thread_time()
        screener.with_lexicon(changed)
        shared.append(time.thread_time() - start)
    print("\n| Screener | CPU s, median | against alone |\n|---|---|---|")
    print(f"| built alone | {median(alone):.3f} | 1 |")
    print(f"| of a changed lexicon | {median(shared):.3f} | {median(shared) / median(alone):.3f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("psysuicide", type=Path, help="rows with `text` and `labels`")
    parser.add_argument("english", type=Path, help="rows with `text` and `label`")
    parser.add_argument("--quick", action="store_true", help="fewer repeats, lexicon up to 4x")
    given = parser.parse_args()
    rows = [json.loads(line) for line in given.psysuicide.read_text("utf-8").splitlines()]
    english = [json.loads(line) for line in given.english.read_text("utf-8").splitlines()]
    screener = Screener.load()
    print(f"lexicon {screener.version}\n")
    evasions(
        screener,
        [row["text"] for row in rows if set(row["labels"]) - {"unrelated"}],
        [row["text"] for row in english if row["label"] in CRISIS],
    )
    texts = of_length(row["text"] for row in rows)
    times(screener, texts, 5 if given.quick else 30)
    growth(load_lexicon(), texts, (1, 4) if given.quick else (1, 4, 16))
    building(load_lexicon(), 5)


if __name__ == "__main__":
    main()
