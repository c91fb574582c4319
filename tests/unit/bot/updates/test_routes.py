"""The routes of rooms are joined, and no two rooms answer the same update."""

from typing import Any

import pytest

from bot.updates.routes import Routes, UpdateClass, joined


async def answer(_update: Any, _context: Any) -> None:
    pass


def test_rooms_are_joined_in_order() -> None:
    routes = joined([Routes(commands={"new": answer}), Routes(commands={"help": answer})])
    assert list(routes.commands) == ["new", "help"]
    assert not routes.buttons


@pytest.mark.parametrize(
    "routes",
    [
        Routes(commands={"help": answer}),
        Routes(buttons={"plan": answer}),
        Routes(classes={UpdateClass.BURST: answer}),
    ],
)
def test_two_rooms_must_not_answer_the_same(routes: Routes) -> None:
    with pytest.raises(ValueError, match=r"help|plan|burst"):
        joined([routes, Routes(), routes])
