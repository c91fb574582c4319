"""Methods about the bot itself: its name, commands and descriptions."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from sandbox.account import BotAccount
from sandbox.errors import bad_request
from sandbox.parameters import Parameters

_COMMAND = re.compile(r"/?[a-z0-9_]{1,32}")
_TEXTS = {"Name": ("name", 64), "Description": ("description", 512)}
_TEXTS["ShortDescription"] = ("short_description", 120)
MAX_COMMANDS = 100


async def get_me(account: BotAccount, _: Parameters) -> dict[str, Any]:
    """Show the bot's own `User`."""
    return {
        **account.world.bot,
        "can_join_groups": True,
        "can_read_all_group_messages": True,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }


async def log_out(account: BotAccount, _: Parameters) -> bool:
    """Leave this server, which then refuses every call."""
    account.logged_out = True
    return True


async def close(_account: BotAccount, _: Parameters) -> bool:
    """Close the instance, which changes nothing here."""
    return True


async def set_my_commands(account: BotAccount, parameters: Parameters) -> bool:
    """Set the menu of commands."""
    commands = parameters.json("commands")
    if not isinstance(commands, list):
        raise bad_request("can't parse commands: expected an Array of BotCommand")
    if len(commands) > MAX_COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    account.profile[_commands_key(parameters)] = [_command(item) for item in commands]
    return True


async def get_my_commands(account: BotAccount, parameters: Parameters) -> Any:
    """Show the menu of commands."""
    return account.profile.get(_commands_key(parameters), [])


async def delete_my_commands(account: BotAccount, parameters: Parameters) -> bool:
    """Empty the menu of commands."""
    account.profile.pop(_commands_key(parameters), None)
    return True


async def set_chat_menu_button(account: BotAccount, parameters: Parameters) -> bool:
    """Set the menu button."""
    account.profile["menu_button"] = parameters.json("menu_button") or {"type": "default"}
    return True


async def get_chat_menu_button(account: BotAccount, _: Parameters) -> Any:
    """Show the menu button."""
    return account.profile.get("menu_button", {"type": "commands"})


def _command(item: Any) -> dict[str, str]:
    if not isinstance(item, dict):
        raise bad_request("can't parse BotCommand: expected an Object")
    command, description = item.get("command"), item.get("description")
    if not isinstance(command, str) or not isinstance(description, str):
        raise bad_request("can't parse BotCommand: Can't find field \"command\"")
    if not _COMMAND.fullmatch(command):
        raise bad_request("BOT_COMMAND_INVALID")
    if not 1 <= len(description) <= 256:
        raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    return {"command": command.removeprefix("/"), "description": description}


def _commands_key(parameters: Parameters) -> str:
    scope = parameters.json("scope")
    kind = scope.get("type", "default") if isinstance(scope, dict) else "default"
    where = scope.get("chat_id", "") if isinstance(scope, dict) else ""
    return f"commands/{kind}/{where}/{parameters.text('language_code')}"


def _setter(field: str, most: int) -> Callable[[BotAccount, Parameters], Awaitable[bool]]:
    async def set_text(account: BotAccount, parameters: Parameters) -> bool:
        text = parameters.text(field)
        if len(text) > most:
            raise bad_request(f"bot {field.replace('_', ' ')} is too long")
        account.profile[f"{field}/{parameters.text('language_code')}"] = text
        return True

    return set_text


def _getter(field: str) -> Callable[[BotAccount, Parameters], Awaitable[dict[str, Any]]]:
    async def get_text(account: BotAccount, parameters: Parameters) -> dict[str, Any]:
        plain = account.world.bot["first_name"] if field == "name" else ""
        kept = account.profile.get(f"{field}/{parameters.text('language_code')}", "")
        return {field: kept or account.profile.get(f"{field}/", "") or plain}

    return get_text


METHODS: dict[str, Callable[[BotAccount, Parameters], Awaitable[Any]]] = {
    "getMe": get_me,
    "logOut": log_out,
    "close": close,
    "setMyCommands": set_my_commands,
    "getMyCommands": get_my_commands,
    "deleteMyCommands": delete_my_commands,
    "setChatMenuButton": set_chat_menu_button,
    "getChatMenuButton": get_chat_menu_button,
    **{f"setMy{name}": _setter(field, most) for name, (field, most) in _TEXTS.items()},
    **{f"getMy{name}": _getter(field) for name, (field, _) in _TEXTS.items()},
}
