"""Plain words to times: a table of phrases, and that nothing is guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.checkins.language.time_phrases import AmbiguityReason, Ambiguous, ParsedTimes, read
from bot.checkins.rules.schedule import EVERY_DAY, Appointment

# Days as digits (0 is Monday, * every day) @ time; "?" at the end: no day was said.
CLEAR = """
    每天早上八点 -> *@08:00
    每天晚上9点半 -> *@21:30
    工作日晚上十点 -> 01234@22:00
    周一三五早上7:30 -> 024@07:30
    周末上午十点 -> 56@10:00
    下午两点半 -> *@14:30 ?
    weekdays at 21:30 -> 01234@21:30
    every day at 8am -> *@08:00
    Mon, Wed and Fri at 7:30 in the evening -> 024@19:30
    at noon -> *@12:00 ?
    中午 -> *@12:00 ?
    半夜十二点 -> *@00:00 ?
    每天早上八点和晚上十点 -> *@08:00,*@22:00
    每天凌晨十二点半 -> *@00:30
    每晚十点 -> *@22:00
    每个早上七点一刻 -> *@07:15
    星期一、星期三和星期五晚上八点 -> 024@20:00
    禮拜六下午三點 -> 5@15:00
    週一到週五晚上9點半 -> 01234@21:30
    每天早上８：００ -> *@08:00
    every evening at 9 -> *@21:00
    every morning at seven thirty -> *@07:30
    half past eight in the morning -> *@08:30 ?
    quarter to nine pm every day -> *@20:45
    daily 08:00 -> *@08:00
    Monday to Friday 7am -> 01234@07:00
    mon-fri 7am, sat 9am -> 01234@07:00,5@09:00
    weekdays at 8am and weekends at 10am -> 01234@08:00,56@10:00
    8am on weekdays and 10am on weekends -> 01234@08:00,56@10:00
    早上八点和九点 -> *@08:00,*@09:00 ?
    早上八点，晚上十点 -> *@08:00,*@22:00 ?
    周一早上八点，周五晚上九点 -> 0@08:00,4@21:00
    每天二十一点三十分 -> *@21:30
    每天21点 -> *@21:00
    每天零点 -> *@00:00
    每天24点 -> *@00:00
    每天0点30分 -> *@00:30
    周五六点半晚上 -> 4@18:30
    20:30 -> *@20:30 ?
    每天13点半 -> *@13:30
    at night at 1 -> *@01:00 ?
    夜里两点 -> *@02:00 ?
    at midnight -> *@00:00 ?
    weeknights at 10 -> 01234@22:00
    nightly at 11 -> *@23:00
    mornings at 7 -> *@07:00 ?
    Sat & Sun 10 a.m. -> 56@10:00
    Tuesdays and Thursdays at 6pm -> 13@18:00
    6 o'clock in the morning -> *@06:00 ?
    每週末上午10點 -> 56@10:00
    逢周三晚上八点 -> 2@20:00
    请每天早上八点问我好吗 -> *@08:00
    能不能每天早上八点问我 -> *@08:00
    I'd like it every day at 8 in the morning please -> *@08:00
    noon and 9pm -> *@12:00,*@21:00 ?
    中午和晚上八点 -> *@12:00,*@20:00 ?
    every day 晚上9点 -> *@21:00
    每天8am -> *@08:00
    每天 8 pm -> *@20:00
    每天晚上八点四十五 -> *@20:45
    每天早上七点零五 -> *@07:05
    每天早上7点05分 -> *@07:05
    天天早上六点 -> *@06:00
    平日早上八点 -> 01234@08:00
    周日晚上七点 -> 6@19:00
    周天上午九点 -> 6@09:00
    星期天下午4点 -> 6@16:00
    12pm -> *@12:00 ?
    12am every day -> *@00:00
    12:30 pm -> *@12:30 ?
    0:30 -> *@00:30 ?
    20 -> *@20:00 ?
    周一至周四 21:00 -> 0123@21:00
    mon tue wed 8pm -> 012@20:00
    every monday, wednesday at 20:00 -> 02@20:00
    下午11点 -> *@23:00 ?
    特别希望每天早上八点 -> *@08:00
    7.30am -> *@07:30 ?
    at 7.30 pm daily -> *@19:30
    19h30 every day -> *@19:30
    每日朝早八點 -> *@08:00
    9 in the evening, every day -> *@21:00
    weekends at noon -> 56@12:00
    every weekday morning at 7 -> 01234@07:00
    each night at 10:15 -> *@22:15
    Mon-Wed-Fri 8am -> 024@08:00
    周六日上午十点 -> 56@10:00
    每周六、日上午10点 -> 56@10:00
    周二和周四下午5点半 -> 13@17:30
    早7点 -> *@07:00 ?
    晚9点 -> *@21:00 ?
    早上7点半，晚上9点半 -> *@07:30,*@21:30 ?
    每天早上8点 -> *@08:00
    每天早上8點 -> *@08:00
    每天 早上 8:00 -> *@08:00
    每天早晨七点半 -> *@07:30
    每天上午九点 -> *@09:00
    每天中午 -> *@12:00
    每天中午十二点 -> *@12:00
    每天中午12点半 -> *@12:30
    每天中午一点 -> *@13:00
    每天下午三点 -> *@15:00
    每天下午3点15分 -> *@15:15
    每天傍晚六点 -> *@18:00
    每天晚上八点半 -> *@20:30
    每天晚上11點45分 -> *@23:45
    每天深夜十一点 -> *@23:00
    每天凌晨一点 -> *@01:00
    每天半夜 -> *@00:00
    每天午夜 -> *@00:00
    每日上午10時 -> *@10:00
    天天晚上9点 -> *@21:00
    每晚9點 -> *@21:00
    每晚九点半 -> *@21:30
    每早七点 -> *@07:00
    每个晚上十点一刻 -> *@22:15
    每天晚上十点三刻 -> *@22:45
    每天晚上十点整 -> *@22:00
    每天晚上十点钟 -> *@22:00
    每天22点 -> *@22:00
    每天22：15 -> *@22:15
    每天２２点３０分 -> *@22:30
    每天08:30 -> *@08:30
    每天零点三十 -> *@00:30
    周一早上九点 -> 0@09:00
    星期二晚上八点 -> 1@20:00
    礼拜三下午两点 -> 2@14:00
    週四上午十點半 -> 3@10:30
    周日中午十二点 -> 6@12:00
    每周日晚上九点 -> 6@21:00
    每个周五下午五点 -> 4@17:00
    周一、三、五晚上八点 -> 024@20:00
    周一和周三晚上八点 -> 02@20:00
    周二周四早上七点 -> 13@07:00
    星期一到星期五早上8点 -> 01234@08:00
    周一至五晚上10点 -> 01234@22:00
    周五到周日上午十点 -> 456@10:00
    周六周日中午 -> 56@12:00
    工作日早上七点，周末上午十点 -> 01234@07:00,56@10:00
    工作日早上7:00，週末早上9:30 -> 01234@07:00,56@09:30
    平日晚上九点半 -> 01234@21:30
    双休日下午四点 -> 56@16:00
    上班日早上八点 -> 01234@08:00
    早上七点和晚上九点 -> *@07:00,*@21:00 ?
    早上七点、中午十二点、晚上九点 -> *@07:00,*@12:00,*@21:00 ?
    每天早上八点半和晚上十点半 -> *@08:30,*@22:30
    早上8点，下午2点，晚上9点 -> *@08:00,*@14:00,*@21:00 ?
    請每天晚上十點問我 -> *@22:00
    麻烦你每天早上七点半问一下我 -> *@07:30
    我想要每天晚上九点的问候 -> *@21:00
    可以每天晚上8点找我吗 -> *@20:00
    every day at 8 am -> *@08:00
    every day at 8:00 am -> *@08:00
    every day at 8:00am -> *@08:00
    everyday at 9pm -> *@21:00
    Every Morning At 7:30 -> *@07:30
    every afternoon at 3 -> *@15:00
    every night at 10 -> *@22:00
    each morning at six thirty -> *@06:30
    daily at noon -> *@12:00
    daily at midnight -> *@00:00
    daily at 20:00 -> *@20:00
    nightly at 10:30 -> *@22:30
    weekdays 9am -> 01234@09:00
    on weekdays at 9 a.m. -> 01234@09:00
    every weekday at 18:00 -> 01234@18:00
    weekday mornings at 8 -> 01234@08:00
    weekends at 11am -> 56@11:00
    every weekend at 10:30 am -> 56@10:30
    Mondays at 8pm -> 0@20:00
    every Monday at 8 pm -> 0@20:00
    on Tuesday and Thursday at 7:15pm -> 13@19:15
    Mon/Wed/Fri 21:00 -> 024@21:00
    mon, wed, fri at 9 in the evening -> 024@21:00
    Monday, Wednesday and Friday mornings at 7 -> 024@07:00
    Mon to Fri at 6:45am -> 01234@06:45
    monday through thursday at 9pm -> 0123@21:00
    Sat-Sun 10am -> 56@10:00
    saturday at noon -> 5@12:00
    sundays at 7 in the evening -> 6@19:00
    half past nine in the evening -> *@21:30 ?
    quarter past 8 in the morning -> *@08:15 ?
    quarter to ten at night -> *@21:45 ?
    twenty past seven in the morning -> *@07:20 ?
    ten o'clock at night -> *@22:00 ?
    7 o'clock in the evening every day -> *@19:00
    8am and 10pm -> *@08:00,*@22:00 ?
    8am, 2pm and 9pm every day -> *@08:00,*@14:00,*@21:00
    at 7:30 in the morning and 9:30 in the evening -> *@07:30,*@21:30 ?
    mornings at 8 and evenings at 9 -> *@08:00,*@21:00 ?
    9pm please -> *@21:00 ?
    could you ask me at 9pm every day? -> *@21:00
    I'd like weekdays at 7am and weekends at 10am -> 01234@07:00,56@10:00
    weekdays 晚上十点 -> 01234@22:00
    每天 at 9pm -> *@21:00
    周一 8pm -> 0@20:00
    weekends 上午十点 -> 56@10:00
    週一三五 7:30pm -> 024@19:30
    每天早上8:00 and 晚上9:00 -> *@08:00,*@21:00
    8 p.m. -> *@20:00 ?
    20:00 -> *@20:00 ?
    21点 -> *@21:00 ?
    noon -> *@12:00 ?
    midnight -> *@00:00 ?
    正午 -> *@12:00 ?
    周六凌晨一点 -> 5@01:00
    一三五早上八点 -> 024@08:00
    二四六晚上九点 -> 135@21:00
    六日上午十点 -> 56@10:00
    M/W/F 8am -> 024@08:00
    MWF at 8am -> 024@08:00
    M-F 8am -> 01234@08:00
    T/Th 7pm -> 13@19:00
    礼拜天上午十点 -> 6@10:00
    周一二十点 -> 0@20:00
    早上差一刻九点 -> *@08:45 ?
    晚上九点过五分 -> *@21:05 ?
    0830 -> *@08:30 ?
    1930 -> *@19:30 ?
    730am -> *@07:30 ?
    half eight in the morning -> *@08:30 ?
    ten minutes to 7 am -> *@06:50 ?
    mornings at 8 and 9 in the evening -> *@08:00,*@21:00 ?
    还是晚上八点吧 -> *@20:00 ?
    每天一次，早上八点 -> *@08:00
