"""Text as Telegram measures it: UTF-16 units, entities, lengths."""

import re
from typing import Any

from sandbox.errors import ApiError, bad_request

Entity = dict[str, Any]

MAX_TEXT_UNITS = 4096
MAX_CAPTION_UNITS = 1024
_ENTITY_TYPES = frozenset(
    [
        "mention",
        "hashtag",
        "cashtag",
        "bot_command",
        "url",
        "email",
        "phone_number",
        "bold",
        "italic",
        "underline",
        "strikethrough",
        "spoiler",
        "blockquote",
        "expandable_blockquote",
        "code",
        "pre",
        "text_link",
        "text_mention",
        "custom_emoji",
        "date_time",
    ]
)
_FOUND = (
    ("bot_command", re.compile(r"(?<![\w/<>])/[A-Za-z0-9_]{1,64}(?:@\w{3,32})?(?![\w/])")),
    ("url", re.compile(r"https?://[^\s<>\"]*[^\s<>\".,;:!?)\]，。！？；：）】」』]")),
    ("email", re.compile(r"(?<![\w@])[\w.+-]+@[A-Za-z0-9-]+\.[A-Za-z]{2,}")),
    ("mention", re.compile(r"(?<![\w@])@[A-Za-z]\w{3,31}")),
    ("hashtag", re.compile(r"(?<![\w#])#\w*[^\W\d]\w*")),
)
_INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"


def units(text: str) -> int:
    """Count UTF-16 code units, as Telegram measures every length."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def slice_units(text: str, offset: int, length: int) -> str:
    """Cut out the part of a text that an entity covers."""
    raw = text.encode("utf-16-le", "surrogatepass")
    return raw[offset * 2 : (offset + length) * 2].decode("utf-16-le", "replace")


def find_entities(text: str) -> list[Entity]:
    """Mark commands, links, mentions and hashtags, as Telegram does by itself."""
    entities: list[Entity] = []
    taken: list[tuple[int, int]] = []
    for kind, pattern in _FOUND:
        for match in pattern.finditer(text):
            start, end = match.span()
            if any(start < stop and begin < end for begin, stop in taken):
                continue
            taken.append((start, end))
            entities.append(
                {"type": kind, "offset": units(text[:start]), "length": units(match.group())}
            )
    return sorted(entities, key=lambda entity: int(entity["offset"]))


def read_entities(raw: Any) -> list[Entity]:
    """Check the shape of an `entities` parameter.

    Raises:
        ApiError: an item is not a `MessageEntity`.
    """
    if raw is None:
        return []
    if not isinstance(raw, list):
        raise bad_request("can't parse entities: entities must be an Array")
    return [_read_entity(item) for item in raw[:1000]]


def _read_entity(item: Any) -> Entity:
    if not isinstance(item, dict):
        raise _bad_entity("expected an Object")
    for name in ("offset", "length"):
        if name not in item:
            raise _bad_entity(f'Can\'t find field "{name}"')
        if not isinstance(item[name], int) or isinstance(item[name], bool):
            raise _bad_entity(f'Field "{name}" must be of type Number')
    kind = item.get("type")
    if not isinstance(kind, str) or kind not in _ENTITY_TYPES:
        raise _bad_entity("Unsupported type specified")
    for needs, name in (
        ("text_link", "url"),
        ("text_mention", "user"),
        ("custom_emoji", "custom_emoji_id"),
    ):
        if kind == needs and name not in item:
            raise _bad_entity(f'Can\'t find field "{name}"')
    if kind == "text_link":
        _check_link(item["url"])
    if kind == "text_mention":
        _check_user(item["user"])
    allowed = ("type", "offset", "length", "url", "user", "language", "custom_emoji_id")
    return {name: item[name] for name in allowed if name in item}


def _bad_entity(words: str) -> ApiError:
    return bad_request(f"can't parse MessageEntity: {words}")


def _check_user(user: Any) -> None:
    if not isinstance(user, dict):
        raise _bad_entity('Field "user" must be of type Object')
    if not isinstance(user.get("id"), int) or not isinstance(user.get("first_name"), str):
        raise bad_request("user not found")


def _check_link(url: Any) -> None:
    if not isinstance(url, str):
        raise _bad_entity('Field "url" must be of type String')
    if not url:
        raise bad_request("entity URL '' is invalid: URL host is empty")
    if not re.fullmatch(r"(?i)((https?|tg|ton|mailto|tel):\S+|[^\s:/]+\.[^\s]+)", url):
        raise bad_request(f"entity URL '{url[:200]}' is invalid: Wrong HTTP URL")


def check_entities(text: str, entities: list[Entity]) -> None:
    """Refuse offsets and lengths that do not fit the text.

    Raises:
        ApiError: an entity does not fit.
    """
    edges = _unit_edges(text)
    total = units(text)
    for entity in entities:
        offset, length = entity["offset"], entity["length"]
        if not 0 <= offset <= 1_000_000:
            raise bad_request(f"receive an entity with incorrect offset {offset}")
        if not 0 <= length <= 1_000_000:
            raise bad_request(f"receive an entity with incorrect length {length}")
        if offset > total or (offset == total and length):
            raise bad_request(f"entity begins after the end of the text at UTF-16 offset {offset}")
        if offset + length > total:
            raise bad_request(
                f"entity beginning at UTF-16 offset {offset} ends after the end of the text at "
                f"UTF-16 offset {offset + length}"
            )
        if offset not in edges:
            raise bad_request(f"entity begins in a middle of a UTF-16 symbol at {offset}")
        if offset + length not in edges:
            raise bad_request(
                f"entity beginning at UTF-16 offset {offset} ends in a middle of a UTF-16 symbol"
            )


def _unit_edges(text: str) -> set[int]:
    edges = {0}
    position = 0
    for character in text:
        position += 2 if ord(character) > 0xFFFF else 1
        edges.add(position)
    return edges


def trim(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Drop the outer white space as Telegram does and shift the entities."""
    cleaned = "".join(" " if ord(c) < 32 and c != "\n" else c for c in text.replace("\r", ""))
    if units(cleaned) != units(text):
        cleaned = text
    kept = cleaned.strip().strip(_INVISIBLE).strip()
    if not kept:
        return "", []
    lead = units(cleaned[: cleaned.index(kept)])
    total = units(kept)
    shifted: list[Entity] = []
    for entity in entities:
        start = max(0, entity["offset"] - lead)
        end = min(total, entity["offset"] + entity["length"] - lead)
        if end > start:
            shifted.append({**entity, "offset": start, "length": end - start})
    return kept, shifted
