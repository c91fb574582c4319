"""The layered reading of an update: a part that cannot be read is dropped, and the rest is kept.

Chat, sender, date, text and caption are read by themselves. Every other part is kept if the library
can read a message that has nothing else. So a field that a newer library wants, or a value of
another type, costs its own part and never the message.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from telegram import Bot, Message, Update

from bot.updates.parsing import command_length, is_telegram_id

MESSAGES = ("message", "edited_message")
CHAT_TYPES = ("private", "group", "supergroup", "channel")
CHAT_FIELDS: Mapping[str, type] = {"title": str, "first_name": str, "is_forum": bool}
SENDER_FIELDS: Mapping[str, type] = {
    "last_name": str,
    "username": str,
    "language_code": str,
    "is_bot": bool,
}
# Parts that the service reads, whose types the library does not check.
TYPES: Mapping[str, type] = {
    "text": str,
    "caption": str,
    "media_group_id": str,
    "message_thread_id": int,
    "migrate_to_chat_id": int,
    "migrate_from_chat_id": int,
}
BASE = frozenset({"message_id", "date", "edit_date", "chat", "from"})
ENTITIES = {"entities": "text", "caption_entities": "caption"}
KNOWN = frozenset(Message.__slots__) - {"from_user"}
# Dates are in seconds. A proxy may count in smaller units.
LATEST_DATE = 2**32


@dataclass(slots=True)
class LayeredReader:
    """Reads one update.

    Attributes:
        dropped: the names of the parts that could not be read.
    """

    bot: Bot
    dropped: list[str] = field(default_factory=list)

    def read(self, raw: object) -> Update | None:
        """Return the update as far as it can be read, or None if nobody can be found in it."""
        if not isinstance(raw, dict):
            return None
        update: dict[str, Any] = {"update_id": raw.get("update_id")}
        for kind in MESSAGES:
            if raw.get(kind) is not None:
                update[kind] = self._message(raw[kind])
                if update[kind] is None:
                    self._drop(kind)
        if raw.get("callback_query") is not None:
            update["callback_query"] = self._press(raw["callback_query"])
        if raw.get("my_chat_member") is not None:
            update["my_chat_member"] = self._membership(raw["my_chat_member"])
        if self.dropped and not any(update.get(kind) for kind in (*MESSAGES, "callback_query")):
            return None
        return Update.de_json({k: v for k, v in update.items() if v is not None}, self.bot)

    def _drop(self, name: str) -> None:
        is_known = name in KNOWN or name in MESSAGES
        self.dropped.append(name if is_known else "other")

    def _message(self, raw: object) -> dict[str, Any] | None:
        """Return what can be read of a message, or None if its chat cannot."""
        if not isinstance(raw, dict):
            return None
        chat = self._chat(raw)
        if chat is None:
            return None
        message = {
            "message_id": _integer(raw.get("message_id")) or 0,
            "date": self._date(raw, "date") or 0,
            "chat": chat,
        }
        if (sender := self._sender(raw.get("from"), chat)) is not None:
            message["from"] = sender
        if raw.get("edit_date") is not None and (edited := self._date(raw, "edit_date")):
            message["edit_date"] = edited
        names = [name for name in raw if name in KNOWN and name not in BASE]
        parts = {name: raw[name] for name in names if raw[name] is not None}
        if not self._is_readable({**message, **parts}, parts):
            parts = self._parts(message, parts)
        message.update(parts)
        _mark_command(message)
        return message

    def _chat(self, raw: dict[str, Any]) -> dict[str, Any] | None:
        """Return the chat. A chat without an id is the private one of the sender."""
        chat, sender = _dict(raw.get("chat")), _dict(raw.get("from"))
        number, kind = _integer(chat.get("id")), chat.get("type")
        if kind not in CHAT_TYPES:
            kind = "private" if number is None or number > 0 else "supergroup"
        if number is None and kind == "private" and is_telegram_id(sender.get("id")):
            number = sender["id"]
            self._drop("chat")
        if number is None or (kind == "private" and not is_telegram_id(number)):
            return None
        return {"id": number, "type": kind, **_fields(chat, CHAT_FIELDS)}

    def _sender(self, raw: object, chat: dict[str, Any]) -> dict[str, Any] | None:
        """Return the sender. In a private chat it can only be the person."""
        sender = _dict(raw)
        number = sender.get("id")
        if not is_telegram_id(number):
            if chat["type"] != "private":
                return None
            number = chat["id"]
            self._drop("from_user")
        name = sender.get("first_name")
        return {
            "is_bot": False,
            **_fields(sender, SENDER_FIELDS),
            "id": number,
            "first_name": name if isinstance(name, str) else "",
        }

    def _date(self, raw: dict[str, Any], name: str) -> int | None:
        """Return a date in seconds, also of one in smaller units. A date of garbage is now."""
        value = raw.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
            seconds = int(value)
            while seconds > LATEST_DATE:
                seconds //= 1000
            if seconds != value:
                self._drop(name)
            return seconds
        self._drop(name)
        return int(time.time())

    def _parts(self, base: dict[str, Any], parts: dict[str, Any]) -> dict[str, Any]:
        """Return the parts that the library reads, each tried by itself."""
        kept = {}
        for name, value in parts.items():
            if self._is_readable({**base, name: value}, {name: value}):
                kept[name] = value
                continue
            self._drop(name)
            rest = self._rest(base, name, value)
            if rest is not None and self._is_readable({**base, name: rest}, {name: rest}):
                kept[name] = rest
        return kept

    def _rest(self, base: dict[str, Any], name: str, value: object) -> object:
        """Return what is left of a part without its broken entries, or None."""
        if isinstance(value, list):
            good = [
                entry
                for entry in value
                if self._is_readable({**base, name: [entry]}, {name: [entry]})
            ]
            return good or None
        if name == "reply_to_message":
            return self._message({**_dict(value), name: None})
        if name == "quote" and isinstance(_dict(value).get("text"), str):
            return {"text": _dict(value)["text"], "position": 0}
        return None

    def _is_readable(self, message: dict[str, Any], parts: dict[str, Any]) -> bool:
        for name, value in parts.items():
            wanted = TYPES.get(name, object)
            if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
                return False
            if name in ENTITIES and not _are_entities(value):
                return False
            if name == "location" and not _is_place(value):
                return False
        try:
            Message.de_json(message, self.bot)
        except Exception:  # any shape of garbage may come
            return False
        return True

    def _press(self, raw: object) -> dict[str, Any] | None:
        """Return what can be read of a pressed button."""
        press = _dict(raw)
        message = self._message(press.get("message")) if press.get("message") is not None else None
        chat = message["chat"] if message else {"type": "group"}
        sender = self._sender(press.get("from"), chat)
        if sender is None:
            self._drop("callback_query")
            return None
        texts = _fields(press, {"id": str, "chat_instance": str, "data": str})
        values = {"id": "0", "chat_instance": "", **texts, "from": sender}
        return values if message is None else {**values, "message": message}

    def _membership(self, raw: object) -> dict[str, Any] | None:
        """Return a change of membership. In a private chat its states are enough."""
        change = _dict(raw)
        try:
            Update.de_json({"update_id": 0, "my_chat_member": change}, self.bot)
        except Exception:  # any shape of garbage may come
            self._drop("my_chat_member")
        else:
            return change
        chat = self._chat(change)
        states = [
            _dict(change.get(name)).get("status") for name in ("old_chat_member", "new_chat_member")
        ]
        if (
            chat is None
            or chat["type"] != "private"
            or not all(state in ("member", "kicked") for state in states)
        ):
            return None
        user = {"id": self.bot.id, "is_bot": True, "first_name": ""}
        old, new = ({"user": user, "status": state, "until_date": 0} for state in states)
        return {
            "chat": chat,
            "from": self._sender(change.get("from"), chat),
            "date": self._date(change, "date"),
            "old_chat_member": old,
            "new_chat_member": new,
        }


def _mark_command(message: dict[str, Any]) -> None:
    """Mark a command at the start of a text, whose entity may be missing or broken."""
    length = command_length(message.get("text") or "")
    entities = message.get("entities") or []
    if length and not any(e["type"] == "bot_command" and e["offset"] == 0 for e in entities):
        mark = {"type": "bot_command", "offset": 0, "length": length}
        message["entities"] = [mark, *entities]


def _are_entities(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(entry, dict)
        and isinstance(entry.get("type"), str)
        and _integer(entry.get("offset")) is not None
        and _integer(entry.get("length")) is not None
        for entry in value
    )


def _is_place(value: object) -> bool:
    place = (_dict(value).get(name) for name in ("latitude", "longitude"))
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in place)


def _fields(raw: dict[str, Any], types: Mapping[str, type]) -> dict[str, Any]:
    """Return the fields that have their type."""
    return {name: raw[name] for name, kind in types.items() if isinstance(raw.get(name), kind)}


def _integer(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
        return value
    return None


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
