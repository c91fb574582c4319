"""Whose risk a match speaks of, and whether it is meant: what its surroundings say.

Reads the folded text in short windows, in Chinese and English. Only ever lowers: a negated or
invented risk becomes distress (level 1), somebody else's becomes level 2 under its own
category, a past one level 2. A risk that its writer names as their own in the present is
never lowered. Knows no lexicon and no other message.
"""

import re
from collections.abc import Callable
from dataclasses import replace

from safety.levels import Category, Level
from safety.matcher import ends_sentence
from safety.rules import Candidate

_BEFORE, _AFTER = 48, 40

# --- negation -------------------------------------------------------------------------------
_NOT_ZH = re.compile(
    r"(?:(?<!是)(?<!不)(?P<a>没有?|不是真的?|从没|从未|并不|并没有?|不会|不|别|无|冇|唔|未|绝不|拒绝|放弃|停止|打消)"
    r"(?:[想要会去过再是真的有任何曾打算愿意该能可以做出这种个产生起到过真正因为此而了就]){0,6})$"
)
_NOT_ZH_EXCEPT = re.compile(
    r"(?:不是不|没有?不|不得不|(?P<x>[想要会是敢能有])[不没](?P=x)?|忍不住|控制不住|克制不住|不停|不断|不知|不如"
    r"|不仅|不光|不止|不时|不禁|不由|要不是?|不然|不过|动不动|恨不得|巴不得|莫名|还不|不就是?|没用|没事|没法不"
    r"|不敢|没勇气|不单|不只|不懂|不了|差不多|没人|不好|不行|不到|不开心|不愿意活|没意思|没有意义)[^，。,]{0,6}$"
)
_GONE_ZH = re.compile(
    r"^(?:了?的?(?:想法|念头|心|打算|冲动|情绪|倾向)?)(?:都|也|早|已经?|现在|就|慢慢)*"
    r"(?:没有了|没了|消失了?|不见了|打消了|过去了|不存在|是假的|开玩笑|只是玩笑|不可能)"
)
_NOT_EN = re.compile(
    r"(?:\b(?:not|never|no|without|nor|neither|stopped|denied?|don'?t|didn'?t|wouldn'?t|won'?t"
    r"|isn'?t|aren'?t|wasn'?t"
    r"|haven'?t|hasn'?t|can'?t|cannot|doesn'?t|ain'?t)\s+"
    r"(?:(?:even|want|wanted|wanting|wanna|going|gonna|to|really|actually|have|had|having|any"
    r"|be|been|being|ever|that|plans?"
    r"|planning|planned|thinking|thought|thoughts|think|about|of|feel|feeling|like|am|do|would"
    r"|will|a|the|intention|intent|desire|urge"
    r"|currently|actively|at|all|suicidal|or|consider|considering|considered|try|trying|i|i'm"
    r"|im|gonna)\s+){0,6})$"
)
_NOT_EN_EXCEPT = re.compile(
    r"\b(?:can'?t stop|cannot stop|not sure|don'?t know|no longer want|not just|not only|why not"
    r"|can'?t help|don'?t care|no reason|not going to lie)\b[^.!?,]{0,30}$"
)

_OWN_NOT = re.compile(r"[不没无唔冇]|(?:don|do not|didn|no|never|can|won|haven)")

# --- third person ---------------------------------------------------------------------------
_KIN = "爸妈爹娘父母哥姐弟妹男女朋友闺室同老儿孩家丈前表堂奶爷外舅叔姑姨婆公导邻亲学"
_THIRD = (
    r"(?:他们?|她们?|佢哋?|(?<![a-z])ta(?![a-z])|朋友|闺蜜|同学|室友|舍友|爸妈?|妈妈?|父亲|母亲|父母|孩子|小孩|儿子|女儿|学生"
    r"|学[妹弟姐长]|男友|女友|老公|老婆|丈夫|妻子|弟弟?|妹妹?|哥哥?|姐姐?|亲戚|表[哥姐弟妹]|对方|有人|别人|网友|同事"
    r"|邻居|前任|前男友|前女友|爷爷|奶奶|外公|外婆|老师|姑娘|对象|人们|大家|某人|患者|来访者)"
)
_SUBJECT = re.compile(
    rf"(?P<first>我(?![们]?[{_KIN}])|俺|本人|咱)|(?P<third>{_THIRD})|(?P<you>你们?|您)"
)
_NO_SUBJECT_BEFORE = re.compile(
    r"(?:被|让|因为?|为了?|跟|和|与|同|对|逼|骂|打|恨|讨厌|想到|怕|离开|失去|没有|爱|喜欢|给|受不了|怨|向|听|看到?|替|把|将|像|比|除了|告诉)"
    r"(?:我的?|了|着|过|那个|这个|自己的?)?$"
)
_REASON_AFTER = re.compile(
    r"^.{0,8}?(?:后|时|就|吵|离婚|骂|打|说我|去世|不要|不理|不爱|分手|出轨|让|逼|离开|觉得我|面前|之间|的话|太)"
)
_THIRD_EN = re.compile(
    r"\b(?:he|she|they|my (?:\w+ )?(?:friend|mom|mother|dad|father|brother|sister|son|daughter"
    r"|wife|husband|boyfriend"
    r"|girlfriend|partner|roommate|cousin|uncle|aunt|classmate|student|ex|kid|child"
    r"|neighbo[u]?r)|someone|somebody"
    r"|a friend|people|who|uncle|friend)\b(?:'s)?(?:[^.!?,;]{0,24})$"
)
_FIRST_EN = re.compile(r"\b(?:i|i'm|im|i'd|i've|ive|i'll|me|myself)\b")

