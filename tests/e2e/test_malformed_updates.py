"""Updates that no Telegram would send: each has an end, and the loop lives.

Five hundred of them; ten thousand with `pytest --hypothesis-profile=thorough`.
"""

import itertools

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from storage.ids import UpdateId
from storage.messages import inbox
from tests.support.waiting import at_rest

BATCH = 20
BATCHES = 500 if settings.get_current_profile_name() == "thorough" else 25
numbers = itertools.count(5_000_000)

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(["private", "supergroup", "/start", "/forget", "我想死", "\ud800", "\x00"])
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=4,
)
ids = st.sampled_from([0, -1, 1, 77, 2**52, 2**70, "1", None, 1.5])
chats = anything | st.fixed_dictionaries(
    {"id": ids, "type": st.sampled_from(["private", "group", "supergroup", "channel", 3])}
)
senders = anything | st.fixed_dictionaries(
    {"id": ids, "is_bot": scalars, "first_name": scalars}, optional={"language_code": scalars}
)
messages = anything | st.fixed_dictionaries(
    {},
    optional={
        "message_id": ids,
        "date": st.sampled_from([0, -1, 1_790_000_000, 2**40, "now", None]),
        "chat": chats,
        "from": senders,
        "text": scalars,
        "caption": scalars,
        "entities": anything,
        "photo": anything,
        "reply_to_message": anything,
    },
)
presses = anything | st.fixed_dictionaries(
    {"id": scalars, "from": senders}, optional={"data": scalars, "message": messages}
)
updates = st.fixed_dictionaries(
    {},
    optional={
        "message": messages,
        "edited_message": messages,
        "callback_query": presses,
        "my_chat_member": anything,
        "poll": anything,
        "something_new": anything,
    },
)


@settings(
    max_examples=BATCHES,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink takes a minute a step
    suppress_health_check=list(HealthCheck),
)
@given(batch=st.lists(updates, min_size=BATCH, max_size=BATCH))
async def test_each_has_an_end_and_the_loop_lives(
    batch: list[dict[str, object]],
    sandbox: Sandbox,
    service: Service,
    user: SandboxUser,
    texts: Texts,
) -> None:
    given_ids = [next(numbers) for _ in batch]
    for update_id, update in zip(given_ids, batch, strict=True):
        sandbox.send_raw_update({"update_id": update_id, **update})
    sent = await user.say("/help")
    await user.wait_for(texts("zh", "help")[:6], after=sent, timeout_s=60)
    await at_rest(service, sandbox)
    async with service.parts.database.read() as transaction:
        assert all([await inbox.exists(transaction, UpdateId(each)) for each in given_ids])
