"""The words that a message quotes or replies to, which may be anybody's.

In a turn they stand above the person's own words, one line a quote, as `> words`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MARK = "> "
LONGEST = 300
MOST = 3  # quotes of one burst
# More is not looked at, however long the quoted message is.
_MOST_READ = 4_096
_QUOTE_LINE = re.compile(r"(?m)^> ([^\n]*)$")


@dataclass(frozen=True, slots=True)
class Quote:
    """Quoted words.

    Attributes:
        message_id: the quoted message of the same chat, or None if it is from elsewhere.
        is_bots: whether a bot wrote them, whose questions name dangers themselves.
        is_chosen: whether the person chose the words. A reply to a message does not choose any.
    """

    words: str
    message_id: int | None = None
    is_bots: bool = False
    is_chosen: bool = True

    @property
    def line(self) -> str:
        """The line that stands in the turn."""
        flat = " ".join(self.words.split())
        return MARK + (flat if len(flat) <= LONGEST else f"{flat[:LONGEST]}…")


def quote_of(raw: object) -> Quote | None:
    """Return what the message of an update quotes, or replies to, as Telegram sent it."""
    update = _dict(raw)
    message = _dict(update.get("message")) or _dict(update.get("edited_message"))
    answered = _dict(message.get("reply_to_message"))
    chosen = _words(_dict(message.get("quote")).get("text"))
    words = chosen or _words(answered.get("text")) or _words(answered.get("caption"))
    if not words:
        return None
    is_here = _dict(answered.get("chat")).get("id") == _dict(message.get("chat")).get("id")
    number = answered.get("message_id")
    return Quote(
        words,
        number if is_here and isinstance(number, int) and 0 < number < 2**63 else None,
        is_bots=_dict(answered.get("from")).get("is_bot") is True,
        is_chosen=bool(chosen),
    )


def quote_lines(quotes: Sequence[Quote]) -> str:
    """Return the lines of the last quotes, of which none stands twice."""
    return "\n".join(dict.fromkeys(quote.line for quote in quotes[-MOST:]))


def own_words(text: str) -> str:
    """Return a turn without the lines that it quotes."""
    return "\n".join(line for line in text.split("\n") if not line.startswith(MARK))


def mark_for_model(text: str) -> str:
    """Return a turn whose quotes are told as quotes in words."""
    return _QUOTE_LINE.sub(r"（引用的话：“\1”）", text)


def _words(value: object) -> str:
    if not isinstance(value, str):
        return ""
    return value[:_MOST_READ].encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
