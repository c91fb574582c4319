"""Normalisation is total, keeps its way back, and undoes ways of writing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.screening.screener import Screener
from safety.text.normalise import normalise
from safety.text.pinyin import split

ANY_TEXT = st.text(
    alphabet=st.characters(codec=None, exclude_categories=())
    | st.sampled_from("想死自杀k1l!💀\u200b\ud800"),
    max_size=80,
)


@given(ANY_TEXT)
@settings(max_examples=300, deadline=None)
def test_every_span_of_every_view_maps_into_the_original(text: str) -> None:
    plain = normalise(text)
    assert len(plain.surface) == len(plain.starts)
    assert plain.starts == sorted(plain.starts)
    for view in plain.views:
        assert len(view.text) == len(view.starts) == len(view.ends)
        for start, end in zip(view.starts, view.ends, strict=True):
            assert 0 <= start <= end <= len(plain.surface)
            if start < end:
                low, high = plain.original(start, end)
                assert 0 <= low < high <= len(text)


@given(ANY_TEXT)
@settings(max_examples=200, deadline=None)
def test_screening_is_total_and_points_into_the_original(screener: Screener, text: str) -> None:
    result = screener.screen(text)
    for match in result.matches:
        assert 0 <= match.start < match.end <= len(text)


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", max_size=40))
@settings(deadline=None)
def test_split_syllables_join_up_again(word: str) -> None:
    parts = split(word)
    if parts is not None:
        assert "".join(parts) == word.replace("v", "u")


@pytest.mark.parametrize(
    ("text", "surface"),
    [
        ("Ｋｉｌｌ", "kill"),
        ("自\u200b殺", "自杀"),
        ("k\u00adill", "kill"),
        ("de\u0336ad", "dead"),
        ("кill", "kill"),
        ("a\ud800b", "a\ufffdb"),
        ("a \t\u3000 b", "a b"),
        ("🅺🅼🆂", "kms"),
        ("", ""),
    ],
)
def test_surface(text: str, surface: str) -> None:
    assert normalise(text).surface == surface


def test_a_match_in_disguise_points_at_the_disguise(screener: Screener) -> None:
    text = "说实话，我想自\u200b.\u200b殺。"
    match = max(screener.screen(text).matches, key=lambda m: (m.level, m.end - m.start))
    assert text[match.start : match.end].endswith("自\u200b.\u200b殺")


def test_hostile_texts_are_screened(screener: Screener) -> None:
    for text in (
        "想死" * 2048,
        "k1ll! " * 682,
        "💀" * 4096,
        "\ufdfa" * 4096,
        "没有" * 2048,
        "“" * 4096,
    ):
        screener.screen(text)


def test_a_risk_after_much_noise_is_found(screener: Screener) -> None:
    assert screener.screen("没有自杀，" * 600 + "。我想自杀").level >= 3
