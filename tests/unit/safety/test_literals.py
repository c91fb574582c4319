"""A screener that shares the literals of another finds what one of its own would find."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.evaluation.examples import shipped_examples
from safety.screening.lexicon import Lexicon, parse, read_entry
from safety.screening.screener import Screener
from safety.screening.second_stage import SecondStage
from safety.text.normalise import squeeze, squeezed

ADDED = {
    "id": "zh.suicide.made_up",
    "level": 3,
    "category": "suicide",
    "patterns": ["<WISH> ..2 去{星星|咕噜球}上", "k i l l me"],
    "unless": ["想去星星上面"],
    "match": ["我想去星星上"],
    "no_match": ["星星"],
}


def found(screener: Screener, texts: list[str]) -> list[dict[str, object]]:
    return [screener.screen(text).to_dict() for text in texts]


def changed(lexicon: Lexicon, seed: int) -> Lexicon:
    """Without one entry in four, in another order, with an entry of its own."""
    chance = random.Random(seed)
    kept = [each for each in lexicon.entries if chance.random() > 0.25]
    chance.shuffle(kept)
    return replace(lexicon, entries=(*kept, read_entry("test", ADDED, lexicon.sets)))


@pytest.mark.parametrize("seed", range(3))
def test_a_changed_lexicon_finds_the_same_as_one_built_alone(screener: Screener, seed: int) -> None:
    texts = [each.text for each in shipped_examples(screener.lexicon)]
    texts += ["我想去星星上", "wo xiang qu xing xing shang", "我想去星星上面", "kkkill me"]
    lexicon = changed(screener.lexicon, seed)
    shared, alone = screener.with_lexicon(lexicon), screener_of(lexicon)
    assert found(shared, texts) == found(alone, texts)
    again = shared.with_lexicon(screener.lexicon)  # a change taken back
    assert found(again, texts) == found(screener, texts)


def screener_of(lexicon: Lexicon) -> Screener:
    return Screener(lexicon, SecondStage.load())


def small(*patterns: str) -> Lexicon:
    entries = "".join(
        f"""
  - {{id: rule{number}, level: 3, category: suicide, patterns: [{pattern}],
      match: [{pattern}], no_match: [x]}}"""
        for number, pattern in enumerate(patterns)
    )
    return parse({"a.yaml": f"version: 1\nby_sound: [死]\nentries:{entries}\n"})


def test_what_only_sounds_alike_goes_with_the_literal_that_let_it_be_heard() -> None:
    both = small("今天就去死", "今天就去思")
    first = Screener(both)
    assert {m.rule for m in first.screen("今天就去司").matches} == {"rule0", "rule1"}
    without = replace(both, entries=both.entries[1:])
    for screener in (first.with_lexicon(without), Screener(without)):
        assert not screener.screen("今天就去司").matches
        assert [m.rule for m in screener.screen("今天就去思").matches] == ["rule1"]


def test_another_set_of_sounds_shares_nothing() -> None:
    loud = small("今天就去死")
    quiet = replace(loud, by_sound=frozenset())
    assert Screener(loud).screen("今天就去司").matches
    assert not Screener(loud).with_lexicon(quiet).screen("今天就去司").matches


@given(st.text(alphabet=st.one_of(st.sampled_from("aabkl 死想.0²½_é"), st.characters())))
def test_closing_up_is_the_same_with_and_without_its_places(text: str) -> None:
    assert squeezed(text) == squeeze(text).text
