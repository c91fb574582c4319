"""What a person sent that is no text, as a turn holds it: its kind, never its content."""

from dataclasses import dataclass

KINDS = (
    "voice",
    "audio",
    "video",
    "video_note",
    "animation",
    "photo",
    "sticker",
    "dice",
    "document",
    "venue",
    "location",
    "contact",
    "poll",
)
"""Telegram's names; of two that fit, the first counts (a venue has a location too)."""
OTHER = "other"


@dataclass(frozen=True, slots=True)
class SentObject:
    """One thing that a person sent.

    Attributes:
        kind: one of `KINDS`, or `OTHER`.
        seconds: how long it plays; None where it does not.
        emoji: what a sticker stands for; empty for everything else.
    """

    kind: str
    seconds: int | None = None
    emoji: str = ""

    @property
    def text(self) -> str:
        """How a turn holds it."""
        more = self.emoji if self.seconds is None else str(self.seconds)
        return f"{self.kind} {more}".rstrip()


def parse(text: str) -> SentObject:
    """Read what a turn holds."""
    kind, _, more = text.partition(" ")
    if kind not in KINDS:
        return SentObject(OTHER)
    if kind != "sticker" and more.isascii() and more.isdecimal():
        return SentObject(kind, seconds=int(more))
    return SentObject(kind, emoji=more)