# --- fiction and news -----------------------------------------------------------------------
_FICTION_ZH = (
    r"(?:歌词|这首歌|那首歌|歌里|小说|电影|电视剧|剧里|剧情|剧中|动漫|动画|漫画|游戏|副本|队友|这一?局|那一?局|主角|男主|女主|反派|角色|台词"
    r"|书里|书中|新闻|报道|热搜|报纸|纪录片|课文|历史上|故事里|诗里|诗人|剧本|狼人杀|剧本杀|密室|明星|偶像|网红|作文|论文|案例|综艺)"
)
_FICTION_BEFORE_ZH = re.compile(_FICTION_ZH + r"[^。!?;]{0,18}$")
_FICTION_AFTER_ZH = re.compile(r"^[^。!?;]{0,10}" + _FICTION_ZH)
_CITED_ZH = re.compile(_FICTION_ZH + r"[^。!?;]{0,10}(?:写着?|唱着?|说|有句|叫|里)[^。!?;]{0,4}$")
_FICTION_EN = (
    r"(?:lyrics?|songs?|movie|film|novel|books?|character|video game|the game|news|article"
    r"|episode|tv show|documentary"
    r"|poem|quote|headline|story|boss fight|celebrity|actor|singer|scene|villain|protagonist"
    r"|anime)"
)
_FICTION_BEFORE_EN = re.compile(r"\b" + _FICTION_EN + r"\b[^.!?;]{0,40}$")
_FICTION_AFTER_EN = re.compile(r"^[^.!?;]{0,24}\b" + _FICTION_EN + r"\b")
_QUOTES = {"“": "”", "「": "」", "『": "』", '"': '"', "《": "》"}

# --- past -----------------------------------------------------------------------------------
_PAST_ZH = re.compile(
    r"(?:以前|曾经?|从前|小时候|当年|过去|那时候?|那会儿?|几年前|年前|(?:初|高|大)[一二三四中]?的?时候?|去年|当时|那天|那年"
    r"|那段时间)[^。!?;]{0,14}$"
)
_PRESENT_ZH = re.compile(
    r"(?:现在|今天|今晚|最近|还是?|又|仍|一直|总|依然|这几天|每天|刚|开始|越来越|到现在)"
)
_RECOVERED_ZH = re.compile(
    r"(?:现在(?:已经|都)?(?:好了|好多了|没事了|不会了|不想了|走出来了)|都过去了|已经(?:好了|走出来了|康复|过去)|走出来了|再也不会?|后来好了)"
)
_PAST_EN = re.compile(
    r"\b(?:used to|years? ago|back then|when i was (?:a kid|younger|\d+|in)|in the past|once"
    r"|as a (?:kid|teen|teenager)|last year)\b"
    r"[^.!?]{0,40}$"
)
_PAST_AFTER_EN = re.compile(
    r"^[^.!?]{0,24}\b(?:years? ago|back then|when i was (?:a kid|younger|\d+|in)|in the past)\b"
)
_PRESENT_EN = re.compile(r"\b(?:now|still|again|today|tonight|lately|these days|always)\b")
_RECOVERED_EN = re.compile(
    r"\b(?:i'?m (?:fine|better|okay|good|in a (?:better|good) place)|recovered|got (?:better"
    r"|help)|over it) ?(?:now)?\b"
)


class Surroundings:
    """Windows around places of one folded text."""

    def __init__(self, surface: str) -> None:
        self.surface = surface

    def before(self, start: int, *, clause: bool = False) -> str:
        """Give what stands before a place in its sentence, or its clause."""
        low = max(0, start - _BEFORE)
        for index in range(start - 1, low - 1, -1):
            if ends_sentence(self.surface, index) or (clause and self.surface[index] in ",，、"):
                low = index + 1
                break
        return self.surface[low:start]

    def after(self, end: int) -> str:
        """Give what stands after a place in its sentence."""
        high = min(len(self.surface), end + _AFTER)
        for index in range(end, high):
            if ends_sentence(self.surface, index):
                return self.surface[end:index]
        return self.surface[end:high]

    def quoted_from(self, start: int, end: int) -> int | None:
        """Give where the quotation around a span opens, if it stands in one."""
        for index in range(start - 1, max(-1, start - _BEFORE), -1):
            close = _QUOTES.get(self.surface[index])
            if close is not None:
                return index if close in self.surface[end : end + _AFTER] else None
            if self.surface[index] in _QUOTES.values():
                return None
        return None


Reader = Callable[[Candidate, Surroundings], bool]


