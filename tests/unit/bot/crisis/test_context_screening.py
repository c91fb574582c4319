"""A burst is read whole, and bounded where its messages do not meet."""

from bot.crisis.context_screening import MOST_JOINED, joined
from safety.screening.levels import Level
from safety.screening.screener import Screener


def test_messages_keep_their_lines() -> None:
    assert joined(["i want", "to", "die"]) == "i want\nto\ndie"


def test_of_long_messages_the_places_where_they_meet_are_left() -> None:
    texts = [f"今天{'好累' * 2_000}我想", f"死{'了算了' * 1_000}"] * 10
    whole = joined(texts)
    assert len(whole) <= MOST_JOINED + 4 * len(texts)
    assert "我想\n死" in whole


def test_what_is_left_out_joins_nothing(screener: Screener) -> None:
    text = f"{'你好。' * 700}我很想{'x' * 4_000}死海{'你好。' * 700}"
    assert screener.screen(joined([text, "ok"])).level <= Level.DISTRESS
