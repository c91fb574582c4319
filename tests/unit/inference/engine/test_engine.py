"""The step loop: ends, limits, cancelling, deadlines, order. Failures: ``test_recovery``."""

from __future__ import annotations

import pytest

from inference.engine.engine import PREFILL_BESIDE
from inference.requests import GenerationError, GenerationRequest, Sampling
from tests.support.planned_runner import PlannedRunner

PROMPT = [4001, 4003, 2432, 94, 85, 3733, 120, 1422]


def test_text_is_that_of_the_ids(driver, tiny):
    run = driver(tiny)
    run.ask("a", PROMPT, 40)
    result = run.run()["a"]
    assert len(result.ids) == 40
    assert result.text == tiny.tokenizer.decode(result.ids)


def saying(driver, tiny, tokens):
    """A run in which these tokens come next, whatever the model says."""
    plan = PlannedRunner(tiny)
    plan.say(*tokens)
    return driver(tiny, runner=plan)


def test_the_end_of_sequence_ends_and_does_not_show(driver, tiny):
    words = tiny.tokenizer.encode("你好")
    run = saying(driver, tiny, [*words, 2, 1422])
    run.ask("a", PROMPT, 40)
    result = run.run()["a"]
    assert result.ids == [*words, 2]
    assert result.text == "你好"


@pytest.mark.parametrize("start", ["你好\n\n", ""])
def test_the_next_round_ends_and_does_not_show(driver, tiny, start):
    ids = tiny.tokenizer.encode(f"{start}[Round 2]\n\n问：什么")
    run = saying(driver, tiny, ids)
    run.ask("a", PROMPT, 40)
    result = run.run()["a"]
    assert result.text == start
    assert len(result.ids) < len(ids)


def test_a_beginning_of_the_next_round_shows_if_the_reply_ends_there(driver, tiny):
    ids = tiny.tokenizer.encode("好[Roun")
    run = saying(driver, tiny, [*ids, 2])
    run.ask("a", PROMPT, 40)
    assert run.run()["a"].text == "好[Roun"


def test_half_a_character_at_the_end_is_shown_as_lost(driver, tiny):
    run = saying(driver, tiny, [1422, 3 + 0xE4, 3 + 0xBD, 2])
    run.ask("a", PROMPT, 40)
    assert run.run()["a"].text == "你好\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"


def test_the_context_ends_a_reply(driver, tiny):
    room = 4
    prompt = [1422] * (tiny.context_length - room)
    run = driver(tiny)
    run.ask("a", prompt, 512)
    result = run.run()["a"]
    assert len(result.ids) == room
    assert result.reason is None
    assert tiny.context_length == 2048 - 16


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [([1422] * 2032, "prompt_too_long"), ([4032], "bad_prompt"), ([-1], "bad_prompt")],
)
def test_a_prompt_that_can_never_run_is_refused_at_once(driver, tiny, prompt, reason):
    run = driver(tiny)
    with pytest.raises(GenerationError) as refused:
        run.ask("a", prompt)
    assert refused.value.reason == reason
    assert refused.value.permanent
    assert not run.engine.has_work


