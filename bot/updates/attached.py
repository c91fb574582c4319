"""The words in a message beside its text: quotes, polls, checklists, names, titles, emojis.

They are read from what Telegram sent, because the library may not know a newer kind. They are
screened, and can only raise the level of a message.
"""

from collections.abc import Iterator, Mapping
from typing import Any

# Telegram allows less in each of them.
MOST_WORDS = 4000
# The fields of each part that hold words.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "poll": ("question", "explanation", "description"),
    "checklist": ("title",),
    "contact": ("first_name", "last_name", "vcard"),
    "venue": ("title", "address"),
    "audio": ("title", "performer"),
    "sticker": ("emoji",),
    "game": ("title", "description", "text"),
    "invoice": ("title", "description"),
    "forum_topic_created": ("name",),
    "forum_topic_edited": ("name",),
    "poll_option_added": ("option_text",),
    "checklist_tasks_added": (),
    "web_app_data": ("data",),
}
LISTS = {"poll": "options", "checklist": "tasks", "checklist_tasks_added": "tasks"}
FILES = ("document", "audio", "video", "animation")
# What stands for a space in the name of a file.
JOINERS = str.maketrans("_-.+", "    ")


def attached_words(raw: object) -> str:
    """Return the words beside the text of an update with a message, one part a line."""
    update = _dict(raw)
    message = _dict(update.get("message")) or _dict(update.get("edited_message"))
    words = (text.strip() for text in _parts(message) if isinstance(text, str))
    joined = "\n".join(text for text in words if text)[:MOST_WORDS]
    return joined.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _parts(message: dict[str, Any]) -> Iterator[Any]:
    if not _quotes_bot(message):
        yield _dict(message.get("quote")).get("text")
    for kind, fields in FIELDS.items():
        part = _dict(message.get(kind))
        for field in fields:
            yield part.get(field)
        entries = part.get(LISTS.get(kind, ""))
        for entry in entries if isinstance(entries, list) else ():
            yield _dict(entry).get("text")
    for kind in FILES:
        name = _dict(message.get(kind)).get("file_name")
        if isinstance(name, str):
            yield name.rpartition(".")[0].translate(JOINERS) or name


def _quotes_bot(message: dict[str, Any]) -> bool:
    """Return whether the quote is from a bot, whose questions name dangers themselves."""
    return bool(_dict(_dict(message.get("reply_to_message")).get("from")).get("is_bot"))


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
