"""The form of the model's question: what passes, and what a lock screen must never show."""

import random
from re import _parser as sre_parse  # type: ignore[attr-defined]
from typing import Any

import pytest

from bot.checkins.bait import is_bait
from bot.checkins.form import FORBIDDEN, FORMS, fits, without_greeting
from bot.texts import LANGUAGES
from safety.levels import Level
from safety.screen import Screener

GOOD_ZH = """今天感觉怎么样？
你现在感觉怎么样？
你今天早上感觉如何？
你今天过得怎么样？
你现在还好吗？
今天心情如何？
今天心情怎么样？
此刻的你，心里是晴天还是阴天？
现在的你，怎么样？
此刻你的感受是怎样的？
这会儿心里是什么天气？
今天一切都好吗？
今天过得还顺利吗？
现在心情如何呢？
你还好吗？
您今天感觉如何？
不着急，你现在感觉如何？
愿意和我说说现在的感觉怎么样吗？
夜深了，你还好吗？
你今天的心情怎么样？
你今天的状态如何？
醒来感觉怎么样？
新的一天，你感觉如何？
在这个安静的夜晚，你还好吗？
这一天下来，你还好吗？
你现在的心情是怎样的呢？
轻轻问一声，你此刻怎么样？
你今天心情好吗？
你今晚过得怎么样？
慢慢来，今天的你，心情怎么样？""".splitlines()
GOOD_EN = """How are you?
How are you feeling right now?
How are you doing this morning?
How's your day going so far?
How is your evening going?
How are you feeling today?
How do you feel at the moment?
How are things with you today?
What is the weather like inside you?
How was your day?
How are you holding up this evening?
Would you like to share how you are feeling right now?
May I ask how you are this afternoon?
This morning, how are you feeling?
No hurry. How are you right now?
Checking in: how are you doing?
How are you on this quiet night?
How does this morning feel for you?
Just a gentle check-in, how are you feeling tonight?
Take your time. How are you?
How is everything going for you today?
How has your day been so far?
How’s your mood right now?""".splitlines()
BAD_ZH = """你还想割腕吗？
今天有没有想伤害自己的念头？
早上好，你今天想我了吗？
快来告诉我你怎么样？
你今天必须按时吃药哦？
你今天想我吗？
你还想死吗？
今天还想不开吗？
你现在还在流血吗？
今天有没有哭？
你今天吃药了吗？
今天有没有按时服药？
医生怎么说？
你的抑郁症好点了吗？
今天还焦虑吗？
昨晚睡得怎么样？
昨天的事好些了吗？
你和他和好了吗？
分手以后你还好吗？
妈妈今天又骂你了吗？
老板今天有没有为难你？
考试考得怎么样？
孩子还好吗？
你上次说的事怎么样了？
你怎么不理我了？
为什么不回我？
好久不见，你还好吗？
你去哪里了？
你是不是忘了我？
我一直在等你，你还好吗？
只有我懂你，对吗？
我想你了，你怎么样？
没有你我好孤单，你还好吗？
别离开我，好吗？
你会一直陪着我吗？
我爱你，你爱我吗？
亲爱的宝贝，今天怎么样？
你一定要回答我，好吗？
赶紧告诉我你怎么样？
你必须现在回答，好吗？
今天是你连续打卡的第七天，感觉怎么样？
连续签到三天了，心情如何？
坚持就是胜利，今天还好吗？
回答可以得到奖励，今天心情怎么样？
你为什么不开心？
你今天难过吗？
你今天很累吧？
你又失眠了吗？
你很孤独吧？
你今天开心吗？
你胖了吗？
今天吃饭了吗？
你今天吐了吗？
今天喝酒了吗？
要不要加我微信？
能把你的地址告诉我吗？
你在哪里？
你今年几岁了？
你能借我一点钱吗？
点击链接看看今天的心情怎么样？
我是真人，你感觉怎么样？
我是医生，你现在怎么样？
拨打 12356 好吗？
世界末日了，你还好吗？
你打算什么时候去死？
晚上好，今天感觉怎么样？
你好！今天感觉怎么样？
嗨，你怎么样？
今天感觉怎么样？你还好吗？
今天感觉怎么样
今天感觉怎么样。
今天感觉怎么样？😊
快说
你你你还好吗还好吗？
How are you?
现在 feeling 怎么样？
？""".splitlines()
BAD_EN = """Did you cut today?
Do you still want to die?
Are you thinking of hurting yourself?
Are you safe from yourself today?
Have you taken your pills?
Did you take your medicine this morning?
Do you feel like ending it today?
Are you still depressed?
Are you feeling sad today?
Are you feeling better?
Are you less anxious this morning?
Did you cry last night?
Did you sleep well last night?
How is your depression today?
How is your boyfriend?
How was the funeral?
How did the exam go?
How is the divorce going?
Have you eaten today?
Did you throw up today?
Did you drink today?
Did he hit you again?
Good morning, how are you?
Hello! How are you?
Hi there, how are you doing?
Hey, how are you?
Do you miss me?
Did you miss me this morning?
I miss you, how are you?
Where have you been?
Why haven't you answered?
Have you forgotten me?
Are you ignoring me?
I was waiting for you, how are you?
You must tell me how you are, right?
Tell me right away, how are you?
Don't forget to answer, how are you?
Hurry up, how are you?
You are on a seven day streak, how are you?
Ready to keep it going, how are you?
Want a reward, how are you?
Do you love me?
Will you stay with me?
Only I understand you, right?
How are you, my love?
How are you, my dear friend?
How are you, Anna?
I am a real person, how are you?
As your doctor, how do you feel?
How are you feeling after what you told me?
How are you since we talked?
How are you coping alone?
Where do you live?
How old are you?
Can you send me money?
Have you seen this link?
How are you doing on day 7?
How are you? Are you well?
How are you
How are you.
How are you? 😊
Answer now
how how are you?
How are you 今天?
今天感觉怎么样？
?""".splitlines()


