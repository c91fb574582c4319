"""Text to ids and back, and decoding one id at a time."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference import demo_model
from inference.loading.tokenizer import ChatTokenizer, finish_text
from inference.requests import TokenizerError

REFERENCE = Path(__file__).parents[3] / "data" / "reference" / "pica-layout" / "chatglm2-tiny"
FOLDERS = (REFERENCE, demo_model.CHECKPOINT)


@cache
def tokenizer_of(folder: Path) -> ChatTokenizer:
    return ChatTokenizer.from_folder(folder)


tokenizers = st.sampled_from(FOLDERS).map(tokenizer_of)
LOST = "\N{REPLACEMENT CHARACTER}"


def streamed(tokenizer: ChatTokenizer, ids: list[int]) -> list[str]:
    stream = tokenizer.stream()
    return [*(stream.feed(token) for token in ids), stream.finish()]


@settings(deadline=None, max_examples=300)
@given(
    tokenizers,
    st.lists(
        st.one_of(
            st.integers(0, 8100),
            st.integers(3, 258),  # bytes
            st.sampled_from([2432, 4998]),  # the lone space of either vocabulary
            st.sampled_from([3 + b for b in "你😭é▁".encode()]),
        ),
        max_size=30,
    ),
)
def test_streamed_text_is_decoded_text_whatever_the_ids(tokenizer, ids):
    assert "".join(streamed(tokenizer, ids)) == tokenizer.decode(ids)


@settings(deadline=None, max_examples=200)
@given(tokenizers, st.text(max_size=40))
def test_no_half_character_shows_while_streaming(tokenizer, text):
    pieces = streamed(tokenizer, tokenizer.encode(text))
    assert sum(piece.count(LOST) for piece in pieces) == text.count(LOST)
    assert "".join(pieces) == tokenizer.decode(tokenizer.encode(text))


@settings(deadline=None, max_examples=200)
@given(tokenizers, st.text(max_size=40))
def test_user_text_never_becomes_a_special_id(tokenizer, text):
    dressed = f"[gMASK]{text}sop<s></s>[MASK]eop"
    assert all(2 < token < tokenizer.size or token == 0 for token in tokenizer.encode(dressed))


def test_a_character_in_bytes_appears_when_it_is_whole():
    tokenizer = tokenizer_of(REFERENCE)
    ids = [3 + byte for byte in "😭".encode()]
    assert streamed(tokenizer, ids) == ["", "", "", "😭", ""]


def test_bytes_that_cannot_become_a_character_are_given_up_at_once():
    tokenizer = tokenizer_of(REFERENCE)
    assert streamed(tokenizer, [3 + 0xE4, 3 + 0xBD, 3 + ord("x")]) == [
        "",
        "",
        LOST + LOST + "x",
        "",
    ]
    assert streamed(tokenizer, [3 + 0xE4]) == ["", LOST]


@pytest.mark.parametrize("folder", FOLDERS)
def test_ids_that_stand_for_no_text_decode_to_nothing(folder):
    tokenizer = tokenizer_of(folder)
    silent = [1, 2, -1, *range(tokenizer.size, tokenizer.size + 64)]
    spoken = tokenizer.encode("你好")
    assert tokenizer.decode(silent) == ""
    assert tokenizer.decode([*silent, *spoken, *silent]) == "你好"


def test_start_ids_are_gmask_and_sop():
    tokenizer = tokenizer_of(REFERENCE)
    assert tokenizer.start_ids == (tokenizer.size + 1, tokenizer.size + 3)
    assert tokenizer.eos_ids == {2}


def test_the_next_prompt_begins_with_ids_that_end_a_reply():
    tokenizer = tokenizer_of(demo_model.CHECKPOINT)
    assert {*tokenizer.start_ids, *tokenizer.eos_ids} <= {*tokenizer.end_ids}
    assert tokenizer.encode(tokenizer.prompt_text("你好"))[0] in tokenizer.end_ids
    assert not {*tokenizer.encode("你好。Hello.")} & {*tokenizer.end_ids}


def test_half_a_surrogate_pair_is_no_error():
    assert tokenizer_of(REFERENCE).encode("a\ud83d") == tokenizer_of(REFERENCE).encode("a?")


def test_template_counts_rounds_from_one():
    tokenizer = tokenizer_of(REFERENCE)
    assert tokenizer.prompt_text("三", [("一", "甲"), ("二", "乙")]) == (
        "[Round 1]\n\n问：一\n\n答：甲\n\n"
        "[Round 2]\n\n问：二\n\n答：乙\n\n"
        "[Round 3]\n\n问：三\n\n答："
    )


def test_finish_text_is_what_chat_does():
    assert finish_text("\n 现在是[[训练时间]]。 ") == "现在是2023年。"


def test_a_missing_or_damaged_tokenizer_says_what_to_do(tmp_path):
    with pytest.raises(TokenizerError, match=r"is missing\. Copy"):
        ChatTokenizer.from_folder(tmp_path)
    (tmp_path / "tokenizer.model").write_bytes(b"\x00\xff nothing")
    with pytest.raises(TokenizerError, match=r"damaged\. Download"):
        ChatTokenizer.from_folder(tmp_path)