"""

# Why it is asked, and the readings that are offered.
ASKED = """
    8点 -> which_half: *@08:00 | *@20:00
    每天8点 -> which_half: *@08:00 | *@20:00
    每天12点 -> which_half: *@12:00 | *@00:00
    周五晚上12点 -> which_midnight: 5@00:00 | 4@00:00
    周五午夜 -> which_midnight: 5@00:00 | 4@00:00
    ８点半 -> which_half: *@08:30 | *@20:30
    8 and 10 pm -> unclear
    daily 8:00 -> which_half: *@08:00 | *@20:00
    8am every day and 9pm -> unclear
    8am on weekdays and weekends at 10am -> unclear
    早上八点和三点 -> which_half: *@03:00,*@08:00 | *@08:00,*@15:00
    明天早上八点 -> only_once: *@08:00
    隔天早上八点 -> not_weekly
    每周早上八点 -> which_days
    每周一次 -> which_days
    晚上 -> what_time
    每天 -> what_time
    weekdays -> what_time
    不要早上八点 -> unclear
    8点到9点 -> unclear
    between 8 and 9pm -> unclear
    周一三点 -> which_half: 0@03:00 | 0@15:00
    周一 3 点 -> which_half: 0@03:00 | 0@15:00
    25:00 -> unclear
    晚上一点 -> which_half: *@01:00 | *@13:00
    每天晚上一点 -> which_half: *@01:00 | *@13:00
    every friday at midnight -> which_midnight: 5@00:00 | 4@00:00
    tonight at 8 -> only_once: *@20:00
    明天8点 -> only_once: *@08:00 | *@20:00
    6 o'clock -> which_half: *@06:00 | *@18:00
    weekly at 8am -> which_days
    twice a day at 8am and 8pm -> not_weekly
    8 -> which_half: *@08:00 | *@20:00
    周一3点 -> which_half: 0@03:00 | 0@15:00
    从明天起每天晚上八点 -> only_once: *@20:00
    今晚八点 -> only_once: *@20:00
    周一三五八点 -> which_half: 024@08:00 | 024@20:00
    每周一八点 -> which_half: 0@08:00 | 0@20:00
    noon at 9 -> unclear
    每天早上12点 -> which_half: *@12:00 | *@00:00
    每天 7点 到 8点 -> unclear
    早8晚10 -> unclear
    每天睡前十点 -> which_half: *@10:00 | *@22:00
    每天9点 -> which_half: *@09:00 | *@21:00
    每天九点半 -> which_half: *@09:30 | *@21:30
    8点半 -> which_half: *@08:30 | *@20:30
    周一到周五8点 -> which_half: 01234@08:00 | 01234@20:00
    周末10点 -> which_half: 56@10:00 | 56@22:00
    at 8 -> which_half: *@08:00 | *@20:00
    every day at 9 -> which_half: *@09:00 | *@21:00
    daily at 7:30 -> which_half: *@07:30 | *@19:30
    8 o'clock -> which_half: *@08:00 | *@20:00
    10:30 -> which_half: *@10:30 | *@22:30
    Mondays at 9 -> which_half: 0@09:00 | 0@21:00
    12点 -> which_half: *@12:00 | *@00:00
    at 12 -> which_half: *@12:00 | *@00:00
    12:30 -> which_half: *@12:30 | *@00:30
    周一晚上12点 -> which_midnight: 1@00:00 | 0@00:00
    周六半夜 -> which_midnight: 6@00:00 | 5@00:00
    周五夜里一点 -> which_midnight: 5@01:00 | 4@01:00
    Friday at midnight -> which_midnight: 5@00:00 | 4@00:00
    明天晚上八点 -> only_once: *@20:00
    今天下午三点 -> only_once: *@15:00
    next monday at 8am -> only_once: 0@08:00
    每隔一天早上八点 -> not_weekly
    每两天早上八点 -> not_weekly
    every other day at 9am -> not_weekly
    每月一号早上八点 -> not_weekly
    monthly at 8am -> not_weekly
    每周晚上八点 -> which_days
    once a week at 8pm -> which_days
    早上 -> what_time
    工作日 -> what_time
    in the evening -> what_time
    周一三五 -> what_time
    除了周末每天早上八点 -> unclear
    not at 8am -> unclear
    8点到10点之间 -> unclear
    from 8am to 9am -> unclear
    每天25点 -> unclear
    每天早上13点 -> unclear
    at 99 -> unclear
    8am 9am 10am 11am 1pm 2pm 3pm -> too_many
    早上八点或九点 -> which_half: *@08:00 | *@09:00
    8am or 9am -> which_half: *@08:00 | *@09:00
    晚上八点还是九点 -> which_half: *@20:00 | *@21:00
    8am & 9am or 10am -> unclear
    周六或周日上午十点 -> unclear
    from 8 to 9 am -> unclear
    8 to 10pm -> unclear
    10 to 7am -> unclear
    after 9am -> unclear
    晚上十点以后 -> unclear
    早晚八点和十点 -> unclear
    早上八点，晚上 -> unclear
    每周三次早上八点 -> not_weekly
    三天一次，早上八点 -> not_weekly
    每天两次，早上八点和晚上十点 -> not_weekly
    礼拜天十点 -> which_half: 6@10:00 | 6@22:00
    周日十一点半 -> which_half: 6@11:30 | 6@23:30
    周六十点 -> which_half: 5@10:00 | 5@22:00
    每周日十点 -> which_half: 6@10:00 | 6@22:00
    周一至周五十点 -> which_half: 01234@10:00 | 01234@22:00
    差一刻九点 -> which_half: *@08:45 | *@20:45
    九点差五分 -> which_half: *@08:55 | *@20:55
    half eight -> which_half: *@08:30 | *@20:30
    quarter to one -> which_half: *@12:45 | *@00:45
    下周一早上八点 -> only_once: 0@08:00
    这周六上午十点 -> only_once: 5@10:00
    周末别问我 -> unclear
    晚上别发 -> unclear
    晚上十点到早上七点别打扰我 -> unclear