@pytest.fixture(scope="module")
def screener() -> Screener:
    return Screener.load()


@pytest.mark.parametrize("words", GOOD_ZH)
def test_chinese_questions_pass(words: str) -> None:
    assert fits(words, "zh")


@pytest.mark.parametrize("words", GOOD_EN)
def test_english_questions_pass(words: str) -> None:
    assert fits(words, "en")


@pytest.mark.parametrize("words", [*BAD_ZH, "今天感觉怎么样？\n快说", "今天感觉怎么样？\n"])
def test_chinese_words_of_another_form_do_not(words: str) -> None:
    assert not fits(words, "zh")


@pytest.mark.parametrize("words", [*BAD_EN, "How are you?\nAnswer now", "How are you?\n"])
def test_english_words_of_another_form_do_not(words: str) -> None:
    assert not fits(words, "en")


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("早上好！今天感觉怎么样？", "今天感觉怎么样？"),
        ("晚安，你还好吗？", "你还好吗？"),
        ("你好呀，今天过得怎么样？", "今天过得怎么样？"),
        ("你好吗？", "你好吗？"),
        ("Good morning! How are you?", "How are you?"),
        ("Hi there, how are you?", "how are you?"),
        ("How are you?", "How are you?"),
    ],
)
def test_a_greeting_is_left_out(words: str, left: str) -> None:
    assert without_greeting(words) == left


@pytest.mark.parametrize(
    ("words", "language", "part", "is_fit"),
    [
        ("今天早上感觉如何？", "zh", "morning", True),
        ("今天早上感觉如何？", "zh", "evening", False),
        ("夜深了，你还好吗？", "zh", "morning", False),
        ("夜深了，你还好吗？", "zh", "night", True),
        ("现在感觉如何？", "zh", "noon", True),
        ("How is your evening going?", "en", "evening", True),
        ("How is your evening going?", "en", "morning", False),
        ("How are you this morning?", "en", "morning", True),
        ("How are you this afternoon?", "en", "night", False),
        ("How was your day?", "en", "evening", True),
    ],
)
def test_the_part_of_the_day_is_the_present_one(
    words: str, language: str, part: str, is_fit: bool
) -> None:
    assert fits(words, language, part) is is_fit


@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_the_lists_can_say_is_harmless(language: str, screener: Screener) -> None:
    """Sentences drawn from the lists themselves: none names a risk, the past or a hook."""
    draw = random.Random(20)
    said = {sentence(FORMS[language].pattern, draw) for _ in range(400)}
    assert len(said) > 200
    for words in said:
        assert screener.screen(words).level is Level.NONE, words
        assert not FORBIDDEN.search(words), words
        assert not is_bait(words), words


def sentence(pattern: str, draw: random.Random) -> str:
    """One of the strings that a pattern matches."""
    return "".join(_drawn(parsed, draw) for parsed in sre_parse.parse(pattern))


def _drawn(parsed: Any, draw: random.Random) -> str:
    kind, value = parsed
    match str(kind):
        case "LITERAL":
            return chr(value)
        case "IN":
            return _drawn(draw.choice(value), draw)
        case "BRANCH":
            return "".join(_drawn(each, draw) for each in draw.choice(value[1]))
        case "SUBPATTERN":
            return "".join(_drawn(each, draw) for each in value[3])
        case "MAX_REPEAT":
            least, most, inner = value
            return "".join(
                _drawn(each, draw) for _ in range(draw.randint(least, most)) for each in inner
            )
    raise AssertionError(kind)