def is_negated(found: Candidate, around: Surroundings) -> bool:
    """Whether the risk is denied: 没有自杀的想法, not suicidal."""
    start, end = found.span
    # A pattern that is itself a negation (don't want to live) is not denied by its own words.
    own = _OWN_NOT.match(around.surface[start:end])
    heads = {start} if own else {start, found.head}
    return any(_is_negated_at(head, end, around) for head in heads)


def _is_negated_at(start: int, end: int, around: Surroundings) -> bool:
    clause = around.before(start, clause=True)
    zh = clause.replace(" ", "")[-16:]
    denied = _NOT_ZH.search(zh)
    if denied and not _NOT_ZH_EXCEPT.search(zh[max(0, denied.start() - 2) :]):
        return True
    if _GONE_ZH.search(around.after(end)[:16].replace(" ", "")):
        return True
    return bool(_NOT_EN.search(clause)) and not _NOT_EN_EXCEPT.search(clause)


def is_third_person(found: Candidate, around: Surroundings) -> bool:
    """Whether somebody else is at risk: 我朋友想自杀, she says she wants to die."""
    start, end = found.span
    opened = around.quoted_from(start, end)
    matched = around.surface[start:end]
    if opened is None and (_FIRST_EN.search(matched)):
        return False
    if matched.startswith("我"):
        start = found.head  # 我 may belong to 我朋友; what stands between tells
    before = around.before(start if opened is None else opened, clause=opened is None)
    if opened is not None and "我说" in before:
        return False
    last = _last_subject(before)
    if last is not None:
        return bool(last.group("third")) and _is_subject(last, before)
    english = _THIRD_EN.search(before)
    return english is not None and not _FIRST_EN.search(english.group())


def is_second_person(found: Candidate, around: Surroundings) -> bool:
    """Whether the one addressed is asked or told: 你会自杀吗, 你想过死吗."""
    start, end = found.span
    if "我" in around.surface[start:end]:
        return False
    before = around.before(max(start, found.head), clause=True)
    last = _last_subject(before)
    return last is not None and bool(last.group("you")) and _is_subject(last, before)


def _last_subject(before: str) -> re.Match[str] | None:
    return next(iter(reversed(list(_SUBJECT.finditer(before)))), None)


def _is_subject(word: re.Match[str], before: str) -> bool:
    """Whether a person is the one who does it: not 被他, 跟你, and no reason (他走后)."""
    if _NO_SUBJECT_BEFORE.search(before[: word.start()]):
        return False
    return not _REASON_AFTER.search(before[word.end() :])


def is_fiction(found: Candidate, around: Surroundings) -> bool:
    """Whether it is told, sung, played or reported rather than felt."""
    start, end = found.span
    before, after = around.before(start), around.after(end)
    opened = around.quoted_from(start, end)
    if opened is not None:
        led = around.before(opened)
        told = _FICTION_BEFORE_ZH.search(led) or _FICTION_BEFORE_EN.search(led)
        if told or _FICTION_AFTER_ZH.search(after) or _FICTION_AFTER_EN.search(after):
            return True
    if _CITED_ZH.search(before):
        return True
    matched = around.surface[start:end]
    clause = around.before(start, clause=True)
    if "我" in clause + matched or _FIRST_EN.search(clause + matched):
        return False
    if _FICTION_BEFORE_ZH.search(before) or _FICTION_AFTER_ZH.search(after):
        return "我" not in before
    told = _FICTION_BEFORE_EN.search(before) or _FICTION_AFTER_EN.search(after)
    return bool(told) and not _FIRST_EN.search(before)


def is_past(found: Candidate, around: Surroundings) -> bool:
    """Whether it is said to be over: 以前想过自杀, 现在好了."""
    start, end = found.span
    before, after = around.before(max(start, found.head)), around.after(end)
    near = before[-16:] + around.surface[start:end]
    if _PAST_ZH.search(before) and not _PRESENT_ZH.search(near):
        return True
    if _RECOVERED_ZH.search(around.surface[end : end + _AFTER]):
        return True
    if _PAST_EN.search(before) or _PAST_AFTER_EN.search(after):
        return not _PRESENT_EN.search(before + after)
    return bool(_RECOVERED_EN.search(after))


_READERS: tuple[tuple[str, Reader, Level, Category | None], ...] = (
    ("fiction", is_fiction, Level.DISTRESS, None),
    ("negation", is_negated, Level.DISTRESS, None),
    ("third_person", is_third_person, Level.PASSIVE, Category.OTHERS),
    ("third_person", is_second_person, Level.PASSIVE, None),
    ("past", is_past, Level.PASSIVE, None),
)


def lower(found: Candidate, scope: frozenset[str], around: Surroundings) -> Candidate:
    """Lower a match as its surroundings ask, by the first reading that holds.

    Args:
        found: The match at its rule's own level.
        scope: Which readings its rule allows.
        around: The text it stands in.
    """
    for name, holds, most, category in _READERS:
        if name in scope and holds(found, around):
            return replace(
                found,
                level=min(found.level, most),
                category=category or found.category,
                lowered=True,
            )
    return found
