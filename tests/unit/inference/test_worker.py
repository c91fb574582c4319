"""The asyncio door: words in time, cancelling, closing, health."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import subprocess
import sys
import threading
import time

import pytest
import torch

from inference import GenerationError, GenerationRequest, InferenceWorker, ModelSource, Sampling
from inference.engine.engine import Engine
from inference.engine.recovery import MAX_RESTARTS
from inference.engine.thread import STEPS_TO_GIVE_UP
from inference.model.decoder import Decoder
from inference.requests import CheckpointError
from tests.support.planned_runner import PlannedRunner
from tests.support.waiting import until


@pytest.fixture
def plan():
    """The runner of `worker`, whose passes a test may watch or break."""
    return PlannedRunner()


@pytest.fixture
async def worker(pica, plan):
    limits = {"dtype": "float32", "max_running": 2, "max_waiting": 2}
    source = dataclasses.replace(pica.source("prefix"), **limits)
    worker = await InferenceWorker.start(source, wrap_runner=plan.wrap)
    yield worker
    await worker.aclose(grace_s=0)


def request(worker, name, tokens=40, query="你好", **options):
    ids = tuple(worker.tokenizer.encode_chat(query))
    return GenerationRequest(
        name, ids, max_new_tokens=tokens, sampling=Sampling(greedy=True), **options
    )


async def read(worker, asked):
    return "".join([text async for text in worker.stream(asked)])


async def test_words_stream_as_they_come(worker, pica):
    case = pica.cases("prefix")[0]
    expected = worker.tokenizer.decode(case["greedy_new_ids"])
    pieces = [text async for text in worker.stream(request(worker, "a", 48))]
    assert "".join(pieces) == expected
    assert len(pieces) > 20


async def test_many_at_once_keep_apart(worker, pica):
    cases = pica.cases("prefix")
    texts = await asyncio.gather(
        *(
            read(
                worker,
                GenerationRequest(
                    "same id",
                    tuple(worker.tokenizer.encode_chat(c["query"], c["history"])),
                    max_new_tokens=48,
                    sampling=Sampling(greedy=True),
                ),
            )
            for c in cases
        )
    )
    assert texts == [worker.tokenizer.decode(c["greedy_new_ids"]) for c in cases]


async def test_the_first_word_does_not_wait_for_the_last(worker):
    stream = worker.stream(request(worker, "a", 1500))
    async with contextlib.aclosing(stream):
        async for _ in stream:
            break
        assert worker.health().running == 1
        assert worker.health().steps < 1500


async def test_closing_a_stream_frees_its_slot_within_one_step(worker):
    stream = worker.stream(request(worker, "a", 1900))
    await anext(stream)
    await stream.aclose()
    steps = worker.health().steps
    await until(lambda: worker.health().running == 0)
    assert worker.health().steps <= steps + 2  # the step under way, and the one that frees


async def test_cancelling_the_reading_task_frees_its_slot(worker):
    tasks = [asyncio.create_task(read(worker, request(worker, str(n), 1900))) for n in range(3)]
    await until(lambda: worker.health().running == 2 and worker.health().waiting == 1)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert all(task.cancelled() for task in tasks)
    await until(lambda: (worker.health().running, worker.health().waiting) == (0, 0))
    assert await read(worker, request(worker, "after", 3))


async def test_a_full_waiting_room_refuses_at_once(worker):
    tasks = [asyncio.create_task(read(worker, request(worker, str(n), 1900))) for n in range(4)]
    await until(lambda: worker.health().waiting == 2)
    with pytest.raises(GenerationError) as full:
        await read(worker, request(worker, "one too many"))
    assert (full.value.reason, full.value.place) == ("queue_full", 3)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_deadline_raises_where_the_words_are_read(worker):
    started = time.monotonic()
    with pytest.raises(GenerationError) as late:
        await read(worker, request(worker, "a", 1900, deadline_s=0.2))
    assert late.value.reason == "deadline"
    assert 0.2 <= time.monotonic() - started < 2.0


async def test_a_prompt_that_is_too_long(worker):
    ids = (1422,) * worker.context_length
    with pytest.raises(GenerationError) as long:
        await read(worker, GenerationRequest("a", ids))
    assert (long.value.reason, long.value.permanent) == ("prompt_too_long", True)


async def test_health(worker):
    health = worker.health()
    assert (health.alive, health.running, health.waiting) == (True, 0, 0)
    assert (health.device, health.dtype) == ("cpu", "float32")
    await read(worker, request(worker, "a", 5))
    after = worker.health()
    assert after.steps >= health.steps + 5
    assert after.last_step_age_s < 1.0


async def test_closing_lets_running_replies_end(worker):
    stream = worker.stream(request(worker, "a", 60))
    first = await anext(stream)
    closing = asyncio.create_task(worker.aclose(grace_s=10))
    rest = "".join([text async for text in stream])
    await closing
    assert len(worker.tokenizer.encode(first + rest)) > 20
    assert not worker.health().alive
    with pytest.raises(GenerationError, match="shutdown"):
        await read(worker, request(worker, "b"))


async def test_closing_ends_the_rest_after_the_grace(worker):
    tasks = [asyncio.create_task(read(worker, request(worker, str(n), 1900))) for n in range(3)]
    await until(lambda: worker.health().running == 2)
    started = time.monotonic()
    await worker.aclose(grace_s=0.1)
    assert time.monotonic() - started < 2.0
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [r.reason for r in results if isinstance(r, GenerationError)] == ["shutdown"] * 3
    await worker.aclose()


async def test_a_step_that_fails_as_a_whole_costs_nobody_a_word(worker, plan):
    expected = await read(worker, request(worker, "before", 50))
    calls = []

    def broken(is_idle):
        calls.append(1)
        if len(calls) in {2, 9}:
            raise RuntimeError

    plan.after_step = broken
    assert await read(worker, request(worker, "a", 50)) == expected
    assert worker.health().alive
    assert worker.health().restarts == 2
    assert await read(worker, request(worker, "b", 5))


@pytest.fixture
def poisonous(plan):
    """A step fails as a whole while a request runs, until the plan is mended."""

    def broken(is_idle):
        if not is_idle:
            raise RuntimeError

    plan.after_step = broken


@pytest.mark.usefixtures("poisonous")
async def test_a_request_that_breaks_step_after_step_is_given_up_and_others_go_on(worker, plan):
    with pytest.raises(GenerationError, match="engine_failed"):
        await read(worker, request(worker, "bad", 500))
    assert worker.health().restarts == MAX_RESTARTS + 1
    plan.mend()
    assert await read(worker, request(worker, "good", 5))
    assert worker.health().alive


@pytest.mark.usefixtures("poisonous")
async def test_several_such_requests_one_behind_the_other_do_not_end_the_worker(worker, plan):
    asked = [read(worker, request(worker, f"bad {n}", 500)) for n in range(4)]
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert [r.reason for r in results] == ["engine_failed"] * 4
    plan.mend()
    assert await read(worker, request(worker, "good", 5))
    assert worker.health().alive
    assert STEPS_TO_GIVE_UP >= 2 * (MAX_RESTARTS + 1) + 1


@pytest.fixture
def lost_device(monkeypatch):
    """Every operation fails from now on, as after an illegal access in CUDA."""

    def dead(*args, **options):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    with monkeypatch.context() as patch:

        def lose():
            patch.setattr(Decoder, "embed", dead)
            for name in ("zero_", "clone", "__setitem__", "item"):
                patch.setattr(torch.Tensor, name, dead)

        yield lose


async def test_a_lost_device_leaves_nobody_waiting(worker, lost_device):
    await read(worker, request(worker, "before", 3, conversation="ours"))
    tasks = [asyncio.create_task(read(worker, request(worker, str(n), 1900))) for n in range(4)]
    await until(lambda: worker.health().running == 2 and worker.health().waiting == 2)
    lost_device()
    results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
    assert [r.reason for r in results] == ["engine_failed"] * 4
    await until(lambda: not worker.health().alive)
    with pytest.raises(GenerationError, match="shutdown"):
        await read(worker, request(worker, "after"))


class BrokenEngine(Engine):
    def step(self):
        raise RuntimeError

    def restart(self):
        raise RuntimeError

    def fail_all(self, reason, *, close=False):
        raise RuntimeError


async def test_an_engine_that_cannot_even_say_its_last_words_leaves_nobody_waiting(tiny):
    worker = InferenceWorker(BrokenEngine(tiny), tiny, threads=1)
    with pytest.raises(GenerationError, match="engine_failed"):
        await asyncio.wait_for(read(worker, request(worker, "a")), 5)
    assert not worker.health().alive


async def test_closing_does_not_wait_for_a_step_that_never_ends(worker, plan):
    go_on = threading.Event()

    def stuck(*_):
        go_on.wait()
        raise RuntimeError

    plan.before_decode = stuck
    task = asyncio.create_task(read(worker, request(worker, "a")))
    await until(lambda: worker.health().running == 1)
    try:
        await asyncio.wait_for(worker.aclose(grace_s=0.1, last_step_s=0.2), 5)
        with pytest.raises(GenerationError, match="shutdown"):
            await asyncio.wait_for(task, 5)
    finally:
        go_on.set()


async def test_whatever_ends_the_thread_nobody_is_left_waiting(worker, plan):
    plan.break_down(SystemExit())
    with pytest.raises(GenerationError, match="engine_failed"):
        await read(worker, request(worker, "a"))
    await until(lambda: not worker.health().alive)


async def test_a_conversation_stays_until_it_is_forgotten(worker):
    await read(worker, request(worker, "a", 5, conversation="ours"))
    await until(lambda: worker.health().running == 0)
    assert worker.health().resident == 1
    assert worker.health().resident_bytes > 0
    assert worker.is_cached("ours")
    worker.forget("ours")
    await until(lambda: worker.health().resident == 0)
    assert worker.health().resident_bytes == 0


async def test_a_conversation_forgotten_while_it_runs_is_not_kept(worker):
    stream = worker.stream(request(worker, "a", 1900, conversation="ours"))
    await anext(stream)
    worker.forget("ours")
    await stream.aclose()
    # What is kept is kept within the step that frees the slot, after the slot counts as free.
    await until(lambda: worker.health().running == 0)
    await read(worker, request(worker, "after", 2))
    assert worker.health().resident == 0


async def test_the_place_in_line(worker):
    tasks = [asyncio.create_task(read(worker, request(worker, str(n), 1900))) for n in range(4)]
    await until(lambda: worker.health().waiting == 2)
    assert [worker.place(str(n)) for n in range(4)] == [0, 0, 1, 2]
    assert worker.place("nobody") == 0
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_an_engine_that_keeps_failing_is_not_alive(worker, plan):
    def broken(is_idle):
        raise RuntimeError

    plan.after_step = broken
    with pytest.raises(GenerationError, match="engine_failed"):
        await read(worker, request(worker, "a"))
    await until(lambda: not worker.health().alive)
    assert worker.health().restarts == STEPS_TO_GIVE_UP
    with pytest.raises(GenerationError, match="shutdown"):
        await read(worker, request(worker, "b"))


async def test_the_embedded_demo_answers_in_chinese():
    calls = []
    worker = await InferenceWorker.start(
        ModelSource(device="cpu"), progress=lambda done, total: calls.append((done, total))
    )
    try:
        assert (worker.is_demo, worker.model_name) == (True, "pica-demo")
        assert worker.context_length == 2048 - 32
        ids = tuple(worker.tokenizer.encode_chat("我最近压力很大，晚上睡不着"))
        asked = GenerationRequest("a", ids, max_new_tokens=80, sampling=Sampling(seed=5))
        text = await read(worker, asked)
    finally:
        await worker.aclose()
    chinese = sum("\u4e00" <= character <= "\u9fff" for character in text)
    assert chinese >= 5
    assert chinese > 0.6 * len(text.strip())
    assert calls[-1][0] == calls[-1][1] > 20_000_000


async def test_a_model_that_cannot_be_loaded_raises_at_the_start(tmp_path):
    with pytest.raises(CheckpointError, match=r"no folder"):
        await InferenceWorker.start(ModelSource(model=str(tmp_path / "x" / "y")))


def test_one_worker_serves_one_event_loop_after_another(pica):
    async def start():
        return await InferenceWorker.start(pica.source("prefix"))

    async def leave_open(worker):
        stream = worker.stream(request(worker, "left", 1900))
        await anext(stream)
        left.append(stream)

    async def end(worker):
        await until(lambda: worker.health().running == 0)
        await worker.aclose(grace_s=0)

    left = []
    worker = asyncio.run(start())
    texts = [asyncio.run(read(worker, request(worker, "a", 5))) for _ in range(2)]
    assert texts[0] == texts[1] != ""
    loop = asyncio.new_event_loop()
    loop.run_until_complete(leave_open(worker))
    loop.close()  # without a word to the worker: its request must not run for ever
    asyncio.run(end(worker))
    assert worker.open_streams == 0


def test_importing_the_door_imports_no_torch():
    code = (
        "import sys, inference, inference.requests, inference.worker\n"
        "heavy = {'torch', 'transformers', 'accelerate', 'sentencepiece'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
