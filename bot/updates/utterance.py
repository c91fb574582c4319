"""The text of a person, with everything that decides who answers it."""

from collections.abc import Sequence
from dataclasses import dataclass

from safety.screening.outcome import Screening
from storage.companion.people import Person
from storage.ids import UpdateId


@dataclass(frozen=True, slots=True)
class Utterance:
    """A person's text that waits for an answer.

    Attributes:
        update_ids: the updates that the answer ends.
        screening: the screening of the text in its context.
        is_typed: False if the text stands for a pressed button.
        is_edit: True if it only edits older messages, so it answers no open question.
        is_late: True if a fixed crisis reply has already answered it.
        is_new: False for a stored turn that is answered again.
        is_told: True if the person already has the opening of the crisis script.
        quoted: the lines that it quotes.
    """

    person: Person
    update_ids: Sequence[UpdateId]
    text: str
    screening: Screening
    is_typed: bool = True
    is_edit: bool = False
    is_late: bool = False
    is_new: bool = True
    is_told: bool = False
    quoted: str = ""

    @property
    def told(self) -> str:
        """The words below what they quote, as the turn holds them and operators read them."""
        return "\n".join(part for part in (self.quoted, self.text) if part)
