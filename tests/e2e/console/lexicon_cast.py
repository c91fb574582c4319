"""A change of the lexicon, and what tests of its pages do with it."""

import html

import httpx

from tests.e2e.console.conftest import Seat

LEXICON = "/console/lexicon"
SAID = "我要去咕噜星球了<b>&"
CHANGE = """# what people say here
why: a made-up <word>
add:
  - id: zh.suicide.made_up
    level: 3
    category: suicide
    patterns: [去咕噜星球]
    match: [我要去咕噜星球]
    no_match: [咕噜星球很远]
"""


async def proposed(seat: Seat, change: str = CHANGE) -> str:
    """The path of a change that this operator proposed."""
    answer = await seat.post(f"{LEXICON}/propose", typed=change)
    assert "HX-Redirect" in answer.headers, answer.text
    return answer.headers["HX-Redirect"]


def refusal(answer: httpx.Response) -> str:
    assert answer.status_code == 200 and answer.headers["HX-Trigger"] == "refused", answer.text
    assert "notice refused" in answer.text
    return html.unescape(answer.text)
