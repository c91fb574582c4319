"""The kinds of answers to a reviewed question: yes, no, unsure, quiet, fine, angry.

`response/script.py` chooses what follows an answer, and `context.py` what it adds to the level. A
message longer than an answer is OTHER, and only screening judges it.
"""

import re
from enum import StrEnum

# The most characters of a bare answer.
LONGEST = 24
# The most characters of a message read as anger, a joke or "I am fine now".
LONGEST_MOOD = 60


class Answer(StrEnum):
    """The kinds of answers."""

    YES = "yes"
    NO = "no"
    UNSURE = "unsure"
    # Dots or a single sound: the person is there but does not speak.
    QUIET = "quiet"
    # "I am all right now", or "it was only a joke".
    FINE = "fine"
    ANGRY = "angry"
    OTHER = "other"


_END = r"[\s,，。.!！?？~…、]*"
_PARTICLE = "[的了啊呀吧呢哦噢嘛哈诶欸]*"
# Yes in the languages of the lexicon. Half a yes counts too, because the question was direct.
_YES = re.compile(
    rf"^{_END}(?:(?:嗯+|恩+|唔+|对|对对|是|是的|有|有过|有想过|想过|会|会想|真的|确实|当然|没错"
    rf"|一直|一直都有|经常|总是|每天"
    r"|有时|有时候|偶尔|有一点|有点|一点点|可能有|应该有|大概有|想|想啊|系|系啊|有啊|有谂过"
    r"|谂过|好多次|很多次|不止一次|最近有|现在有|刚刚有"
    r"|en|enn|dui|shi|you"
    r"|yes+|yeah+|yep|yup|ya|yea|mhm+|mm+hm+|uh ?huh|i do|i have|i am|i did|sometimes|often"
    r"|always|a little"
    r"|a bit|kind of|kinda|sort of|sorta|every day|all the time|i think so|i guess so|sure"
    r"|right|correct|true"
    rf"|of course|definitely|y|👍|✅|1){_PARTICLE}{_END}){{1,3}}$"
)
_NO = re.compile(
    rf"^{_END}(?:(?:没|没有|没有过|不|不是|不会|不想|没想过|从来没有|没人|没有人|一个人|就我一个"
    r"|不在|没受伤|没有受伤|没吃|冇|唔系|唔会|唔想|冇人|还没|没打|没有打"
    r"|no+|nope|nah|never|not really|i don'?t|i haven'?t|i didn'?t|i'?m not|nobody|no one"
    rf"|none|alone|just me|not yet|n|👎|❌|0){_PARTICLE}{_END}){{1,3}}$"
)
_UNSURE = re.compile(
    rf"^{_END}(?:不知道|我不知道|不清楚|说不清|说不好|可能|也许|大概|或许|不确定|唔知|不想说"
    rf"|不想回答|别问了|算了|随便|无所谓|为什么问|你猜"
    r"|maybe|perhaps|possibly|idk|i don'?t know|dunno|not sure|i guess|whatever|don'?t ask"
    r"|does it matter"
    rf"|i'?d rather not|can'?t say|hard to say|probably|🤷|😶|😔|😢|😭|🙂){_PARTICLE}{_END}$"
)
_QUIET = re.compile(
    r"^[\s.。…,，·、?？-]{1,12}$|^(?:嗯+|恩+|唔+|哦+|噢+|呃+|额+|hm+|mm+|oh|ok|k|好|好吧)$"
)
_FINE = re.compile(
    r"(?:我?(?:现在|已经|真的)?(?:没事了?|好多了|好些了|好一点了|冷静(?:下来)?了|想通了|不想死了|缓过来了)"
    r"|开(?:个|了个)?玩笑|逗你(?:的|玩)|骗你的|随便说说|说着玩|只是说说|我挺好的|冇事|讲笑"
    r"|\b(?:i'?m|i am|feeling) (?:fine|ok|okay|all right|alright|good|better|much better|calm)\b"
    r"|just (?:kidding|joking)|\bjk\b|only (?:kidding|joking)|was (?:a joke|joking|kidding)"
    r"|didn'?t mean it|i feel better)"
)
_ANGRY = re.compile(
    r"(?:滚|闭嘴|烦不烦|别烦我|烦死了|有病吧?|废物|垃圾|傻[逼bx]|神经病|你懂什么|你根本不懂"
    r"|没用的?(?:机器|程序|东西|废话)|(?:都是|全是)废话|套话|复读机|机器人|只会说这些|说这些有什么用"
    r"|不要(?:再)?发电话|别给我(?:发)?电话|打了没人接|收声|痴线"
    r"|\b(?:fuck|shut up|screw you|leave me alone|go away|useless|stupid|idiot|bullshit|hate you"
    r"|you don'?t (?:understand|care|get it)|stop (?:asking|sending|it)|you'?re (?:just )?a (?:bot"
    r"|machine|program|robot)|same (?:thing|crap)|annoying)\b)"
)


def read(surface: str) -> Answer:
    """Classify a message as an answer.

    Args:
        surface: the folded message (`normalise(text).surface`).
    """
    for kind, pattern, longest in _KINDS:
        if len(surface) <= longest and pattern.search(surface):
            return kind
    return Answer.OTHER


_KINDS = (  # the first that fits counts: a bare 嗯 after a question is a yes
    (Answer.YES, _YES, LONGEST),
    (Answer.QUIET, _QUIET, LONGEST),
    (Answer.NO, _NO, LONGEST),
    (Answer.UNSURE, _UNSURE, LONGEST),
    (Answer.FINE, _FINE, LONGEST_MOOD),
    (Answer.ANGRY, _ANGRY, LONGEST_MOOD),
)
