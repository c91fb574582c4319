"""How a turn stores a message that is not text: its kind, never its content."""

from dataclasses import dataclass

# Telegram's names. If two fit, the first counts, because a venue also has a location.
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
OTHER = "other"


@dataclass(frozen=True, slots=True)
class SentObject:
    """A message that is not text.

    Attributes:
        kind: one of `KINDS`, or `OTHER`.
        seconds: how long it plays, or None if it does not play.
        emoji: a sticker's emoji, empty for other kinds.
    """

    kind: str
    seconds: int | None = None
    emoji: str = ""

    @property
    def text(self) -> str:
        """The text that a turn stores."""
        more = self.emoji if self.seconds is None else str(self.seconds)
        return f"{self.kind} {more}".rstrip()


def parse(text: str) -> SentObject:
    """Parse the text that a turn stores."""
    kind, _, more = text.partition(" ")
    if kind not in KINDS:
        return SentObject(OTHER)
    if kind != "sticker" and more.isascii() and more.isdecimal():
        return SentObject(kind, seconds=int(more))
    return SentObject(kind, emoji=more)
