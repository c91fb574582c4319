"""The parts of a message in a call: text or caption with entities, keyboard, reply."""

from sandbox.errors import bad_request
from sandbox.keyboards import ChatKeyboard, read_inline_keyboard
from sandbox.model import Chat
from sandbox.parameters import Parameters
from sandbox.text import (
    MAX_CAPTION_UNITS,
    MAX_TEXT_UNITS,
    Entity,
    check_entities,
    find_entities,
    read_entities,
    trim,
    units,
)


def read_text(
    parameters: Parameters, *, too_long: str = "message is too long"
) -> tuple[str, list[Entity]]:
    """Read the `text` of a call with its entities.

    Raises:
        ApiError: the parsed text is empty or too long, or the entities do not fit.
    """
    if not parameters.text("text"):
        raise bad_request("message text is empty")
    text, entities = _read(parameters, "text", "entities")
    if not text:
        raise bad_request("text must be non-empty")
    if units(text) > MAX_TEXT_UNITS:
        raise bad_request(too_long)
    return text, entities


def read_caption(parameters: Parameters) -> tuple[str, list[Entity]]:
    """Read the `caption` of a call, perhaps empty, with its entities.

    Raises:
        ApiError: the caption is too long, or the entities do not fit.
    """
    caption, entities = _read(parameters, "caption", "caption_entities")
    if units(caption) > MAX_CAPTION_UNITS:
        raise bad_request("message caption is too long")
    return caption, entities


def _read(parameters: Parameters, name: str, entities_name: str) -> tuple[str, list[Entity]]:
    if parameters.text("parse_mode"):
        raise bad_request("unsupported parse_mode")
    raw, entities = parameters.text(name), read_entities(parameters.json(entities_name))
    check_entities(raw, entities)
    text, entities = trim(raw, entities)
    starts = {(entity["offset"], entity["length"]) for entity in entities}
    more = [e for e in find_entities(text) if (e["offset"], e["length"]) not in starts]
    return text, sorted([*entities, *more], key=lambda e: (e["offset"], -e["length"]))


def read_keyboard(parameters: Parameters) -> ChatKeyboard:
    """Read the inline keyboard of a call.

    Raises:
        ApiError: Telegram would refuse the markup.
    """
    return read_inline_keyboard(parameters.json("reply_markup"))


def read_reply(parameters: Parameters, chat: Chat) -> int | None:
    """Read which message a call replies to.

    Raises:
        ApiError: the message is gone, and the call does not say to send anyway.
    """
    raw = parameters.json("reply_parameters")
    without = parameters.boolean("allow_sending_without_reply")
    if raw is None:
        target = parameters.integer("reply_to_message_id")
    else:
        if not isinstance(raw, dict):
            raise bad_request("object expected as reply parameters")
        if "message_id" not in raw:
            raise bad_request('can\'t find field "message_id"')
        target = raw["message_id"]
        without = without or raw.get("allow_sending_without_reply") is True
        if not isinstance(target, int):
            raise bad_request('field "message_id" must be of type Number')
    if not target or target in chat.messages:
        return target or None
    if without:
        return None
    raise bad_request("message to be replied not found")
