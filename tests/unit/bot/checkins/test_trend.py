"""When moods fall."""

import pytest

from bot.checkins.trend import is_falling


@pytest.mark.parametrize(
    ("moods", "falls"),
    [
        ([], False),
        ([1, 1], False),
        ([1, 2, 2], True),
        ([5, 5, 5, 2, 1, 2], True),
        ([3, 3, 3], False),
        ([4] * 7 + [3, 3, 3], True),
        ([4] * 7 + [3, 3, 4], False),
        ([4] * 6 + [3, 3, 3], False),
        ([2] * 7 + [3, 3, 3], False),
    ],
)
def test_falling(moods: list[int], falls: bool) -> None:
    assert is_falling(moods) is falls
