"""Updates on their way through a lane: one arrival, or a burst of words."""

import time
from collections.abc import Collection
from dataclasses import dataclass, field

from telegram import Update

from bot.updates.parsing import UpdateKind
from safety.screening.screener import Screening, merge
from storage.ids import PersonId, UpdateId


@dataclass(frozen=True, slots=True)
class Arrival:
    """A stored update on its way through a lane."""

    update_id: UpdateId
    person_id: PersonId | None
    kind: UpdateKind
    update: Update
    text: str
    screening: Screening
    # The person's epoch when the update was stored; None after a restart.
    epoch: int | None = None
    # When it was received, by the monotonic clock.
    received_at: float = field(default_factory=time.monotonic)


@dataclass(slots=True)
class Burst:
    """Words of one person that are answered together."""

    person_id: PersonId
    arrivals: list[Arrival]
    shown: bool = False  # a part of the reply was seen: newer words no longer join

    @property
    def update_ids(self) -> list[UpdateId]:
        """The updates that the burst holds."""
        return [arrival.update_id for arrival in self.arrivals]

    @property
    def texts(self) -> list[str]:
        """The words of each message; an edit replaces what it edits."""
        words: dict[int, str] = {}
        for arrival in self.arrivals:
            message = arrival.update.effective_message
            words[message.message_id if message else arrival.update_id] = arrival.text
        return list(words.values())

    @property
    def text(self) -> str:
        """The words, a line for each message."""
        return "\n".join(self.texts)

    def keep_only(self, update_ids: Collection[UpdateId]) -> bool:
        """Leave out words that have their answer; whether there were any.

        Newer words may cut a turn short in the moment in which its answer is stored: then the
        older ones, which they would have joined, are answered.
        """
        before = len(self.arrivals)
        self.arrivals = [each for each in self.arrivals if each.update_id in update_ids]
        return len(self.arrivals) < before

    @property
    def is_edit(self) -> bool:
        """Whether it only rewords older messages."""
        return all(arrival.kind is UpdateKind.EDIT for arrival in self.arrivals)

    @property
    def received_at(self) -> float:
        """When the first of the messages was received, by the monotonic clock."""
        return self.arrivals[0].received_at

    @property
    def screening(self) -> Screening:
        """The screenings of the single messages, merged."""
        return merge([arrival.screening for arrival in self.arrivals])


Unit = Burst | Arrival
