"""The split of a long text into messages that Telegram accepts.

Telegram counts UTF-16 units (an emoji is two). A cut falls at the end of a paragraph, else of a
sentence, else between words.
"""

LIMIT = 4096
ENDS = ("\n\n", "\n", "。", "！", "？", "!", "?", "；", ". ", "，", ", ", " ")


def utf16_length(text: str) -> int:
    """Return the length in UTF-16 units."""
    return len(text) + sum(1 for character in text if ord(character) > 0xFFFF)


def split(text: str, limit: int = LIMIT) -> list[str]:
    """Split a text into parts of at most `limit` UTF-16 units. Only outer blanks are lost."""
    parts = []
    rest = text.strip()
    while utf16_length(rest) > limit:
        head = _head(rest, limit)
        cut = _cut(head)
        parts.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    if rest:
        parts.append(rest)
    return parts


def _head(text: str, limit: int) -> str:
    units = 0
    for place, character in enumerate(text):
        units += 2 if ord(character) > 0xFFFF else 1
        if units > limit:
            return text[:place]
    return text


def _cut(head: str) -> int:
    for end in ENDS:  # cut only in the second half, or short lines would become many messages
        place = head.rfind(end, len(head) // 2)
        if place > 0:
            return place + len(end)
    return len(head)
