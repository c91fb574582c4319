"""The units that pass through a lane: one arrival, or a burst of messages."""

import time
from collections.abc import Collection
from dataclasses import dataclass, field

from telegram import Update

from bot.updates.parsing import UpdateKind
from safety.screening.outcome import Screening, merge
from storage.ids import PersonId, UpdateId


@dataclass(frozen=True, slots=True)
class Arrival:
    """A stored update in a lane."""

    update_id: UpdateId
    person_id: PersonId | None
    kind: UpdateKind
    update: Update
    text: str
    screening: Screening
    # The person's epoch when the update was stored, or None after a restart.
    epoch: int | None = None
    # The monotonic time of receipt.
    received_at: float = field(default_factory=time.monotonic)


@dataclass(slots=True)
class Burst:
    """Messages of one person that are answered together."""

    person_id: PersonId
    arrivals: list[Arrival]
    shown: bool = False  # the person saw a part of the reply, so newer messages do not join

    @property
    def update_ids(self) -> list[UpdateId]:
        """The updates that the burst holds."""
        return [arrival.update_id for arrival in self.arrivals]

    @property
    def texts(self) -> list[str]:
        """The text of each message. An edit replaces the text that it edits."""
        words: dict[int, str] = {}
        for arrival in self.arrivals:
            message = arrival.update.effective_message
            words[message.message_id if message else arrival.update_id] = arrival.text
        return list(words.values())

    @property
    def text(self) -> str:
        """The texts, one line for each message."""
        return "\n".join(self.texts)

    def keep_only(self, update_ids: Collection[UpdateId]) -> bool:
        """Drop messages that are already answered, and return whether there were any.

        Newer messages may interrupt a turn just as its answer is stored. The older messages that
        they would have joined are then already answered.
        """
        before = len(self.arrivals)
        self.arrivals = [kept for kept in self.arrivals if kept.update_id in update_ids]
        return len(self.arrivals) < before

    @property
    def is_edit(self) -> bool:
        """Whether the burst only edits older messages."""
        return all(arrival.kind is UpdateKind.EDIT for arrival in self.arrivals)

    @property
    def received_at(self) -> float:
        """The monotonic time at which the first message was received."""
        return self.arrivals[0].received_at

    @property
    def screening(self) -> Screening:
        """The merged screenings of the messages."""
        return merge([arrival.screening for arrival in self.arrivals])


Unit = Burst | Arrival
