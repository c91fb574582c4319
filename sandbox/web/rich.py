"""Message text with entities as escaped HTML."""

import re
from itertools import pairwise

from markupsafe import Markup, escape

from sandbox.text import Entity, slice_units, units

_TAGS = {
    "bold": Markup("<strong>{}</strong>"),
    "italic": Markup("<em>{}</em>"),
    "underline": Markup("<u>{}</u>"),
    "strikethrough": Markup("<s>{}</s>"),
    "code": Markup("<code>{}</code>"),
    "pre": Markup("<code>{}</code>"),
    "blockquote": Markup("<q>{}</q>"),
    "expandable_blockquote": Markup("<q>{}</q>"),
    "bot_command": Markup("<b>{}</b>"),
    "spoiler": Markup("<mark>{}</mark>"),
}
_LINK = Markup('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>')
_WEB = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)


def rich(text: str, entities: list[Entity]) -> Markup:
    """Escape text and wrap each stretch of it in the tags of its entities."""
    cuts = {0, units(text)}
    for entity in entities:
        cuts |= {entity["offset"], entity["offset"] + entity["length"]}
    ordered = sorted(cuts)
    out = Markup()
    for start, stop in pairwise(ordered):
        piece = escape(slice_units(text, start, stop - start))
        for entity in reversed(entities):
            if entity["offset"] <= start and stop <= entity["offset"] + entity["length"]:
                piece = _wrap(piece, entity, text)
        out += piece
    return out


def _wrap(piece: Markup, entity: Entity, text: str) -> Markup:
    kind = entity["type"]
    if kind in _TAGS:
        return _TAGS[kind].format(piece)
    if kind in {"url", "text_link"}:
        covered = slice_units(text, entity["offset"], entity["length"])
        url = str(entity.get("url", covered))
        if _WEB.fullmatch(url):
            return _LINK.format(url, piece)
    return piece
