"""The decoding of UTF-8 files, with errors that name the line."""

import codecs
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

_OTHER_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",  # starts like UTF-16's mark, so it comes first
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


class NotUtf8Error(ValueError):
    """A line is in another encoding. The message names it and says what to do."""


def text_lines(file: Iterable[bytes], name: str = "") -> Iterator[str]:
    """Yield the lines of a binary stream as text, each as soon as it is read.

    A UTF-8 byte order mark at the start is dropped. A line ends with a line feed, a carriage
    return, or both, and is yielded with a line feed.

    Args:
        file: A binary stream, or its lines.
        name: Its name in errors; empty for standard input.

    Raises:
        NotUtf8Error: A line is in another encoding. All lines before it were yielded.
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
    """Read a whole file as text, without a byte order mark.

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
    if b"\0" in line:  # never in text, but half the bytes of UTF-16
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
