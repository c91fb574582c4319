"""The composition root of the sandbox: the Bot API and the web chat on one port."""

import re
import time
from collections.abc import Callable, Iterable
from typing import Any, Self

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, Route

from sandbox.account import BotAccount
from sandbox.api import BotApi, Call
from sandbox.connections import Connections
from sandbox.faults import Faults
from sandbox.limits import FloodControl, Limits
from sandbox.person import SandboxUser
from sandbox.updates import UpdateQueue
from sandbox.web.guard import LoopbackGuard
from sandbox.web.pages import WebChat
from sandbox.webhook import Webhook
from sandbox.world import World

DEMO_TOKEN = "1000000001:SANDBOX-not-a-secret-for-this-machine-only"  # noqa: S105 - of no real bot
BOT_USERNAME = "pica_sandbox_bot"
OPERATOR_ID = 900


class Sandbox:
    """A Bot API server, a web chat, and the people in it.

    Args:
        token: the bot's token.
        host: the address to listen on. Keep it a loopback address.
        port: the port, or 0 for any free one.
        limits: the rates at which the bot may send.
        clock: seconds since the epoch, for dates and limits.
    """

    def __init__(
        self,
        *,
        token: str = DEMO_TOKEN,
        host: str = "127.0.0.1",
        port: int = 0,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not re.fullmatch(r"[0-9]{1,15}:[A-Za-z0-9_-]{1,100}", token):
            raise ValueError("token: must look like 123456:letters")
        self.token = token
        self.faults = Faults()
        self._host, self._port = host, port
        self._connections: Connections | None = None
        self._clock = clock
        bot = {
            "id": int(token.partition(":")[0]),
            "is_bot": True,
            "first_name": "PICA",
            "username": BOT_USERNAME,
        }
        self._updates = UpdateQueue()
        self._world = World(bot, self._updates, clock)
        self._account = BotAccount(
            self._world,
            self._updates,
            FloodControl(limits or Limits(), clock),
            Webhook(self._updates, clock),
        )
        self._api: BotApi | None = None
        self.operator = self.add_user(OPERATOR_ID, first_name="Operator", language_code="en")
        group = self._world.add_group(
            "PICA operators", {OPERATOR_ID: "creator"}, forum=True, announce=False
        )
        self.operators_chat_id: int = group.id

    async def start(self) -> None:
        """Listen, in the running event loop."""
        self._connections = Connections(self._host, self._port)
        self._api = BotApi(self.token, self._account, self.faults, self._connections, self._clock)
        await self._connections.serve(self._app(self._api))

    async def stop(self) -> None:
        """Stop at once, even with open polls and streams."""
        self._updates.close()
        self._account.webhook.stop()
        self._world.changes.close()
        if self._connections is not None:
            await self._connections.stop()
            self._connections = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def web_url(self) -> str:
        """The web chat's address."""
        if self._connections is None:
            raise RuntimeError("the sandbox is not started: call `start()` first")
        return f"http://{self._host}:{self._connections.port}"

    @property
    def api_url(self) -> str:
        """The server's address. A bot's base URL is this and `/bot`."""
        return self.web_url

    @property
    def users(self) -> list[SandboxUser]:
        """All people, the operator included."""
        return [SandboxUser(self._world, person) for person in self._world.people.values()]

    def add_user(
        self,
        user_id: int | None = None,
        *,
        first_name: str = "小雨",
        language_code: str = "zh-hans",
    ) -> SandboxUser:
        """Add a person. The bot sees them when they write."""
        person = self._world.add_person(user_id, first_name, language_code)
        return SandboxUser(self._world, person)

    def add_group(self, title: str, members: Iterable[SandboxUser], *, forum: bool = False) -> int:
        """Make a group with the bot as administrator and return its chat id."""
        roles = {
            user.id: "creator" if index == 0 else "member" for index, user in enumerate(members)
        }
        return self._world.add_group(title, roles, forum=forum, announce=True).id

    def send_raw_update(self, update: dict[str, Any]) -> None:
        """Queue any update for the bot, even a malformed one."""
        self._updates.put_raw(update)

    def method_calls(self, method: str | None = None) -> list[Call]:
        """Return the calls so far, or those of one method."""
        calls = self._api.calls if self._api is not None else ()
        return [call for call in calls if method is None or call.method.lower() == method.lower()]

    def drop_connections(self) -> None:
        """Cut every connection, as a failing network would."""
        if self._connections is not None:
            self._connections.drop_all()

    @property
    def pending_updates(self) -> int:
        """How many updates the bot has not confirmed."""
        return self._updates.pending

    def topics(self, chat_id: int) -> dict[int, str]:
        """Return the topics of a forum group, thread id to name."""
        chat = self._world.chats[chat_id]
        return {topic.thread_id: topic.name for topic in chat.topics.values()}

    def closed_topics(self, chat_id: int) -> list[int]:
        """Return the thread ids of the closed topics of a forum group."""
        chat = self._world.chats[chat_id]
        return [topic.thread_id for topic in chat.topics.values() if topic.closed]

    def close_general(self, chat_id: int, *, closed: bool = True) -> None:
        """Close the general topic, and take the right to manage topics from the bot."""
        self._world.chats[chat_id].general_is_closed = closed

    def delete_topic(self, chat_id: int, thread_id: int) -> None:
        """Delete a topic as a member does, without an update for the bot."""
        self._world.delete_topic(self._world.chats[chat_id], thread_id)

    def _app(self, api: BotApi) -> Starlette:
        pages = WebChat(self._world, self.operators_chat_id, OPERATOR_ID)
        return Starlette(
            routes=[
                Route("/bot{token}/{method}", api.call, methods=["GET", "POST"]),
                Mount("/static", app=pages.static),
                *pages.routes(),
            ],
            middleware=[Middleware(LoopbackGuard)],
        )
