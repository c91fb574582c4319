"""A reply ends at the next round, however its pieces arrive."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from inference.engine.stop_strings import NEXT_ROUND, StopText

pieces = st.lists(st.text(alphabet="[Round 1a好", max_size=6), max_size=12)


@settings(deadline=None)
@given(pieces)
def test_shows_all_before_the_stop_text_and_nothing_of_it(parts):
    whole = "".join(parts)
    stop = StopText()
    shown = "".join(stop.feed(part) for part in parts) + stop.finish()
    assert shown == whole.split(NEXT_ROUND)[0]
    assert stop.reached == (NEXT_ROUND in whole)


@settings(deadline=None)
@given(pieces)
def test_holds_back_only_what_may_become_the_stop_text(parts):
    stop = StopText()
    shown, whole = "", ""
    for part in parts:
        shown += stop.feed(part)
        whole += part
        if not stop.reached:
            held = whole[len(shown) :]
            assert NEXT_ROUND.startswith(held)
            assert len(held) < len(NEXT_ROUND)
