"""Other languages: which one a text is in, and the plainest sentences of risk in twenty."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from safety.screening.language_rules import OtherLanguage, other_languages, risks_in
from safety.screening.levels import Level
from safety.screening.screener import Screener
from safety.text.languages import UNKNOWN, is_partly_ours, other_language

DATA = Path(__file__).resolve().parents[2] / "data" / "safety"
TWENTY = {
    "ja",
    "ko",
    "es",
    "ru",
    "fr",
    "de",
    "pt",
    "it",
    "nl",
    "pl",
    "tr",
    "ar",
    "fa",
    "hi",
    "bn",
    "th",
    "vi",
    "id",
    "ms",
    "tl",
}
OURS = [
    "haha",
    "wo xiang si",
    "jin tian tian qi hen hao",
    "wǒ xiǎng nǐ",
    "i wnat to sleeep im so tierd",
    "smh fr fr no cap",
    "dun wan go sch",
    "nei hou aa",
    "Maria Garcia",
    "def f(x): return x",
    "git commit -m fix",
    "12345",
    "👍👍",
    "(´・ω・`)",
    "щ(ﾟДﾟщ)",
    "我の猫",
    "今天听了ありがとう这首歌，很喜欢",
    "你好 мой друг 我想聊天",
    "i want to 死",
    "Ich hab das 吃过了",
    "好攰啊今日，唔想返工",
    "і wаnt tо dіе",
    "",
    " ",
    "\ud800",
]
OTHERS = [
    ("Hola, ¿qué tal tu día?", "es"),
    ("Доброе утро", "ru"),
    ("спасибо!", "ru"),
    ("Дуже втомився, йду спати і їсти", UNKNOWN),
    ("πρέπει να κοιμηθώ", UNKNOWN),
    ("אני רוצה לישון", UNKNOWN),
    ("தூங்க வேண்டும்", UNKNOWN),
    ("Jag är så trött idag", UNKNOWN),
    ("おはよう、今日も寒いね", "ja"),
    ("سلام، خوبی؟", "fa"),
]


def rows(name: str) -> Iterator[tuple[str, str, bool]]:
    for line in (DATA / name).read_text("utf-8").splitlines():
        row = json.loads(line)
        yield row["lang"], row["text"], row["risk"]


def test_there_are_twenty() -> None:
    assert other_languages().keys() == TWENTY


@pytest.mark.parametrize("language", other_languages().values(), ids=lambda each: each.code)
def test_examples(screener: Screener, language: OtherLanguage) -> None:
    for text in language.risk:
        found = {match.rule.split(".")[1] for match in risks_in(text)}
        assert language.code in found, text
    for text in language.harmless:
        assert screener.screen(text).level < Level.PASSIVE, text


@pytest.mark.parametrize("name", ["languages-dev.jsonl", "languages.jsonl"])
def test_plain_sentences(screener: Screener, name: str) -> None:
    found: dict[str, list[bool]] = {}
    for language, text, is_risk in rows(name):
        level = screener.screen(text).level
        if is_risk:
            found.setdefault(language, []).append(level >= Level.ACTIVE)
        else:
            assert level < Level.PASSIVE, f"{language}: a harmless sentence opens a case"
    assert found.keys() == TWENTY
    for language, hits in found.items():
        assert sum(hits) >= 0.9 * len(hits), language


@pytest.mark.parametrize("text", OURS)
def test_what_can_be_answered_is_no_other_language(text: str) -> None:
    assert other_language(text) is None


@pytest.mark.parametrize(("text", "code"), OTHERS)
def test_another_language_is_named(text: str, code: str) -> None:
    assert other_language(text) == code


def test_most_sentences_are_recognised() -> None:
    every = [
        (code, text)
        for name in ("languages-dev.jsonl", "languages.jsonl")
        for code, text, _ in rows(name)
    ]
    assert sum(other_language(text) is not None for _, text in every) >= 0.95 * len(every)


def test_messages_of_our_languages_are_left_alone() -> None:
    texts = [
        json.loads(line)["text"]
        for line in (DATA / "answers-dev.jsonl").read_text("utf-8").splitlines()
    ]
    assert sum(other_language(text) is not None for text in texts) <= 0.005 * len(texts)


def test_a_risk_says_its_language_unless_ours_works(screener: Screener) -> None:
    assert screener.screen("quiero morir").language == "es"
    assert screener.screen("Ich will nicht mehr leben").language == "de"
    mixed = screener.screen("i am so tired of it all and i feel it, quiero morir")
    assert mixed.level == Level.ACTIVE
    assert mixed.language is None
    assert is_partly_ours("我好累 quiero morir")
    assert screener.screen("我想自杀").language is None


def test_a_line_end_hides_nothing(screener: Screener) -> None:
    assert screener.screen("quiero\nmorir").level == Level.ACTIVE
    assert screener.screen("죽고\n싶어").level == Level.ACTIVE
