"""Check-ins that come due while the service is killed, and what people saw of them.

The service's clock is the real one, so times are brought forward instead: everybody agrees on as
many times of the day as there are waves, half a day off, and a wave lets one of them come due
within seconds, in the rows that the loop reads.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from bot.checkins.rules.schedule import EVERY_DAY, Appointment
from bot.checkins.settings import service
from sandbox import SandboxUser
from storage import Database
from storage.checkins import appointments, occurrences
from storage.checkins.appointments import Next
from storage.checkins.occurrences import CheckInState
from storage.companion import people
from storage.database.schema import outbox
from storage.ids import PersonId

WITHIN_S = 4.0
FAR_OFF = timedelta(hours=12)


@dataclass
class Seen:
    """What came of the check-ins; `lost` and `doubled` must be 0.

    Attributes:
        due: how many came due.
        asked: of those, how many people saw.
        unknown: whose outcome is recorded as unknown (seen or not).
        lost: not noted, left out, or recorded as sent and not seen.
        doubled: seen, or noted, more than once.
    """

    due: int = 0
    asked: int = 0
    unknown: int = 0
    lost: int = 0
    doubled: int = 0


class Waves:
    """The check-ins of all people of a run."""

    def __init__(self, database: Database, chance: random.Random) -> None:
        self._database = database
        self._chance = chance
        self._people: dict[PersonId, SandboxUser] = {}
        self._minutes: list[int] = []
        self._day = datetime.now(UTC).date()
        self._next = 0

    async def begin(self, users: Sequence[SandboxUser], number: int) -> None:
        """Let everybody agree on check-ins, for so many waves."""
        now = datetime.now(UTC)
        first = now + FAR_OFF
        at = first.hour * 60 + first.minute
        self._minutes = [(at + each) % 1440 for each in range(number)]
        async with self._database.begin() as transaction:
            for user in users:
                person = await people.by_telegram_id(transaction, user.id)
                assert person is not None
                self._people[person.person_id] = user
                await service.begin(
                    transaction,
                    person.person_id,
                    zone="UTC",
                    wanted=[Appointment(EVERY_DAY, minute) for minute in self._minutes],
                )

    async def come(self) -> None:
        """Let the next wave come due, for everybody at a moment of their own."""
        minute = self._minutes[self._next]
        self._next += 1
        now = datetime.now(UTC)
        async with self._database.begin() as transaction:
            for person_id in self._people:
                at = now + timedelta(seconds=self._chance.uniform(0, WITHIN_S))
                await appointments.set_next(transaction, person_id, minute, Next(at, self._day))

    async def are_over(self) -> bool:
        """Whether everything that came due was noted; what is sent is seen to elsewhere."""
        async with self._database.read() as transaction:
            soon = datetime.now(UTC) + FAR_OFF / 2
            return not await appointments.count_due(transaction, before=soon, limit=1)

    async def count(self) -> Seen:
        """Compare what was noted and sent with what people saw."""
        seen = Seen()
        wanted = {(self._day, minute) for minute in self._minutes[: self._next]}
        async with self._database.read() as transaction:
            for person_id, user in self._people.items():
                rows = await occurrences.of_person(transaction, person_id)
                query = select(outbox.c.check_in_id, outbox.c.state).where(
                    outbox.c.person_id == person_id, outbox.c.check_in_id.is_not(None)
                )
                found = (await transaction.execute(query)).all()
                messages = {row.check_in_id: row.state for row in found}
                shown = _shown(user)
                seen.due += len(wanted)
                seen.asked += sum(shown.values())
                seen.unknown += sum(state == "unknown" for state in messages.values())
                noted = Counter((row.local_date, row.minute) for row in rows)
                seen.lost += sum(noted[each] == 0 for each in wanted)
                seen.lost += sum(row.state is CheckInState.SKIPPED for row in rows)
                seen.lost += sum(
                    state not in ("sent", "unknown") or (state == "sent" and not shown[number])
                    for number, state in messages.items()
                )
                seen.doubled += (noted - Counter(wanted)).total()
                seen.doubled += len(found) - len(messages)
                seen.doubled += sum(max(0, times - 1) for times in shown.values())
        return seen


def _shown(user: SandboxUser) -> Counter[int]:
    """How often a person sees each check-in, by the buttons under it."""
    return Counter(
        int(message.buttons[0][0][1].split(":")[1])
        for message in user.messages
        if message.from_bot and message.buttons and message.buttons[0][0][1].startswith("mood:")
    )
