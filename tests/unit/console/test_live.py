"""What happens within a moment is one event."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, aclosing
from typing import cast

from console.live import MOST_EACH, Live
from storage.database.events import CaseChanged
from storage.ids import CaseId, OperatorId

ONE, TWO = CaseId(1), CaseId(2)
ANN, BEN = OperatorId(1), OperatorId(2)


async def there() -> bool:
    return True


async def told(events: AsyncIterator[str], for_s: float) -> list[str]:
    """The names of what comes within a while."""
    found: list[str] = []
    try:
        async with asyncio.timeout(for_s):
            async for event in events:
                found += [line[7:] for line in event.splitlines() if line.startswith("event: ")]
    except TimeoutError:
        pass
    return found


async def test_many_changes_are_few_events() -> None:
    live = Live()

    async def change() -> None:
        for _ in range(100):
            live.wake(CaseChanged(ONE))
            await asyncio.sleep(0.01)

    changing = asyncio.create_task(change())
    names = await told(live.events(None, ANN, there, pace_s=0.3, check_s=9), 1.5)
    await changing
    assert names[0] == "opened" and set(names[1:]) == {"queue"}
    assert 3 <= len(names) - 1 <= 6


async def test_the_last_change_is_never_lost() -> None:
    live = Live()
    async with aclosing(_generator(live, None, pace_s=0.1)) as events:
        assert "opened" in await anext(events)
        live.wake(CaseChanged(ONE))
        assert "queue" in await anext(events)
        live.wake(CaseChanged(TWO))  # within the pause
        async with asyncio.timeout(2):
            assert "queue" in await anext(events)


async def test_what_is_no_case_changes_the_queue_alone() -> None:
    live = Live()
    with live.watch(None, ANN) as queue, live.watch(ONE, ANN) as case:
        live.wake(CaseChanged(None))
        assert queue.take() == ["queue"]
        assert case.woken.is_set() and case.take() == ["queue"]


async def test_a_case_hears_of_itself_and_of_the_queue() -> None:
    live = Live()
    with live.watch(ONE, ANN) as watcher:
        live.wake(CaseChanged(TWO))
        assert watcher.woken.is_set() and watcher.take() == ["queue"]
        live.wake(CaseChanged(ONE))
        live.wake(CaseChanged(ONE))
        assert (
            watcher.woken.is_set() and watcher.take() == ["queue", "case"] and watcher.take() == []
        )


async def test_a_stream_ends_with_its_session_and_with_the_service() -> None:
    live, is_there = Live(), True

    async def is_in() -> bool:
        return is_there

    async with aclosing(_generator(live, None, is_in=is_in, check_s=0.05)) as events:
        await anext(events)
        is_there = False
        async with asyncio.timeout(2):
            assert [event async for event in events] == ["event: ended\ndata: 1\n\n"]
    async with aclosing(_generator(live, None, check_s=9)) as events:
        await anext(events)
        live.close()
        async with asyncio.timeout(2):
            assert [event async for event in events] == []


async def test_nobody_is_remembered_who_went_away() -> None:
    live = Live()
    async with aclosing(_generator(live, ONE)) as events:
        await anext(events)
        assert live.streams == 1
    assert live.streams == 0


def _generator(live: Live, case_id: CaseId | None, **options: object) -> "_Closing":
    is_in = options.pop("is_in", there)
    return cast(_Closing, live.events(case_id, ANN, is_in, **options))  # type: ignore[arg-type]


class _Closing(AsyncIterator[str]):
    async def aclose(self) -> None: ...


async def test_e10_one_operator_cannot_take_all_streams() -> None:
    live = Live()
    with ExitStack() as open_pages:
        for _ in range(MOST_EACH):
            assert live.has_room(ANN)
            open_pages.enter_context(live.watch(None, ANN))
        assert not live.has_room(ANN)
        assert live.has_room(BEN)
    assert live.has_room(ANN)
