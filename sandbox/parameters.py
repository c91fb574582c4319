"""The parameters of a call, from a query string, a form, multipart or JSON.

Like Telegram, it treats every value as text: numbers may come as strings, objects as JSON text.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from sandbox.errors import ApiError, bad_request

MAX_BODY_BYTES = 60 * 1024 * 1024
_INTEGER = re.compile(r"\s*([+-]?\d{1,19})")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file sent with a call."""

    filename: str
    content: bytes
    content_type: str


@dataclass(slots=True)
class Parameters:
    """Named text values and files, with typed readers."""

    values: dict[str, str] = field(default_factory=dict)
    files: dict[str, Upload] = field(default_factory=dict)

    def text(self, name: str, default: str = "") -> str:
        """Return the value as text."""
        return self.values.get(name, default)

    def integer(self, name: str, default: int = 0, *, low: int | None = None) -> int:
        """Return the leading digits of the value as an integer, or 0, as Telegram does."""
        if name not in self.values:
            return default
        match = _INTEGER.match(self.values[name])
        number = int(match.group(1)) if match else 0
        return number if low is None else max(low, number)

    def boolean(self, name: str) -> bool:
        """Return whether the value is `true`, `yes` or `1`."""
        return self.values.get(name, "").lower() in {"true", "yes", "1"}

    def json(self, name: str) -> Any:
        """Parse the value as JSON. Returns None if it is absent or empty."""
        raw = self.values.get(name, "")
        return parse_json(raw, of=name) if raw else None

    def public(self) -> dict[str, Any]:
        """Return the values and the names of the files, for the record of calls."""
        shown: dict[str, Any] = dict(self.values)
        shown.update({name: upload.filename for name, upload in self.files.items()})
        return shown


def parse_json(raw: str, *, of: str) -> Any:
    """Parse JSON that came from outside, or refuse it with a 400."""
    try:
        value = json.loads(raw, parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise bad_request(f"can't parse {of} JSON object") from None
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


async def read_parameters(request: Request) -> Parameters:
    """Read the query string and the body of a call.

    Raises:
        ApiError: the body is too big or does not parse.
    """
    declared = request.headers.get("content-length", "0")
    if not declared.isascii() or not declared.isdigit() or int(declared[:12]) > MAX_BODY_BYTES:
        raise ApiError(413, "Request Entity Too Large")
    parameters = Parameters()
    _take(parameters, request.query_params.multi_items())
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        _take(parameters, _json_items(await request.body()))
    elif kind in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        await _take_form(parameters, request)
    return parameters


def _json_items(body: bytes) -> Iterable[tuple[str, Any]]:
    if not body:
        return []
    try:
        value = parse_json(body.decode(), of="request")
    except (UnicodeDecodeError, ApiError):
        raise bad_request("can't parse JSON encoded request") from None
    if not isinstance(value, dict):
        raise bad_request("can't parse JSON encoded request: object expected")
    return list(value.items())


async def _take_form(parameters: Parameters, request: Request) -> None:
    try:
        form = await request.form(max_part_size=MAX_BODY_BYTES)
    except (HTTPException, UnicodeDecodeError, ValueError):
        raise bad_request("can't parse the request body") from None
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            parameters.files[name] = Upload(
                filename=value.filename or "file",
                content=await value.read(),
                content_type=value.content_type or "application/octet-stream",
            )
        else:
            _take(parameters, [(name, value)])
    await form.close()


def _take(parameters: Parameters, items: Iterable[tuple[str, Any]]) -> None:
    for name, value in items:
        if value is None:
            continue
        text = _as_text(value)
        try:
            text.encode()
        except UnicodeEncodeError:
            raise bad_request("strings must be encoded in UTF-8") from None
        parameters.values[name] = text


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