def test_requests_without_meaning_are_refused():
    for wrong in ({"prompt_ids": ()}, {"max_new_tokens": 0}, {"priority": 9}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            GenerationRequest(**{"request_id": "a", "prompt_ids": (1,), **wrong})


def test_a_prompt_of_one_token(driver, tiny):
    run = driver(tiny)
    run.ask("a", [1422], 5)
    assert len(run.run()["a"].ids) == 5


def test_a_long_prompt_does_not_hold_up_the_others(driver, tiny):
    run = driver(tiny)
    run.ask("short", PROMPT, 50)
    run.step()
    run.ask("long", [1422] * (2 * PREFILL_BESIDE + 10), 2)
    before = len(run.results["short"].ids)
    run.step()
    run.step()
    assert len(run.results["short"].ids) == before + 2
    assert run.results["long"].ids == []
    run.step()
    assert len(run.results["long"].ids) == 1


def test_a_full_waiting_room_says_the_place(driver, tiny):
    run = driver(tiny, max_running=1, max_waiting=2)
    for name in "abc":
        run.ask(name, PROMPT)
    with pytest.raises(GenerationError) as full:
        run.ask("d", PROMPT)
    assert (full.value.reason, full.value.permanent) == ("queue_full", False)
    run.step()
    with pytest.raises(GenerationError) as full:
        run.ask("d", PROMPT)
    assert full.value.place == 3
    assert {r.reason for r in run.run().values()} == {None}


def test_an_id_is_used_once_at_a_time(driver, tiny):
    run = driver(tiny)
    run.ask("a", PROMPT)
    with pytest.raises(GenerationError, match="duplicate_id"):
        run.ask("a", PROMPT)


def test_cancelling_frees_the_slot_within_one_step(driver, tiny):
    run = driver(tiny, max_running=1, max_waiting=1)
    run.ask("a", PROMPT, 400)
    run.ask("b", PROMPT, 3)
    run.step()
    assert run.engine.load() == (1, 1)
    run.engine.cancel("a")
    seen = len(run.results["a"].ids)
    run.step()
    assert run.engine.load() == (1, 0)
    assert len(run.results["b"].ids) == 1
    results = run.run()
    assert len(results["a"].ids) == seen
    assert not results["a"].done
    assert run.engine.runner.cache.nbytes == 0
    run.engine.cancel("a")  # long gone; no harm


def test_cancelling_one_that_waits(driver, tiny):
    run = driver(tiny, max_running=1)
    run.ask("a", PROMPT, 3)
    run.ask("b", PROMPT, 3)
    run.step()
    run.engine.cancel("b")
    assert run.run()["b"].ids == []


def test_cancelling_all_leaves_nothing_to_do(driver, tiny):
    run = driver(tiny)
    run.ask("a", PROMPT, 400)
    run.step()
    run.engine.cancel("a")
    run.step()
    assert not run.engine.has_work


def test_deadlines_end_the_waiting_and_the_running(driver, tiny):
    now = [100.0]
    run = driver(tiny, max_running=1, clock=lambda: now[0])
    run.ask("runs", PROMPT, 400, deadline_s=5)
    run.ask("waits", PROMPT, 400, deadline_s=3)
    run.ask("patient", PROMPT, 4)
    run.step()
    now[0] += 3
    run.step()
    assert run.results["waits"].reason == "deadline"
    now[0] += 2
    results = run.run()
    assert results["runs"].reason == "deadline"
    assert len(results["runs"].ids) == 2
    assert len(results["patient"].ids) == 4
    assert results["patient"].reason is None


def test_priority_goes_first(driver, tiny):
    run = driver(tiny, max_running=1)
    run.ask("first", PROMPT, 2)
    run.ask("later", PROMPT, 2)
    run.ask("urgent", PROMPT, 2, priority=3)
    run.step()
    assert run.results["urgent"].ids
    assert not run.results["first"].ids


def test_a_seed_repeats_whoever_shares_the_step(driver, demo):
    prompt = demo.tokenizer.encode_chat("我最近压力很大")
    sampling = Sampling(seed=11)

    def reply(neighbours):
        run = driver(demo)
        for number in range(neighbours):
            other = demo.tokenizer.encode_chat("你好" * (number + 1))
            run.ask(f"n{number}", other, 10 + number, sampling=Sampling(seed=number))
        run.ask("mine", prompt, 24, sampling=sampling)
        return run.run()["mine"].ids

    alone = reply(0)
    assert reply(0) == alone
    assert reply(3) == alone
    assert reply(7) == alone


def test_fail_all_ends_everyone_once(driver, tiny):
    run = driver(tiny, max_running=1)
    run.ask("a", PROMPT)
    run.ask("b", PROMPT)
    run.step()
    run.engine.cancel("a")
    outputs = run.engine.fail_all("shutdown", close=True)
    assert [(o.request_id, o.error.reason, o.done) for o in outputs] == [("b", "shutdown", True)]
    assert not run.engine.has_work
    with pytest.raises(GenerationError, match="shutdown"):
        run.ask("c", PROMPT)
