"""The spellings that people write for a risk to evade filters: 紫砂, 自鲨, 条楼, 割婉.

If a spelling is also a plain word (紫砂 is a clay), only its surroundings make it a disguise.
"""

import re

_ASKED = "想要去会敢备算试又就法式死再真去过了能"
_NOT_POT = "(?![壶杯锅茶泥煲器盆艺陶矿内材])"

# Each spelling is as long as its meaning, so that positions stay the same.
_SPELLINGS: tuple[tuple[str, str], ...] = (
    (rf"(?<=[{_ASKED}])(?:紫砂|紫沙|紫杀|姊杀){_NOT_POT}", "自杀"),
    ("自[鲨沙砂刹煞纱莎铩]|[紫子字梓][鲨杀刹]|z[鲨杀沙砂]|自s(?![a-z])", "自杀"),
    ("自[惨蚕餐参灿]|紫残", "自残"),
    ("[条挑眺迢窕][楼娄喽]|跳[娄喽搂篓]|t楼", "跳楼"),
    ("[跳挑][喝合何和](?=[自里了吧])", "跳河"),
    ("[割隔搁各葛鸽歌]{1}[婉宛万碗挽莞](?![元块个里菜饭])", "割腕"),
    ("[尚上][掉钓叼吊](?=[自死了算吧])", "上吊"),
    ("[烧稍捎梢][碳叹探]", "烧炭"),
    ("[青清]生(?=的念|念头|的想)", "轻生"),
    ("安[绵棉]药|安眠[要耀]", "安眠药"),
    ("(?<=[想要去会敢])[肆寺祀嗣饲](?=[了掉吧啊算的,，。!?~]|$)", "死"),
    ("(?<=[想去要])[4s](?=[了掉吧啊算,，。!?~]|$)", "死"),
    ("不想[火或伙](?=[了着下])", "不想活"),
    ("(?<=[想要会])[鲨煞刹砂沙](?=[了人他她你死掉])", "杀"),
)
_COMPILED = tuple((re.compile(pattern), plain) for pattern, plain in _SPELLINGS)
_TRIGGERS = frozenset(
    "紫砂沙鲨姊刹煞纱莎铩梓惨蚕餐参灿条挑眺迢窕娄喽搂篓喝合何和婉宛万碗挽莞掉钓叼碳叹探青清绵棉要耀"
    "肆寺祀嗣饲4s火或伙tz"
)


def substitutes(surface: str) -> dict[int, str]:
    """Return the meant character for each character of such a spelling, by position.

    Args:
        surface: Folded text.
    """
    if _TRIGGERS.isdisjoint(surface):
        return {}
    meant: dict[int, str] = {}
    for pattern, plain in _COMPILED:
        for hit in pattern.finditer(surface):
            if hit.end() - hit.start() == len(plain):
                meant.update(zip(range(hit.start(), hit.end()), plain, strict=True))
    return meant
