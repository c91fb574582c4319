"""The sandbox: a local Bot API server and a web chat, for demos and tests without Telegram."""

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
