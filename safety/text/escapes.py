r"""The decoding of characters that are written as codes: `&#33258;`, `\u81ea`, `%E8%87%AA`."""

import re
from collections.abc import Iterator
from html import unescape

_CODE = re.compile(
    r"&(?:\#[0-9]{1,7}|\#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});"
    r"|\\u[0-9a-fA-F]{4}"
    r"|(?:%[0-9a-fA-F]{2})+"
)


def characters(text: str) -> Iterator[tuple[int, str]]:
    """Yield each character of a text with its index, and each code as what it stands for."""
    if "&" not in text and "\\" not in text and "%" not in text:
        yield from enumerate(text)
        return
    at = 0
    for code in _CODE.finditer(text):
        yield from enumerate(text[at : code.start()], at)
        for char in _meaning(code.group()):
            yield code.start(), char
        at = code.end()
    yield from enumerate(text[at:], at)


def _meaning(code: str) -> str:
    if code[0] == "&":
        return unescape(code)
    if code[0] == "\\":
        return chr(int(code[2:], 16))
    try:
        return bytes.fromhex(code.replace("%", "")).decode()
    except UnicodeDecodeError:
        return code