"""

# Changes of what is agreed, which buttons make.
CHANGED = """
    再加一个晚上十点
    加上周六上午十点
    晚上十点也要
    add 10pm
    去掉晚上十点
    不要晚上十点了
    取消晚上十点的问候
    remove the 8am please
    去掉八点
    从早上八点改成晚上九点
    把早上八点换成晚上九点
    change 8am to 9pm
    9pm instead of 8am
    改成晚上九点
    move it to 9pm
"""
# Not asked for times, no request: a bare hour is talk; what is said with it makes it one.
NOT_UNASKED = "8|三点|一点|中午|8点|晚上|周末|每周一次|20|at night|weekly"

NOTHING = """
    早一点问我
    hello
    我今天很难过
    7 and 9
    你好
    今天有点累
    I feel sad
    晚一点再说
    有一点难过
    thanks
    我三点没睡着
    凌晨三点又醒了
    it's 3am and I can't sleep
    今天一点力气都没有
    给我一点时间
    晚上好
    三天早上八点
    5555
    😭 凌晨三点
    8am london time
    thus
"""


def rows(table: str) -> list[tuple[str, str]]:
    pairs = (line.strip().split(" -> ") for line in table.strip().splitlines())
    return [(phrase, meaning) for phrase, meaning in pairs]


def written(appointments: tuple[Appointment, ...]) -> str:
    def one(each: Appointment) -> str:
        days = "*" if each.days == EVERY_DAY else "".join(map(str, sorted(each.days)))
        return f"{days}@{each.minute // 60:02}:{each.minute % 60:02}"

    return ",".join(map(one, appointments))


def test_every_reading_of_two_open_times_is_offered() -> None:
    found = read("at 8 and at 10")
    assert isinstance(found, Ambiguous)
    assert [written(each) for each in found.choices] == [
        "*@08:00,*@10:00",
        "*@08:00,*@22:00",
        "*@10:00,*@20:00",
        "*@20:00,*@22:00",
    ]
    assert read("7点、8点和9点") == Ambiguous(AmbiguityReason.UNCLEAR)  # eight readings are no help


def test_the_table_is_large() -> None:
    assert len(rows(CLEAR)) + len(rows(ASKED)) >= 150


@pytest.mark.parametrize(("phrase", "meaning"), rows(CLEAR))
def test_clear_words_are_taken(phrase: str, meaning: str) -> None:
    found = read(phrase)
    assert isinstance(found, ParsedTimes)
    assert written(found.appointments) + ("" if found.are_days_said else " ?") == meaning


@pytest.mark.parametrize(("phrase", "meaning"), rows(ASKED))
def test_open_words_are_asked_about(phrase: str, meaning: str) -> None:
    found = read(phrase)
    assert isinstance(found, Ambiguous)
    choices = " | ".join(map(written, found.choices))
    assert (f"{found.why}: {choices}" if choices else found.why) == meaning


@pytest.mark.parametrize("phrase", [line.strip() for line in NOTHING.strip().splitlines()])
def test_other_words_are_left_alone(phrase: str) -> None:
    assert read(phrase) is None


@pytest.mark.parametrize("phrase", [line.strip() for line in CHANGED.strip().splitlines()])
def test_a_change_of_times_is_for_the_buttons(phrase: str) -> None:
    """Each of these was once taken as all that is wanted."""
    assert read(phrase) == read(phrase, is_asked=False) == Ambiguous(AmbiguityReason.UNCLEAR)
    assert read(f"{phrase} 我好累") is None


@pytest.mark.parametrize("phrase", NOT_UNASKED.split("|"))
def test_where_no_times_were_asked_for_little_is_no_request(phrase: str) -> None:
    assert read(phrase) is not None
    assert read(phrase, is_asked=False) is None
    for request in ("每天早上八点", "去掉八点", "再加一个中午", "3am", "8:30"):
        assert read(request, is_asked=False) == read(request) is not None


@pytest.mark.parametrize("more", ["我好累", "没睡", "crying", "因为失眠", "he left", "😭", "又"])
def test_one_word_more_and_it_is_no_request(more: str) -> None:
    for phrase in ("每天早上八点", "8am every day", "去掉晚上十点", "from 8 to 9 am"):
        assert read(phrase) is not None
        assert read(f"{phrase} {more}") is None
        assert read(f"{more} {phrase}") is None


@given(st.integers(1, 12), st.sampled_from(["{}点", "每天{}点半", "at {}", "daily {}:15"]))
def test_an_hour_without_a_part_of_the_day_is_never_guessed(hour: int, form: str) -> None:
    found = read(form.format(hour))
    assert isinstance(found, Ambiguous)
    assert found.why is AmbiguityReason.WHICH_HALF
    assert len(found.choices) == 2


@given(
    st.integers(0, 23).filter(lambda hour: hour not in (10, 11, 12)),  # 10:00 may be either half
    st.integers(0, 59),
    st.frozensets(st.integers(0, 6), min_size=1),
)
def test_what_is_said_in_24_hours_is_understood_in_both_languages(
    hour: int, minute: int, days: frozenset[int]
) -> None:
    wanted = ParsedTimes((Appointment(days, hour * 60 + minute),))
    chinese = "、".join("周" + "一二三四五六日"[day] for day in sorted(days))
    english = ", ".join(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[d] for d in sorted(days))
    for said in (f"{chinese} {hour:02}:{minute:02}", f"{english} at {hour:02}:{minute:02}"):
        assert read(said) == wanted


@given(st.text(max_size=40))
def test_no_words_break_it(text: str) -> None:
    read(text)


@given(
    st.lists(
        st.sampled_from(
            [
                "每天",
                "周一",
                "晚上",
                "十二点",
                "8",
                "at",
                ":30",
                "pm",
                " ",
                "mon",
                "-",
                "半",
                "到",
                "noon",
            ]
        ),
        max_size=9,
    ).map("".join)
)
def test_no_mixture_of_its_own_words_breaks_it(text: str) -> None:
    found = read(text)
    assert found is None or isinstance(found, ParsedTimes | Ambiguous)
