"""Generated parameters and messages: refused or accepted, never a server error."""

from __future__ import annotations

import json
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox import Sandbox
from sandbox.methods import METHODS

ENTITY_WORDS = [
    "type",
    "offset",
    "length",
    "url",
    "user",
    "inline_keyboard",
    "text",
    "callback_data",
    "message_id",
]
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["", "0", "-1", "1" * 30, "901", "attach://x", "HTML", "[", "{}", "\x00"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "offset",
                    "length",
                    "url",
                    "user",
                    "inline_keyboard",
                    "text",
                    "callback_data",
                    "message_id",
                ]
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        "chat_id",
        "text",
        "entities",
        "parse_mode",
        "reply_markup",
        "message_id",
        "message_thread_id",
        "reply_parameters",
        "draft_id",
        "caption",
        "caption_entities",
        "document",
        "photo",
        "action",
        "callback_query_id",
        "commands",
        "scope",
        "user_id",
        "name",
        "icon_color",
        "offset",
        "limit",
        "allowed_updates",
        "url",
        "file_id",
        "message_ids",
    ]
)
QUIET = sorted(set(METHODS) - {"setwebhook"})


ENTITIES = st.lists(
    st.fixed_dictionaries(
        {"offset": st.integers(-2, 12) | JSON_VALUES, "length": st.integers(-2, 12)},
        optional={
            "type": st.sampled_from(["bold", "text_link", "text_mention", "pre"]) | JSON_VALUES,
            "url": st.just("https://a.example") | JSON_VALUES,
            "user": JSON_VALUES,
        },
    ),
    max_size=3,
)
KEYBOARDS = st.fixed_dictionaries(
    {
        "inline_keyboard": st.lists(
            st.lists(
                st.fixed_dictionaries(
                    {"text": st.text() | JSON_VALUES},
                    optional={"callback_data": st.text() | JSON_VALUES, "url": JSON_VALUES},
                ),
                max_size=2,
            )
            | JSON_VALUES,
            max_size=2,
        )
    }
)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    text=st.text(max_size=12),
    entities=ENTITIES,
    keyboard=KEYBOARDS,
)
async def test_no_message_breaks_the_server_or_its_pages(
    sandbox: Sandbox, text: str, entities: Any, keyboard: Any
) -> None:
    if 901 not in [user.id for user in sandbox.users]:
        await sandbox.add_user(901).say("hi")
    async with httpx.AsyncClient(verify=False, base_url=sandbox.api_url) as client:
        answer = await client.post(
            f"/bot{sandbox.token}/sendMessage",
            json={
                "chat_id": 901,
                "text": text,
                "entities": entities,
                "reply_markup": keyboard,
            },
        )
        assert answer.status_code in {200, 400}, answer.text
        if answer.status_code == 200:
            assert (await client.get("/people/901")).status_code == 200


@settings(
    max_examples=250,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    method=st.sampled_from(QUIET),
    values=st.dictionaries(NAMES, JSON_VALUES, max_size=6),
    as_form=st.booleans(),
)
async def test_no_parameters_break_the_server(
    sandbox: Sandbox, method: str, values: dict[str, Any], as_form: bool
) -> None:
    if 901 not in [user.id for user in sandbox.users]:
        await sandbox.add_user(901).say("hi")
    values.setdefault("chat_id", 901)
    url = f"{sandbox.api_url}/bot{sandbox.token}/{method}"
    async with httpx.AsyncClient(verify=False) as client:
        if as_form:
            form = {key: v if isinstance(v, str) else json.dumps(v) for key, v in values.items()}
            answer = await client.post(url, data=form)
        else:
            answer = await client.post(url, json=values)
    assert answer.status_code < 500, answer.text
    assert answer.json()["ok"] is (answer.status_code == 200)
