"""The units that pass through a lane: one arrival, or a burst of messages."""

import time
from collections.abc import Collection
from dataclasses import dataclass, field

from telegram import Update

from bot.updates.parsing import UpdateKind
from bot.updates.quotes import Quote
from safety.screening.outcome import Screening, merge
from storage.ids import PersonId, UpdateId
from storage.messages.inbox import SourceMessage


@dataclass(frozen=True, slots=True)
class Arrival:
    """A stored update in a lane."""

    update_id: UpdateId
    person_id: PersonId | None
    kind: UpdateKind
    update: Update
    text: str
    screening: Screening
    # The person's message, by which an edit finds it, and its topic.
    source: SourceMessage | None = None
    # The person's epoch when the update was stored, or None after a restart.
    epoch: int | None = None
    # The monotonic time of receipt.
    received_at: float = field(default_factory=time.monotonic)
    quote: Quote | None = None

    @property
    def thread_id(self) -> int | None:
        """The topic of the private chat."""
        return self.source.thread_id if self.source else None

    @property
    def album_id(self) -> str | None:
        """The album that the message belongs to."""
        return self.source.album_id if self.source else None


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
            if arrival.text:  # a picture of an album has none
                words[message.message_id if message else arrival.update_id] = arrival.text
        return list(words.values())

    @property
    def text(self) -> str:
        """The texts, one line for each message."""
        return "\n".join(self.texts)

    @property
    def quotes(self) -> list[Quote]:
        """What the messages quote."""
        return [arrival.quote for arrival in self.arrivals if arrival.quote is not None]

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
    def thread_id(self) -> int | None:
        """The topic of the messages."""
        return self.arrivals[-1].thread_id

    @property
    def received_at(self) -> float:
        """The monotonic time at which the first message was received."""
        return self.arrivals[0].received_at

    @property
    def screening(self) -> Screening:
        """The merged screenings of the messages."""
        return merge([arrival.screening for arrival in self.arrivals])


Unit = Burst | Arrival
