"""A change of the lexicon over real HTTP: its replay, its examples, and who decides on it."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bot.service.lifecycle import Service
from review.operators import roster
from safety.screening.canary import CANARIES
from safety.screening.screener import Screener
from storage import utc_now
from storage.companion import conversations, people
from storage.companion.conversations import Speaker
from storage.review import operators
from storage.review.operators import Operator
from tests.e2e.console.conftest import Seat, acts_of
from tests.e2e.console.lexicon_cast import LEXICON, SAID, proposed, refusal
from tests.support.waiting import until

Sit = Callable[[Operator], Awaitable[Seat]]


@pytest.fixture
async def second(service: Service, admin: Operator) -> Operator:
    """Another admin."""
    async with service.parts.database.begin() as transaction:
        return await roster.add(
            transaction, admin, 555_003, role=operators.OperatorRole.ADMIN, name="Bo", language="en"
        )


async def ended(seat: Seat, path: str) -> str:
    """What the page shows once the replay of a change is over."""

    async def is_over() -> bool:
        return "<progress" not in (await seat.client.get(f"{path}/live")).text

    await until(is_over, within_s=120)
    return (await seat.client.get(f"{path}/live")).text


def made_up(service: Service, **values: Any) -> None:
    """Replays that somebody made up: here they are not what is tested."""
    policy = service.parts.crisis.lexicon
    none = {"total": 0, "risk": 0, "harmless": 0, "unlabelled": 0}
    each = {
        "messages": 0,
        "before": 0,
        "after": 0,
        "gained": none,
        "lost": none,
        "raised": none,
        "lowered": none,
        "grave": {"before": 0, "after": 0, "gained": none, "lost": none},
    }

    async def run(*_: Any, **__: Any) -> dict[str, Any]:
        version = policy.live.version
        counts = {"before": version, "after": "x", "total": each, "sources": {}, "broken": 0}
        return {"counts": counts, "examples": {}, "broken": [], **values}

    policy.replays.run = run


async def says(service: Service, text: str) -> None:
    """Somebody who allows the use of their words says this."""
    now = utc_now()
    async with service.parts.database.begin() as transaction:
        person = await people.get_or_create(transaction, 900_002, language="zh")
        await people.change(transaction, person.person_id, consent_at=now, training_consent_at=now)
        session = await conversations.current_session(transaction, person.person_id)
        await conversations.append(
            transaction, person.person_id, session, Speaker.PERSON, text=text
        )


async def test_from_a_proposal_to_use_and_back(
    sit: Sit, admin: Operator, second: Operator, reviewer: Operator, service: Service
) -> None:
    await says(service, SAID)
    ann, bo, rui = await sit(admin), await sit(second), await sit(reviewer)
    path = await proposed(ann)
    page = (await rui.client.get(path)).text
    assert "a made-up &lt;word&gt;" in page and "# what people say here" in page
    assert "/approve" not in page and "/replay" in page and "/withdraw" not in page
    assert "Replay the change first" in refusal(await bo.post(f"{path}/approve"))

    begun = await rui.post(f"{path}/replay")
    assert begun.headers["HX-Trigger"] == "acted"
    running = (await bo.client.get(f"{path}/live")).text
    assert "<progress" in running and "/cancel" in running
    assert "Only one can run at a time" in refusal(await bo.post(f"{path}/replay"))
    part = await ended(rui, path)
    stored = part.split("Stored talks")[1].split("</tr>")[0]
    assert "<td>1</td>" in stored and "0 → 1" in stored and "1 unlabelled" in stored
    assert "No message known to be at risk" in part and "Show gained (" in part
    mark = part.split("seen=")[1][:16]
    again = await rui.client.get(f"{path}/live?seen={mark}")
    assert again.status_code == 204  # nothing new: what is read stays as it is

    for shown in (part, (await rui.client.get(path)).text):
        assert "咕噜星球了" not in shown
    assert await acts_of(service, act="viewed_words") == []
    words = (await rui.client.get(f"{path}/examples?kind=gained")).text
    assert '我要<mark class="level-3" title="' in words
    assert "zh.suicide.made_up" in words
    assert "去咕噜星球</mark>了&lt;b&gt;&amp;" in words and "<b>&" not in words
    (record,) = await acts_of(service, act="viewed_words")
    assert record.operator_id == reviewer.operator_id
    many = words.count("<article")
    assert record.detail == {"turns": many, "grave": many, "change": 1}
    assert f"High-risk turns read today: {many}" in words

    assert (await rui.post(f"{path}/approve")).status_code == 403
    assert "另一位管理员" in refusal(await ann.post(f"{path}/approve"))
    shipped = service.parts.crisis.lexicon.live.version
    assert "/approve" in (await bo.client.get(path)).text
    assert "/approve" not in (await ann.client.get(path)).text
    assert (await bo.post(f"{path}/approve")).headers["HX-Trigger"] == "acted"
    assert service.parts.crisis.lexicon.live.version != shipped
    assert "already decided on this change" in refusal(await bo.post(f"{path}/approve"))
    listed = (await rui.client.get(f"{LEXICON}?state=live")).text
    assert 'data-change="1"' in listed and "in use: Bo" in listed
    assert 'data-change="1"' not in (await rui.client.get(f"{LEXICON}?state=proposed")).text
    tried = (await rui.post(f"{LEXICON}/try", text=SAID)).text
    assert "zh.suicide.made_up" in tried

    assert "not allowed" in refusal(await rui.post(f"{path}/withdraw"))
    assert "/withdraw" not in (await rui.client.get(path)).text
    assert (await ann.post(f"{path}/withdraw")).headers["HX-Trigger"] == "acted"
    assert service.parts.crisis.lexicon.live.version == shipped
    assert "withdrawn" in (await rui.client.get(path)).text
    acts = [r.act for r in reversed(await acts_of(service)) if r.act.startswith("lexicon")]
    assert acts == [
        "lexicon_proposed",
        "lexicon_replayed",
        "lexicon_examples_read",
        "lexicon_live",
        "lexicon_withdrawn",
    ]


async def test_a_replay_is_cancelled(
    sit: Sit, reviewer: Operator, second: Operator, service: Service
) -> None:
    seat, other = await sit(reviewer), await sit(second)
    path = await proposed(seat)
    assert "No replay of this change" in refusal(await other.post(f"{path}/cancel"))
    await seat.post(f"{path}/replay")
    assert "No replay of this change" in refusal(await other.post(f"{LEXICON}/changes/77/cancel"))
    assert (await other.post(f"{path}/cancel")).headers["HX-Trigger"] == "acted"
    part = await ended(seat, path)
    assert "was cancelled" in part and "<table" not in part
    (record,) = await acts_of(service, act="lexicon_replay_cancelled")
    assert record.operator_id == second.operator_id and record.detail == {"change": 1}
    assert "no longer in memory" in refusal(await seat.client.get(f"{path}/examples?kind=gained"))


async def test_a_replay_that_fails_says_why(
    sit: Sit, reviewer: Operator, service: Service, tmp_path: Path
) -> None:
    seat = await sit(reviewer)
    path, other = await proposed(seat), await proposed(seat)
    service.parts.crisis.lexicon.replays.folder = tmp_path / "gone"
    await seat.post(f"{path}/replay")
    assert "did not finish" in await ended(seat, path)
    assert "did not finish" not in (await seat.client.get(other)).text  # it is not this one's


async def test_a_stale_replay_and_a_missed_canary(
    sit: Sit,
    admin: Operator,
    second: Operator,
    service: Service,
    screener: Screener,
) -> None:
    made_up(service)
    ann, bo = await sit(admin), await sit(second)
    rules = sorted({m.rule for m in screener.screen(CANARIES[0][0]).matches})
    bad = await proposed(ann, json.dumps({"why": "no good", "disable": rules}))
    first = await proposed(ann)
    for path in (bad, first):
        await ann.post(f"{path}/replay")
        await ended(ann, path)
    assert "would be missed" in refusal(await bo.post(f"{bad}/approve"))
    assert (await bo.post(f"{first}/approve")).headers["HX-Trigger"] == "acted"
    assert "went live since" in refusal(await bo.post(f"{bad}/approve"))
    page = (await bo.client.get(bad)).text
    assert "Something else went live since" in page
    on_top = await proposed(ann, "why: on top\nrelevel: {zh.suicide.made_up: 2}\n")
    await ann.post(f"{on_top}/replay")
    await ended(ann, on_top)
    await bo.post(f"{on_top}/approve")
    number = on_top.rsplit("/", 1)[1]
    assert f"Withdraw first: {number}" in refusal(await bo.post(f"{first}/withdraw"))
    assert (await bo.post(f"{bad}/reject")).headers["HX-Trigger"] == "acted"
    assert "rejected: Bo" in (await bo.client.get(f"{LEXICON}?state=rejected")).text


async def test_examples_are_shown_a_few_at_a_time(
    sit: Sit, reviewer: Operator, service: Service
) -> None:
    moved = [
        {
            "source": "a<b>.jsonl",
            "index": n,
            "text": f"<q>{n}",
            "is_risk": n % 2 == 0,
            "before": 3,
            "after": 0,
            "rules_before": ["r"],
            "rules_after": [],
            "places_after": [],
            "places_before": [
                {
                    "rule": "r",
                    "start": 0,
                    "end": 2,
                    "level": 3,
                    "lowered": False,
                    "category": "suicide",
                }
            ],
        }
        for n in range(45)
    ]
    broken = [{"rule": "zh.x", "example": "<i>例", "must_match": False}]
    made_up(service, examples={"lost": moved}, broken=broken)
    seat = await sit(reviewer)
    path = await proposed(seat)
    await seat.post(f"{path}/replay")
    await ended(seat, path)
    for page, many in ((0, 20), (1, 20), (2, 5), (3, 0)):
        part = (await seat.client.get(f"{path}/examples?kind=lost&page={page}")).text
        assert part.count("<article") == many
    first = (await seat.client.get(f"{path}/examples?kind=lost")).text
    assert "&lt;q</mark>&gt;0</p>" in first and "a&lt;b&gt;.jsonl" in first
    assert "&lt;i&gt;例" in (await seat.client.get(f"{path}/examples?kind=broken")).text
    shown = [r.detail["turns"] for r in await acts_of(service, act="viewed_words")]
    assert sorted(shown) == [0, 5, 20, 20, 20]


async def test_there_is_no_such_change(sit: Sit, admin: Operator) -> None:
    seat = await sit(admin)
    for number in (1, 10**14):
        for part in ("", "/live"):
            answer = await seat.client.get(f"{LEXICON}/changes/{number}{part}")
            assert answer.status_code == 404
        for act in ("approve", "reject", "withdraw", "replay"):
            assert "已经有人" in refusal(await seat.post(f"{LEXICON}/changes/{number}/{act}"))
