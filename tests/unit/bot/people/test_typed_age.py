"""Ages as people type them; what says anything else is for the model."""

import pytest

from bot.people.typed_age import read_age
from storage.companion import people
from tests.support.house import MEI, OpenHouse

READ = {
    "adult": (
        "我28岁", "28", "二十八", "我今年三十五了", "廿八歲", "I'm 28", "I am 45 years old", "18",
        "twenty-three", "just turned 18", "over 18", "18+", "31 yo", "35, female", "女，23",
        "我三十出头了吧", "六十", "刚满18", "成年了", "An adult", "18岁以上", "40多岁了",
        "i'm 20 now", "十八", "99", "27/F", "19岁 大一", "I'm nineteen!",
    ),
    "14_17": (
        "我16岁", "十七", "17", "I'm 16", "sixteen", "almost 18", "快18了", "马上十八岁",
        "16岁，高一", "15 years old", "我才15", "14", "十四", "im 17", "turning 18", "14-17",
        "十六岁半", "i'm 16 y/o", "１６", "我十七啦~", "16 m",
    ),
    "under_14": (
        "13", "我12岁", "十一", "I'm 12", "快14了", "almost 14", "nine years old", "不满14岁",
    ),
    "unsaid": (
        "不想说", "Rather not say", "保密", "i'd rather not say", "唔想讲",
    ),
}  # fmt: skip
OTHER = (
        "00后", "90后", "我28岁，最近压力很大", "17号", "17点", "3个", "今天", "十年了",
        "10 years", "about 10 years", "I have 2 kids", "2", "300", "20000", "我妈45岁", "他16岁",
        "my son is 12", "初二", "我想死", "under 18", "未成年", "", "岁", "I'm 5 minutes late",
        "16:30", "16.5.2008", "我活了28年", "i'm 16 and scared", "12月", "12345", "years old",
        "二八", "room 14", "14 days", "2008年", "我十点睡", "😀", "18岁那年", "13 reasons why",
        "1" * 41,
)  # fmt: skip


@pytest.mark.parametrize(("age", "text"), [(age, text) for age in READ for text in READ[age]])
def test_an_age_is_read(age: str, text: str) -> None:
    assert read_age(text) == age


@pytest.mark.parametrize("text", OTHER)
def test_other_words_are_no_age(text: str) -> None:
    assert read_age(text) is None


@pytest.mark.parametrize(("text", "band"), [("我28岁", "adult"), ("I'm 16", "14_17")])
async def test_a_typed_age_is_answered_like_the_button(
    open_house: OpenHouse, text: str, band: str
) -> None:
    house = await open_house()
    await house.agreed(age_band=None)
    assert await house.who_answers(text) == "Onboarding"
    person = await house.person()
    assert person is not None
    assert person.age_band == band
    asked = house.parts.context.texts("zh", "ask_region")
    assert asked in await house.queued("notice")
    assert await house.who_answers(text) == "model"  # the question is closed


async def test_a_child_is_turned_away_and_nothing_kept(open_house: OpenHouse) -> None:
    house = await open_house()
    await house.agreed(age_band=None)
    await house.receives("我12岁")
    async with house.database.read() as tx:
        assert await people.by_telegram_id(tx, MEI) is None


async def test_other_words_meanwhile_reach_the_model(open_house: OpenHouse) -> None:
    house = await open_house()
    await house.agreed(age_band=None)
    assert await house.who_answers("我妈45岁") == "model"
