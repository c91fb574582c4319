"""Bytes become text, or a line is named."""

import codecs
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.text.utf8 import NotUtf8Error, read_text, text_lines

CRISIS = "我想自杀"


def lines(data: bytes) -> list[str]:
    return list(text_lines(io.BytesIO(data)))


def test_lines_end_as_they_do_in_a_text_file() -> None:
    data = b"a\nb\r\nc\rd\r\r\n\x0b\xe2\x80\xa8e"  # no other character ends a line
    assert lines(data) == ["a\n", "b\n", "c\n", "d\n", "\n", "\x0b\u2028e"]
    assert lines(b"") == []


@given(st.text(st.characters(exclude_characters="\0\r\ufeff", exclude_categories=["Cs"])))
def test_utf8_comes_back_with_a_mark_or_without(text: str) -> None:
    assert "".join(lines(text.encode())) == text
    assert "".join(lines(codecs.BOM_UTF8 + text.encode())) == text


@pytest.mark.parametrize("encoding", ["gbk", "gb18030", "big5", "shift_jis", "euc_kr", "cp1251"])
def test_another_encoding_is_named_by_its_line_and_those_before_are_given(encoding: str) -> None:
    words = {"euc_kr": "죽고 싶어요", "shift_jis": "死にたい", "cp1251": "Я хочу умереть"}
    bad = words.get(encoding, "我想自殺" if encoding == "big5" else CRISIS).encode(encoding)
    found = text_lines(io.BytesIO(b"one\n\ntwo\n" + bad + b"\nthree\n"))
    assert [next(found) for _ in range(3)] == ["one\n", "\n", "two\n"]
    with pytest.raises(NotUtf8Error, match=r"^line 4 is not UTF-8 \(byte \d+\).* iconv -f GBK"):
        next(found)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_wide_encodings_are_named(encoding: str) -> None:
    text = f'{{"text": "{CRISIS}"}}\n'
    with pytest.raises(NotUtf8Error, match=r"^line 1 is not UTF-8 but .*iconv -f UTF-"):
        lines(text.encode(encoding))
    with pytest.raises(NotUtf8Error, match=r"^line 1 is not UTF-8 but UTF-16"):
        lines(codecs.BOM_UTF16_BE + text.encode("utf-16-be"))


@pytest.mark.parametrize("bad", [b"\xed\xa0\x80", b"\xc0\x80", b"\xf5\x80\x80\x80", b"\xe6\x88"])
def test_what_only_looks_like_utf8_is_refused(bad: bytes) -> None:
    with pytest.raises(NotUtf8Error, match=r"^line 2 .*\(byte 2\)"):
        lines(b"a\n." + bad)


def test_a_line_is_given_before_the_next_is_read() -> None:
    def slowly() -> Iterator[bytes]:
        yield b"first\n"
        raise AssertionError("read too far")

    assert next(text_lines(slowly())) == "first\n"


def test_a_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "change.yaml"
    file.write_bytes(codecs.BOM_UTF8 + b"a: 1\r\nb: |\r\n  x\r\n")
    assert read_text(file) == "a: 1\nb: |\n  x\n"
    file.write_bytes(b"a: 1\n" + CRISIS.encode("gbk"))
    with pytest.raises(NotUtf8Error, match=r"^change\.yaml: line 2 is not UTF-8") as raised:
        read_text(file)
    assert CRISIS not in str(raised.value)
