"""The parser of `parse_mode`: HTML, MarkdownV2 and the old Markdown, without custom emoji."""

from __future__ import annotations

import html
import re

from sandbox.errors import ApiError, bad_request
from sandbox.text import Entity, units

_TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "a": "text_link",
}
_MARKS = {
    "*": ("bold", "Bold"),
    "__": ("underline", "Underline"),
    "_": ("italic", "Italic"),
    "~": ("strikethrough", "Strikethrough"),
    "||": ("spoiler", "Spoiler"),
    "`": ("code", "Code"),
    "```": ("pre", "Pre"),
}
_TAG = re.compile(r"<(/?)([A-Za-z][\w-]*)((?:\s[^<>]*)?)>")
_HREF = re.compile(r"""href\s*=\s*(?:"([^"]*)"|'([^']*)'|(\S+))""")
_ENTITY_NAME = re.compile(r"&(#\d{1,7}|#x[0-9a-fA-F]{1,6}|lt|gt|amp|quot);")
_RESERVED = set("_*[]()~`>#+-=|{}.!")
_LINK_END = re.compile(r"\]\(((?:[^\\)\n]|\\.)*)\)")


def parse(text: str, parse_mode: str) -> tuple[str, list[Entity]]:
    """Parse marked-up text into text and entities.

    Raises:
        ApiError: the mode is unknown, or the markup does not parse.
    """
    mode = parse_mode.lower()
    if mode in {"", "none"}:
        return text, []
    if mode == "html":
        return _html(text)
    if mode == "markdownv2":
        return _Markdown(text).read()
    if mode == "markdown":
        return _old_markdown(text)
    raise bad_request("unsupported parse_mode")


def _fail(words: str) -> ApiError:
    return bad_request(f"can't parse entities: {words}")


def _bytes_before(text: str, position: int) -> int:
    return len(text[:position].encode())


def _html(text: str) -> tuple[str, list[Entity]]:
    out = ""
    stack: list[tuple[str, int, str]] = []
    entities: list[Entity] = []
    position = 0
    while position < len(text):
        if text[position] != "<":
            stop = text.find("<", position)
            stop = len(text) if stop < 0 else stop
            out += (
                _ENTITY_NAME.sub(lambda match: html.unescape(match.group()), text[position:stop])
                .encode("utf-8", "replace")
                .decode()
            )
            position = stop
            continue
        match = _TAG.match(text, position)
        at = _bytes_before(text, position)
        if match is None:
            raise _fail(f'Unsupported start tag "" at byte offset {at}')
        closing, name, rest = match.group(1), match.group(2).lower(), match.group(3)
        if closing:
            _close_tag(stack, entities, name, at, units(out))
        else:
            if name not in _TAGS or (name == "span" and "tg-spoiler" not in rest):
                raise _fail(f'Unsupported start tag "{name}" at byte offset {at}')
            stack.append((name, units(out), rest))
        position = match.end()
    if stack:
        raise _fail(f'Can\'t find end tag corresponding to start tag "{stack[-1][0]}"')
    return out, sorted(entities, key=lambda entity: (entity["offset"], -entity["length"]))


def _close_tag(
    stack: list[tuple[str, int, str]], entities: list[Entity], name: str, at: int, end: int
) -> None:
    if not stack:
        raise _fail(f"Unexpected end tag at byte offset {at}")
    opened, start, rest = stack.pop()
    if opened != name:
        raise _fail(
            f'Unmatched end tag at byte offset {at}, expected "</{opened}>", found "</{name}>"'
        )
    if end == start:
        return
    entity: Entity = {"type": _TAGS[name], "offset": start, "length": end - start}
    if name == "blockquote" and "expandable" in rest:
        entity["type"] = "expandable_blockquote"
    if name == "a":
        href = _HREF.search(rest)
        url = html.unescape(next((g for g in href.groups() if g), "")) if href else ""
        if not re.match(r"(?i)(https?|tg|mailto|tel):", url):
            return
        entity["url"] = url
    entities.append(entity)


class _Markdown:
    """A parser that makes one pass over MarkdownV2."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._out = ""
        self._open: list[tuple[str, int, int]] = []
        self._entities: list[Entity] = []

    def read(self) -> tuple[str, list[Entity]]:
        while self._at < len(self._text):
            self._step()
        if self._open:
            mark, _, began = self._open[-1]
            name = "TextUrl" if mark == "[" else _MARKS[mark][1]
            offset = _bytes_before(self._text, began)
            raise _fail(f"Can't find end of {name} entity at byte offset {offset}")
        ordered = sorted(self._entities, key=lambda e: (e["offset"], -e["length"]))
        return self._out, ordered

    def _step(self) -> None:
        text, at = self._text, self._at
        character = text[at]
        in_code = bool(self._open) and self._open[-1][0] in {"`", "```"}
        if character == "\\" and at + 1 < len(text) and ord(text[at + 1]) < 127:
            self._out += text[at + 1]
            self._at += 2
        elif in_code and character != "`":
            self._out += character
            self._at += 1
        elif (mark := self._mark()) is not None and (not in_code or mark == self._open[-1][0]):
            self._toggle(mark)
        elif character == "[":
            self._open.append(("[", units(self._out), at))
            self._at += 1
        elif character == "]" and self._open and self._open[-1][0] == "[":
            self._close_link()
        elif character == ">" and (at == 0 or text[at - 1] == "\n"):
            self._at += 1
        elif character in _RESERVED and not in_code:
            raise _fail(
                f"Character '{character}' is reserved and must be escaped with the preceding '\\'"
            )
        else:
            self._out += character
            self._at += 1

    def _mark(self) -> str | None:
        for mark in ("```", "`", "__", "||", "_", "*", "~"):
            if self._text.startswith(mark, self._at):
                return mark
        return None

    def _toggle(self, mark: str) -> None:
        if self._open and self._open[-1][0] == mark:
            _, start, _ = self._open.pop()
            self._add(_MARKS[mark][0], start)
        else:
            self._open.append((mark, units(self._out), self._at))
        self._at += len(mark)

    def _close_link(self) -> None:
        match = _LINK_END.match(self._text, self._at)
        _, start, _ = self._open.pop()
        if match is None:
            self._at += 1
            return
        self._add("text_link", start, url=re.sub(r"\\(.)", r"\1", match.group(1)))
        self._at = match.end()

    def _add(self, kind: str, start: int, **more: str) -> None:
        length = units(self._out) - start
        if length:
            self._entities.append({"type": kind, "offset": start, "length": length, **more})


def _old_markdown(text: str) -> tuple[str, list[Entity]]:
    out = ""
    entities: list[Entity] = []
    position = 0
    while position < len(text):
        character = text[position]
        if character == "\\" and text[position + 1 : position + 2] in {"_", "*", "`", "["}:
            out += text[position + 1]
            position += 2
        elif character in "_*`":
            mark = "```" if text.startswith("```", position) else character
            stop = text.find(mark, position + len(mark))
            if stop < 0:
                at = _bytes_before(text, position)
                raise _fail(f"Can't find end of the entity starting at byte offset {at}")
            inner = text[position + len(mark) : stop]
            if inner:
                kind = _MARKS[mark][0]
                entities.append({"type": kind, "offset": units(out), "length": units(inner)})
            out += inner
            position = stop + len(mark)
        elif match := re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)").match(text, position):
            inner, url = match.groups()
            entities.append(
                {"type": "text_link", "offset": units(out), "length": units(inner), "url": url}
            )
            out += inner
            position = match.end()
        else:
            out += character
            position += 1
    return out, entities
