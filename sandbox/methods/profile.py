"""Methods about the bot itself: its name and its commands."""

import re
from typing import Any

from sandbox.account import BotAccount
from sandbox.errors import bad_request
from sandbox.parameters import Parameters

_COMMAND = re.compile(r"/?[a-z0-9_]{1,32}")
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


async def set_my_commands(_account: BotAccount, parameters: Parameters) -> bool:
    """Check the menu of commands, which the web chat does not show."""
    commands = parameters.json("commands")
    if not isinstance(commands, list):
        raise bad_request("can't parse commands: expected an Array of BotCommand")
    if len(commands) > MAX_COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    for item in commands:
        _check_command(item)
    return True


def _check_command(item: Any) -> None:
    if not isinstance(item, dict):
        raise bad_request("can't parse BotCommand: expected an Object")
    command, description = item.get("command"), item.get("description")
    if not isinstance(command, str) or not isinstance(description, str):
        raise bad_request("can't parse BotCommand: Can't find field \"command\"")
    if not _COMMAND.fullmatch(command):
        raise bad_request("BOT_COMMAND_INVALID")
    if not 1 <= len(description) <= 256:
        raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")


METHODS = {"getMe": get_me, "setMyCommands": set_my_commands}
