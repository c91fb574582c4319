"""A local Bot API server and a web chat: the whole bot runs without Telegram.

For demos and tests. Nothing here leaves the machine, and nothing here knows the bot: it
imports no other part of this project.
"""

from bot.sandbox.api import Call
from bot.sandbox.faults import Fault, FaultKind, Faults
from bot.sandbox.limits import Limits
from bot.sandbox.person import SandboxUser
from bot.sandbox.screen import SandboxMessage
from bot.sandbox.server import DEMO_TOKEN, Sandbox

__all__ = [
    "DEMO_TOKEN",
    "Call",
    "Fault",
    "FaultKind",
    "Faults",
    "Limits",
    "Sandbox",
    "SandboxMessage",
    "SandboxUser",
]
