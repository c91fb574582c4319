"""What no text of check-ins may do: count days, blame, hold, urge, reward.

Knows nothing of where a text comes from: the reviewed ones are linted with these patterns
(`tests/unit/bot/checkins/test_texts.py`), the model's sentences are checked with them
(`form.py`).
"""

import re

BAIT = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        "streaks": r"连续.{0,4}[天日次周]|坚持了|打卡|第\s*\d+\s*天|\bstreak|\bdays? in a row\b"
        r"|\bday \d+\b"
        r"|don'?t break|keep it (?:up|going)|断签|全勤|记录保持",
        "guilt": r"怎么不理|不理我|为什么不(?:回|答|来)|好久不(?:见|来)|你去哪|忘了我|让我失望"
        r"|担心你不|where (?:have|were) you|why (?:did|have)n'?t you"
        r"|you (?:have )?(?:forgot|ignored)|let (?:me )?down|haven'?t heard|long time no"
        r"|disappoint",
        "bait": r"想你|想念|舍不得|别走|不要走|留下来|离不开|等你(?:回|来)|只有(?:我|你)|没有你"
        r"|\bmiss(?:ed)? (?:you|me)\b|don'?t (?:go|leave)|please stay|waiting for you|need you"
        r"|想我|lonely without|only (?:I|you)\b|come back to me",
        "urging": r"快来|赶紧|马上回|必须|一定要(?:回|来|答)|最后(?:一次)?机会|(?<!no )\bhurry"
        r"|last chance|right away|you must|you have to|don'?t forget",
        "rewards": r"奖励|积分|勋章|解锁|\breward|\bbadge|\bpoints\b|\bunlock",
    }.items()
}


def is_bait(text: str) -> bool:
    """Whether a text does any of that."""
    return any(pattern.search(text) for pattern in BAIT.values())
