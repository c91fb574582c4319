"""A local Bot API server and a web chat: the whole bot runs without Telegram.

For demos and tests. Nothing here leaves the machine, and nothing here knows the bot: it
imports no other part of this project.
"""

from sandbox.api import Call
from sandbox.faults import Fault, FaultKind, Faults
from sandbox.limits import Limits
from sandbox.person import SandboxUser
from sandbox.screen import SandboxMessage
from sandbox.server import DEMO_TOKEN, Sandbox

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
