"""The Bot API over HTTP (`/bot<token>/<method>`), with planned faults and a record of calls."""

import asyncio
import hmac
import json
import logging
import re
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.account import BotAccount
from sandbox.connections import Connections, hung_up
from sandbox.errors import (
    ApiError,
    bad_request,
    conflict,
    forbidden,
    not_found,
    too_many_requests,
    unauthorized,
)
from sandbox.faults import Fault, Faults
from sandbox.methods import METHODS
from sandbox.parameters import Parameters, read_parameters

KEPT_CALLS = 20_000
_TOKEN = re.compile(r"[0-9]{1,15}:[A-Za-z0-9_-]{1,100}")
_PAGE = (
    "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n"
    "<center><h1>{status}</h1></center>\r\n<hr><center>nginx</center>\r\n"
    "</body>\r\n</html>\r\n"
)
logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Call:
    """One recorded API call.

    `outcome` is `"ok"`, `"waiting"`, `"hung up"`, `"dropped"`, `"answer lost"`, or the
    description of a refusal.
    """

    method: str
    params: dict[str, Any]
    at: float
    outcome: str = "waiting"
    error_code: int | None = None
    result: Any = None


class _ConnectionCutError(Exception):
    """A fault asks to cut the connection."""


class _OddAnswerError(Exception):
    """Something answers in Telegram's place."""

    def __init__(self, kind: str, response: Response) -> None:
        super().__init__(kind)
        self.response = response


class _ClientGoneError(Exception):
    """The caller hung up during a long poll."""


@dataclass(frozen=True, slots=True)
class BotApi:
    """The endpoint of one bot."""

    token: str
    account: BotAccount
    faults: Faults
    connections: Connections
    clock: Callable[[], float]
    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=KEPT_CALLS), init=False)

    async def call(self, request: Request) -> Response:
        """Answer one call."""
        call = Call(str(request.path_params["method"])[:64], {}, self.clock())
        try:
            self._check_token(request)
            parameters = await read_parameters(request)
            call.params = parameters.public()
            self.calls.append(call)
            call.result = await self._run(call, parameters, request)
        except ApiError as error:
            call.outcome, call.error_code = error.description, error.code
            return _refusal(error)
        except _OddAnswerError as odd:
            call.outcome, call.error_code = str(odd), odd.response.status_code
            return odd.response
        except _ConnectionCutError as dropped:
            call.outcome = str(dropped)
            await self.connections.drop(request)
            return Response(status_code=499)
        except _ClientGoneError:
            call.outcome = "hung up"
            return Response(status_code=499)
        except Exception as error:
            call.outcome, call.error_code = "Internal Server Error", 500
            logger.error("sandbox: %s failed with %s", call.method, type(error).__name__)
            return _refusal(ApiError(500, "Internal Server Error"))
        call.outcome = "ok"
        # ASCII with escapes, as Telegram answers: a raw update may hold half a character.
        answer = json.dumps({"ok": True, "result": call.result})
        return Response(answer, media_type="application/json")

    def _check_token(self, request: Request) -> None:
        token = str(request.path_params["token"])
        if not _TOKEN.fullmatch(token):
            raise not_found()
        if not hmac.compare_digest(token, self.token):
            raise unauthorized()

    async def _run(self, call: Call, parameters: Parameters, request: Request) -> Any:
        name = call.method.lower()
        method = METHODS.get(name)
        if method is None:
            raise not_found()
        fault = self.faults.take(name, parameters.text("chat_id"))
        if fault is not None:
            await self._fail_before(fault, parameters)
        if name == "getupdates":
            return await self._while_connected(method(self.account, parameters), request)
        result = await method(self.account, parameters)
        if fault is not None and fault.kind == "lost_answer":
            call.result = result
            raise _ConnectionCutError("answer lost")
        return result

    async def _while_connected(self, answer: Awaitable[Any], request: Request) -> Any:
        """Give up a waiting poll when its caller hangs up, as a killed bot does."""
        poll = asyncio.ensure_future(answer)
        gone = asyncio.ensure_future(hung_up(request))
        try:
            await asyncio.wait({poll, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not poll.done():
                raise _ClientGoneError
            return poll.result()
        finally:
            gone.cancel()
            poll.cancel()

    async def _fail_before(self, fault: Fault, parameters: Parameters) -> None:
        refusals: dict[str, ApiError] = {
            "429": too_many_requests(fault.retry_after),
            "403": forbidden("bot was blocked by the user"),
            "409": conflict(
                "terminated by other getUpdates request; make sure that only one bot instance "
                "is running"
            ),
            "500": ApiError(500, "Internal Server Error"),
            "502": ApiError(502, "Bad Gateway"),
        }
        if fault.kind in refusals:
            raise refusals[fault.kind]
        if fault.kind == "refusal":
            raise ApiError(fault.status, fault.description)
        if fault.kind in ("page", "empty", "json"):
            raise _OddAnswerError(fault.kind, _odd_answer(fault))
        if fault.kind == "drop":
            raise _ConnectionCutError("dropped")
        if fault.kind == "slow":
            await asyncio.sleep(fault.delay_s)
        if fault.kind == "topic_deleted":
            self._delete_topic(parameters)

    def _delete_topic(self, parameters: Parameters) -> None:
        chat = self.account.chat(parameters)
        thread_id = parameters.integer("message_thread_id")
        if thread_id in chat.topics:
            self.account.world.delete_topic(chat, thread_id)
        raise bad_request("message thread not found")


def _refusal(error: ApiError) -> Response:
    if error.code == 502:
        return _page(502)
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after else None
    return JSONResponse(error.body(), status_code=error.code, headers=headers)


def _odd_answer(fault: Fault) -> Response:
    if fault.kind == "json":
        return JSONResponse(fault.answer, status_code=fault.status)
    return _page(fault.status) if fault.kind == "page" else Response(status_code=fault.status)


def _page(status: int) -> Response:
    """Return a proxy's page."""
    return Response(_PAGE.format(status=status), status_code=status, media_type="text/html")
