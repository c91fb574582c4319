"""Turns bytes into text and names the line that is not UTF-8."""

import codecs
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

_OTHER_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",  # begins like UTF-16's, so it stands first
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


class NotUtf8Error(ValueError):
    """A line is in another encoding; the message names it and says what to do."""


def text_lines(file: Iterable[bytes], name: str = "") -> Iterator[str]:
    """Give the lines of a binary stream as text, each as soon as it is read.

    A byte order mark of UTF-8 at the start is dropped. A line ends with a line feed, a carriage
    return, or both, and is given with a line feed.

    Args:
        file: A stream that was opened in binary, or its lines.
        name: What the message calls it; nothing for standard input.

    Raises:
        NotUtf8Error: A line is in another encoding. All lines before it have been given.
    """
    number = 0
    for chunk in file:
        for raw in chunk.splitlines(keepends=True):
            number += 1
            if number == 1:
                _refuse_other_mark(raw, name)
                raw = raw.removeprefix(codecs.BOM_UTF8)  # noqa: PLW2901 - the same line
            line = raw.rstrip(b"\r\n")
            yield _decoded(line, number, name) + ("\n" if len(line) < len(raw) else "")


def read_text(path: Path) -> str:
    """Give a whole file as text, without a byte order mark.

    Raises:
        NotUtf8Error: A line is in another encoding.
        OSError: The file cannot be read.
    """
    return "".join(text_lines(BytesIO(path.read_bytes()), path.name))


def _refuse_other_mark(raw: bytes, name: str) -> None:
    for mark, encoding in _OTHER_MARKS.items():
        if raw.startswith(mark):
            raise _fault(1, name, f"but {encoding}", encoding)


def _decoded(line: bytes, number: int, name: str) -> str:
    if b"\0" in line:  # never in text, and in half the bytes of UTF-16 without a mark
        raise _fault(number, name, "but probably UTF-16", "UTF-16LE")
    try:
        return line.decode()
    except UnicodeDecodeError as fault:
        raise _fault(number, name, f"(byte {fault.start + 1})", "GBK") from None


def _fault(number: int, name: str, what: str, encoding: str) -> NotUtf8Error:
    place = f"{name}: line {number}" if name else f"line {number}"
    return NotUtf8Error(
        f"{place} is not UTF-8 {what}. Nothing from this line on was read. Convert it first, for "
        f"example with: iconv -f {encoding} -t UTF-8"
    )
