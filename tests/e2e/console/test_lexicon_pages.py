"""The lexicon's playground and the form for a change, over real HTTP."""

import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from structlog.testing import capture_logs

from bot.service.lifecycle import Service
from console.guard import MOST_BYTES
from console.pages.lexicon import MOST_BYTES as MOST_OF_FORM
from safety.changes.form import MOST_BYTES as MOST_OF_CHANGE
from storage.review.operators import Operator
from tests.e2e.console.conftest import Seat, acts_of
from tests.e2e.console.lexicon_cast import CHANGE, LEXICON, SAID, proposed, refusal

Sit = Callable[[Operator], Awaitable[Seat]]


def written(text: str, folder: Path) -> list[str]:
    """The files in which a text stands in the clear."""
    files = [each for each in folder.rglob("*") if each.is_file()]
    return [each.name for each in files if text.encode() in each.read_bytes()]


async def test_a_text_is_tried_and_forgotten(
    sit: Sit, reviewer: Operator, service: Service, tmp_path: Path
) -> None:
    seat = await sit(reviewer)
    page = (await seat.client.get(LEXICON)).text
    assert "Nothing of it is stored or logged" in page
    text = "昨天在图书馆<i>，我不想活了"
    with capture_logs() as logs:
        alone = (await seat.post(f"{LEXICON}/try", text=text, typed="  ")).text
        beside = (await seat.post(f"{LEXICON}/try", text=text + SAID, typed=CHANGE)).text
    assert alone.count('class="side"') == 1 and beside.count('class="side"') == 2
    assert "昨天在图书馆&lt;i&gt;，" in alone and '<mark class="level-3"' in alone
    assert "zh.suicide" in alone and "intent or plan" in alone
    live, changed = beside.split('id="side-2"')
    assert "zh.suicide.made_up" not in live and "zh.suicide.made_up · suicide · 3" in changed
    assert "~" in changed and "~" not in live  # the version of a lexicon with changes
    assert [r.act for r in await acts_of(service, operator_id=reviewer.operator_id)] == [
        "viewed_lexicon",
        "signed_in",
        "link_made",
    ]
    assert "图书馆" not in str(logs)
    assert not written("图书馆", tmp_path)


async def test_what_cannot_be_tried(sit: Sit, reviewer: Operator) -> None:
    seat = await sit(reviewer)
    assert "4096" in refusal(await seat.post(f"{LEXICON}/try", text="长" * 4097))
    assert "add" in refusal(await seat.post(f"{LEXICON}/try", text="x", typed="add: []"))
    assert "decided" in refusal(await seat.post(f"{LEXICON}/try", text="x", change="99"))


async def test_a_change_that_cannot_be_read(sit: Sit, reviewer: Operator, service: Service) -> None:
    seat = await sit(reviewer)
    for typed, said in {
        "": "Type a change first",
        "why: x": "the change is empty",
        "why: x\nadd: [<script>": "line 2",
        "why: x\ndisable: [zh.no.such]": "zh.no.such",
        "why: x\n<b>: 1": "unknown key '<b>'",
        CHANGE.replace("level: 3", "level: 9"): "line 4: add, entry 1 (zh.suicide.made_up)",
    }.items():
        answer = await seat.post(f"{LEXICON}/propose", typed=typed)
        assert said in refusal(answer), typed
        assert "<b>" not in answer.text and "<script" not in answer.text
        assert "HX-Redirect" not in answer.headers
    assert await acts_of(service, act="lexicon_proposed") == []


async def test_hostile_changes_are_refused_quickly(sit: Sit, reviewer: Operator) -> None:
    seat = await sit(reviewer)
    laughs = "why: x\na: &a [x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
    )
    braces = CHANGE.replace("[去咕噜星球]", json.dumps(["{a|b|c|d|e|f|g|h|i}" * 9]))
    for typed in (
        laughs,
        braces,
        "[" * 60_000,
        "why: x\nadd: " + "[" * 5_000 + "]" * 5_000,
        "why: !!python/object/apply:os.system [id]\n",
        "why: x\n" + "字" * (MOST_OF_CHANGE // 3 + 9),
        "\x00\x07",
        "why: " + "9" * 60_000,
    ):
        began = time.monotonic()
        refusal(await seat.post(f"{LEXICON}/propose", typed=typed))
        assert time.monotonic() - began < 15, typed[:30]


async def test_only_these_forms_may_be_long(sit: Sit, reviewer: Operator) -> None:
    seat = await sit(reviewer)
    room = "字" * ((MOST_OF_CHANGE - len(CHANGE.encode()) - 2) // 3)
    long = f"{CHANGE}# {room}"
    assert MOST_OF_CHANGE - 3 <= len(long.encode()) <= MOST_OF_CHANGE
    path = await proposed(seat, long)
    assert room in (await seat.client.get(path)).text
    both = await seat.post(f"{LEXICON}/try", text="字" * 4096, typed=long)
    assert both.status_code == 200 and both.text.count('class="side"') == 2
    for where in ("/console/me", f"{path}/withdraw", f"{LEXICON}/try/", "/console/lexicon"):
        assert (await seat.post(where, name="x" * MOST_BYTES)).status_code == 413, where
    for where in ("propose", "try"):
        answer = await seat.post(f"{LEXICON}/{where}", typed="x" * MOST_OF_FORM)
        assert answer.status_code == 413
