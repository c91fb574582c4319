"""What a person said, with all that decides who answers it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from safety.screening.screener import Screening
from storage.companion.people import Person
from storage.ids import UpdateId


@dataclass(frozen=True, slots=True)
class Utterance:
    """A person's text that waits for an answer.

    Attributes:
        update_ids: the updates that the answer ends.
        screening: of the text in its context.
        is_typed: False if the text stands for a pressed button.
        is_edit: it only rewords older messages, so it answers no open question.
        is_late: it was said before the fixed reply of a crisis, which has answered it.
        is_new: False for a stored turn that is answered again.
        is_told: the person has the opening of the crisis script already.
    """

    person: Person
    update_ids: Sequence[UpdateId]
    text: str
    screening: Screening
    now: datetime
    is_typed: bool = True
    is_edit: bool = False
    is_late: bool = False
    is_new: bool = True
    is_told: bool = False
