"""The runner of the scripts: what was told is not asked, and answers are kept for operators."""

from bot.crisis.script import ScriptRunner
from bot.texts import Texts
from bot.texts.help_lines import HelpLines
from safety.response.hotlines import Hotlines
from safety.screening.answers import Answer
from safety.screening.screener import Screener
from storage.companion import script_answers, script_positions
from storage.companion.people import Person
from tests.support.house import Heart

TEXTS = Texts()


class Talk:
    """One person's way through a script, each message screened after its question."""

    def __init__(self, rooms: Heart, person: Person, screener: Screener) -> None:
        self.rooms, self.person, self.screener = rooms, person, screener
        self.runner = ScriptRunner(TEXTS, HelpLines(TEXTS, Hotlines.load()))

    async def begins(self, script: str, step: int) -> None:
        async with self.rooms.database.begin() as transaction:
            await script_positions.put(
                transaction,
                self.person.person_id,
                script,
                step=step,
                turns=1,
                changed_at=transaction.now,
            )

    async def says(self, text: str, asked: str) -> str:
        screening = self.screener.screen(text, asked=asked)
        async with self.rooms.database.begin() as transaction:
            body = await self.runner.advance(transaction, self.person, "suicide", text, screening)
        return body.text

    async def answers(self) -> dict[str, str]:
        async with self.rooms.database.read() as transaction:
            rows = await script_answers.of_person(transaction, self.person.person_id)
        return {row.question: row.answer for row in rows}


async def test_what_is_told_in_passing_is_answered_and_not_asked(
    rooms: Heart, screener: Screener
) -> None:
    talk = Talk(rooms, await rooms.agreed(region="CN"), screener)
    await talk.begins("suicide", 1)
    said = await talk.says("没吃药，我妈在家", "injured")
    assert said.startswith(TEXTS("zh", "injured_no").strip())
    assert TEXTS("zh", "company_yes").strip() in said
    assert TEXTS("zh", "ask_means").strip() in said
    said = await talk.says("没有，都收走了", "means")
    assert TEXTS("zh", "means_no").strip() in said
    assert TEXTS("zh", "ask_company").strip() not in said
    assert await talk.answers() == {
        "injured": Answer.NO,
        "company": Answer.YES,
        "means": Answer.NO,
    }


async def test_another_matter_answers_nothing(rooms: Heart, screener: Screener) -> None:
    talk = Talk(rooms, await rooms.agreed(region="CN"), screener)
    await talk.begins("suicide", 2)
    said = await talk.says("今天食堂的面特别咸", "means")
    assert TEXTS("zh", "ask_company").strip() in said
    assert await talk.answers() == {}
