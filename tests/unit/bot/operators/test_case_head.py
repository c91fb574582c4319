"""The head of a case names the time, language and region of a person, and what is not known."""

from zoneinfo import ZoneInfo

import pytest

from bot.operators.case_head import CaseHead
from console.words import ConsoleTexts
from safety.response.hotlines import Hotlines
from storage.checkins import settings as check_in_settings
from storage.review import cases
from tests.support.house import Heart


@pytest.mark.parametrize(
    ("language", "region", "zone", "line"),
    [
        ("zh", "CN", None, "当地时间：11-24 12:00 · 语言：中文 · 地区：中国大陆"),
        ("en", "GB", None, "当地时间：11-24 04:00 · 语言：英文 · 地区：英国"),
        ("en", "US", None, "当地时间：不明 · 语言：英文 · 地区：美国"),
        ("zh", None, None, "当地时间：不明 · 语言：中文 · 地区：不明"),
        ("zh", None, "America/New_York", "当地时间：11-23 23:00 · 语言：中文 · 地区：不明"),
    ],
)
async def test_the_line_about_a_person(
    rooms: Heart, language: str, region: str | None, zone: str | None, line: str
) -> None:
    person = await rooms.agreed(language=language, region=region)
    async with rooms.database.begin() as tx:
        if zone is not None:
            await check_in_settings.create(tx, person.person_id, zone=zone)
        case_id = await cases.create(
            tx, person.person_id, level=3, categories=(), script="suicide", lexicon=""
        )
        case = await cases.get(tx, case_id)
        assert case is not None
        head = CaseHead(rooms.operators.messenger, ZoneInfo("UTC"))
        assert await head.lines(tx, case) == [line]


def test_every_region_has_its_name_in_chat_and_console(rooms: Heart) -> None:
    for region in Hotlines.load().regions():
        assert ConsoleTexts().has(f"region_{region}")
        assert rooms.texts.has(f"region_{region}")
