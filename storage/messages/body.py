"""What a message of the outbox says: its words, buttons, and perhaps a file."""

import base64
import json
from dataclasses import asdict, dataclass, field
from typing import Any

# Rows of buttons: label and data.
Keyboard = list[list[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Document:
    """A file to be sent: text, or the bytes of a picture.

    Attributes:
        is_picture: it is shown in the chat, not as a file.
    """

    filename: str
    content: str | bytes
    is_picture: bool = False


@dataclass(frozen=True, slots=True)
class MessageBody:
    """What is sent: plain text, rows of (label, data), perhaps a file.

    With a `document` the text is its caption.
    """

    text: str
    buttons: Keyboard = field(default_factory=list)
    document: Document | None = None
    # An operator, or somebody whose rows are gone; erased with the body when sent.
    to_telegram_id: int | None = None
    silent: bool = False
    """Without a sound."""
    case_id: int | None = None
    """The case that it is about; to operators it goes into that case's topic."""
    topic: str | None = None
    """What is done with that topic in the place of words: `rename`, `close` or `delete`."""


def to_json(body: MessageBody) -> str:
    """The body as it is sealed; the bytes of a picture as base64."""
    return json.dumps(asdict(body), ensure_ascii=False, default=_in_letters)


def _in_letters(content: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(content).decode()}


def _document(values: dict[str, Any]) -> Document:
    content = values["content"]
    if isinstance(content, dict):
        content = base64.b64decode(content["base64"])
    return Document(values["filename"], content, values.get("is_picture", False))


def from_json(text: str) -> MessageBody:
    """What `to_json` wrote, also before newer fields were there."""
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
    )
