"""The methods of the Bot API by name, in lower case because Telegram ignores case."""

from collections.abc import Awaitable, Callable
from typing import Any

from sandbox.account import BotAccount
from sandbox.methods import chats, editing, profile, receiving, sending, topics
from sandbox.parameters import Parameters

Method = Callable[[BotAccount, Parameters], Awaitable[Any]]

METHODS: dict[str, Method] = {
    name.lower(): method
    for module in (receiving, sending, editing, chats, topics, profile)
    for name, method in module.METHODS.items()
}
