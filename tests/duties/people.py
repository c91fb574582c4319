"""What people do in the tests of duties: agree, talk for hours, leave."""

from collections.abc import Awaitable, Callable

from bot.service.lifecycle import Service
from sandbox import Sandbox, SandboxUser
from storage.companion import transcripts
from tests.e2e.conftest import TEXTS, answer_to, person_of
from tests.support.clock import ManualClock

Start = Callable[..., Awaitable[Service]]
EXACT = (
    "THE AI COMPANION IS A COMPUTER PROGRAM AND NOT A HUMAN BEING. "
    "IT IS UNABLE TO FEEL HUMAN EMOTION."
)
PROGRAM = TEXTS("zh", "duty_program")
REST = TEXTS("zh", "duty_rest")
RISK = "我想死"


async def agrees(sandbox: Sandbox, *, age: str = "adult", region: str | None = None) -> SandboxUser:
    """A newcomer goes through the first minutes."""
    user = sandbox.add_user()
    await user.say("/start")
    await user.wait_for("AI", timeout_s=20)
    await user.press("consent:yes")
    await user.wait_for(TEXTS("zh", "ask_age"), timeout_s=20)
    await user.press(f"age:{age}")
    await user.wait_for(TEXTS("zh", "ready"), timeout_s=20)
    if region is not None:
        await user.press(f"region:{region}")
        await user.wait_for(TEXTS("zh", "region_saved"), timeout_s=20)
    return user


async def told_in_hours(user: SandboxUser, clock: ManualClock, hours: int) -> dict[float, str]:
    """Talk every half an hour; the hours at which a notice came, with the reply it stood under."""
    told = {}
    for number in range(2 * hours + 1):
        if number:
            clock.forward(minutes=30)
        reply = await answer_to(user, f"今天的第 {number} 件事")
        if PROGRAM in reply or REST in reply:
            told[number / 2] = reply
    return told


async def roles(service: Service, user: SandboxUser) -> list[str]:
    """Who said what is kept of a talk, in order."""
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        turns = await transcripts.history(transaction, person.person_id)
    return [str(turn.role) for turn in turns]
