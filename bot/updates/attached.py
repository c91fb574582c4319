"""The words in a message beside its text: polls, checklists, names, titles, emojis, links.

They are read from what Telegram sent, because the library may not know a newer kind: a string
counts by the name of its field, in whatever part it stands. They are screened, and can only raise
the level of a message.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

# Telegram allows less in each message.
MOST_WORDS = 4000
MOST_VALUES = 2_000
DEEPEST = 6
# The names of fields that hold what a person typed or chose.
NAMES = frozenset(
    {
        *("text", "caption", "title", "name", "question", "explanation", "description"),
        *("first_name", "last_name", "vcard", "phone_number", "address", "performer"),
        *("emoji", "option_text", "data", "file_name", "url"),
    }
)
# Parts that are read elsewhere, or that someone else wrote.
PASSED_OVER = frozenset(
    {
        *("text", "caption", "quote", "reply_to_message", "external_reply", "pinned_message"),
        *("from", "chat", "sender_chat", "via_bot", "forward_origin", "reply_markup"),
        *("new_chat_members", "left_chat_member", "sender_business_bot", "reply_to_story"),
        *("link_preview_options", "guest_bot_caller_user", "guest_bot_caller_chat"),
    }
)
# What stands for a space in the name of a file and in a link.
JOINERS = str.maketrans("_-.+/", "     ")


def attached_words(raw: object) -> str:
    """Return the words beside the text of an update with a message, one part a line."""
    update = _dict(raw)
    message = _dict(update.get("message")) or _dict(update.get("edited_message"))
    found: list[str] = []
    letters = 0
    for text in _words(message):
        letters += len(text) + 1
        found.append(text)
        if letters > MOST_WORDS:
            break
    joined = "\n".join(found)[:MOST_WORDS]
    return joined.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _words(message: dict[str, Any]) -> Iterator[str]:
    """Walk through the parts of a message in order, to a bounded depth and number."""
    parts = [(value, 1) for name, value in message.items() if name not in PASSED_OVER]
    waiting = parts[::-1]
    for _ in range(MOST_VALUES):
        if not waiting:
            return
        value, depth = waiting.pop()
        if isinstance(value, dict):
            yield from _named(value)
        inner = list(value.values()) if isinstance(value, dict) else value
        if isinstance(inner, list) and depth < DEEPEST:
            below = [part for part in inner[:MOST_VALUES] if isinstance(part, dict | list)]
            waiting.extend((part, depth + 1) for part in reversed(below))


def _named(part: dict[str, Any]) -> Iterator[str]:
    for name, value in part.items():
        if name not in NAMES or not isinstance(value, str):
            continue
        words = value[:MOST_WORDS]
        if name == "url":
            words = unquote(words).translate(JOINERS)
        elif name == "file_name":
            words = words.rpartition(".")[0].translate(JOINERS) or words
        if words := words.strip():
            yield words


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
