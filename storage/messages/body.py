"""The content of an outbox message: text, buttons and an optional file."""

import base64
import json
from dataclasses import asdict, dataclass, field
from typing import Any

# Rows of buttons as (label, data).
Keyboard = list[list[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Document:
    """A file to send: text, or the bytes of a picture.

    Attributes:
        is_picture: show it in the chat and not as a file.
    """

    filename: str
    content: str | bytes
    is_picture: bool = False


@dataclass(frozen=True, slots=True)
class MessageBody:
    """The content of a message.

    With a `document` the text is its caption.
    """

    text: str
    buttons: Keyboard = field(default_factory=list)
    document: Document | None = None
    # An operator, or a person whose rows are erased. It is erased with the body after sending.
    to_telegram_id: int | None = None
    # Send it without a sound.
    silent: bool = False
    # The case it is about. Operators get it in that case's topic.
    case_id: int | None = None
    # An action on that topic instead of a text: `rename`, `close` or `delete`.
    topic: str | None = None
    # The topic of the person's private chat in which it appears.
    thread_id: int | None = None


def to_json(body: MessageBody) -> str:
    """Convert a body to the JSON that is sealed, with a picture as base64."""
    return json.dumps(asdict(body), ensure_ascii=False, default=_in_letters)


def _in_letters(content: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(content).decode()}


def _document(values: dict[str, Any]) -> Document:
    content = values["content"]
    if isinstance(content, dict):
        content = base64.b64decode(content["base64"])
    return Document(values["filename"], content, values.get("is_picture", False))


def from_json(text: str) -> MessageBody:
    """Parse the JSON of `to_json`, including that of versions with fewer fields."""
    values = json.loads(text)
    document = values["document"]
    return MessageBody(
        values["text"],
        [[(label, data) for label, data in row] for row in values["buttons"]],
        _document(document) if document else None,
        values["to_telegram_id"],
        values.get("silent", False),
        values.get("case_id"),
        values.get("topic"),
        values.get("thread_id"),
    )
