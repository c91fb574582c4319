"""Failures: of one, of all, of memory, of the device; who is spared and what is told."""

from __future__ import annotations

import logging

import pytest
import torch

from inference.engine.outputs import EngineLost
from inference.engine.recovery import BARREN_STEPS, CALM_STEPS, MAX_RESTARTS
from inference.model import model_runner as runners
from inference.model.decoder import Decoder
from inference.model.kv_cache import SlotCache
from tests.support.planned_runner import PlannedRunner
from tests.support.simulated_capture import SimulatedCapture

PROMPT = [4001, 4003, 2432, 94, 85, 3733, 120, 1422]


def greedy_ids(driver, tiny, prompt, tokens):
    run = driver(tiny)
    run.ask("alone", prompt, tokens)
    return run.run()["alone"].ids


@pytest.fixture
def failing(monkeypatch, tiny):
    """Makes the model's forward pass fail while a given token goes through it."""
    embed = Decoder.embed

    def arm(token, error):
        def spoilt(self, ids):
            if token is None or (ids == token).any():
                raise error
            return embed(self, ids)

        monkeypatch.setattr(Decoder, "embed", spoilt)

    return arm


@pytest.mark.parametrize("when", ["prefill", "decode"])
def test_a_failing_request_fails_alone(driver, tiny, failing, caplog, when):
    bad = 1234
    others = {name: [*PROMPT, 1500 + number] for number, name in enumerate("abcd")}
    expected = {name: greedy_ids(driver, tiny, ids, 20) for name, ids in others.items()}
    failing(bad, RuntimeError("a secret of the user"))
    run = driver(tiny)
    for name in "ab":
        run.ask(name, others[name], 20)
    run.ask("bad", [1422, bad, 1422] if when == "prefill" else [1422, bad], 20)
    for name in "cd":
        run.ask(name, others[name], 20)
    with caplog.at_level(logging.DEBUG):
        results = run.run()
    assert results["bad"].reason == "engine_failed"
    assert {name: results[name].ids for name in others} == expected
    assert all(results[name].reason is None for name in others)
    assert "secret" not in caplog.text
    assert "RuntimeError" in caplog.text


@pytest.fixture
def spoilt(tiny):
    """A token whose embedding is not finite."""
    token, weight = 1234, tiny.model.model.embed_tokens.weight
    row = weight.data[token].clone()
    weight.data[token] = torch.nan
    yield token
    weight.data[token] = row


def test_logits_that_are_not_finite_fail_their_request_alone(driver, tiny, spoilt):
    expected = greedy_ids(driver, tiny, PROMPT, 20)
    run = driver(tiny)
    run.ask("bad", [1422, spoilt, 1422], 20)
    run.ask("a", PROMPT, 20)
    results = run.run()
    assert results["bad"].reason == "bad_logits"
    assert results["bad"].ids == []
    assert results["a"].ids == expected
    run.ask("next in that slot", PROMPT, 20)
    assert run.run()["next in that slot"].ids == expected


class BrokenDecoder:
    def feed(self, token):
        raise KeyError(token)


def test_an_error_while_decoding_text_fails_its_request_alone(driver, tiny, monkeypatch):
    expected = greedy_ids(driver, tiny, PROMPT, 10)
    run = driver(tiny)
    with monkeypatch.context() as patch:
        patch.setattr(tiny.tokenizer, "stream", BrokenDecoder)
        run.ask("bad", PROMPT, 10)
    run.ask("a", PROMPT, 10)
    results = run.run()
    assert results["bad"].reason == "engine_failed"
    assert results["a"].ids == expected


def limit_memory(monkeypatch, *, slots=10**6, capacity=10**6):
    """There is no room for larger layers, which is noticed where the first has grown already."""
    zeros = SlotCache.allocate

    def zeros_or_fail(self, layer, *shape):
        if layer > 0 and (shape[0] > slots or shape[1] > capacity):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return zeros(self, layer, *shape)

    monkeypatch.setattr(SlotCache, "allocate", zeros_or_fail)


def test_short_memory_lets_fewer_run_and_loses_no_reply(driver, tiny, monkeypatch):
    prompts = {str(n): [*PROMPT, 1500 + n] for n in range(6)}
    expected = {name: greedy_ids(driver, tiny, ids, 30) for name, ids in prompts.items()}
    run = driver(tiny, max_running=6)
    limit_memory(monkeypatch, slots=2)
    for name, ids in prompts.items():
        run.ask(name, ids, 30)
    run.step()
    run.step()
    assert run.engine.load()[0] <= 5
    results = run.run()
    assert {name: r.ids for name, r in results.items()} == expected
    assert {r.reason for r in results.values()} == {None}


def test_memory_short_in_a_step_makes_the_last_one_wait_and_go_on(driver, tiny):
    expected = {n: greedy_ids(driver, tiny, [*PROMPT, 1500 + n], 12) for n in range(3)}
    plan = PlannedRunner(tiny)
    run = driver(tiny, runner=plan)
    for number in range(3):
        run.ask(str(number), [*PROMPT, 1500 + number], 12)
    run.step()

    def tight(slots, ids, stored):
        if len(slots) > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to")

    plan.before_decode = tight
    run.step()
    assert run.engine.load() == (2, 1)
    results = run.run()
    assert {int(name): r.ids for name, r in results.items()} == expected


@pytest.mark.parametrize("fixed_shapes", [False, True])
def test_a_chat_that_outgrows_memory_costs_its_neighbours_no_word(
    driver, tiny, monkeypatch, fixed_shapes
):
    prompts = {name: [*PROMPT, 1500 + n] for n, name in enumerate("ab")}
    expected = {name: greedy_ids(driver, tiny, ids, 30) for name, ids in prompts.items()}
    if fixed_shapes:
        monkeypatch.setattr(runners, "capture_for", lambda devices: SimulatedCapture())
    run = driver(tiny)
    for name, ids in prompts.items():
        run.ask(name, ids, 30)
    run.step()
    limit_memory(monkeypatch, capacity=500)
    run.ask("large", [1422] * 600, 5)
    run.step()
    results = run.run()
    assert {name: results[name].ids for name in prompts} == expected
    assert results["large"].reason == "out_of_memory"
    assert run.engine.load() == (0, 0)


def test_one_chat_too_large_for_memory_fails_and_the_next_runs(driver, tiny, monkeypatch):
    run = driver(tiny)
    limit_memory(monkeypatch, capacity=200)
    run.ask("large", [1422] * 250, 5)
    run.ask("small", PROMPT, 5)
    results = run.run()
    assert results["large"].reason == "out_of_memory"
    assert len(results["small"].ids) == 5


def test_a_chat_alone_has_the_memory_that_others_left(driver, tiny, monkeypatch):
    """Captured steps keep the slots of chats that are gone; they give way before a chat fails."""
    monkeypatch.setattr(runners, "capture_for", lambda devices: SimulatedCapture())
    expected = greedy_ids(driver, tiny, [1422] * 600, 5)
    run = driver(tiny)
    for number in range(4):
        run.ask(str(number), PROMPT, 2)
    run.run()
    cache = run.engine.runner.cache
    assert cache.nbytes > 0
    zeros = SlotCache.allocate

    def zeros_or_fail(self, layer, *shape):
        if shape[0] * shape[1] > 2000:
            raise torch.OutOfMemoryError
        return zeros(self, layer, *shape)

    monkeypatch.setattr(SlotCache, "allocate", zeros_or_fail)
    run.ask("large", [1422] * 600, 5)
    assert run.run()["large"].ids == expected


def test_after_a_calm_while_more_may_run_again(driver, tiny):
    plan = PlannedRunner(tiny)
    run = driver(tiny, runner=plan, max_running=2)
    run.ask("a", PROMPT, CALM_STEPS + 10)
    run.ask("b", PROMPT, 3)
    plan.break_down(torch.OutOfMemoryError())
    run.step()
    assert run.engine.load() == (1, 1)
    plan.mend()
    for _ in range(CALM_STEPS):
        run.step()
    assert run.engine.load() == (2, 0)
    run.run()


def lose_device(monkeypatch):
    """From now on every operation fails, as after an illegal access in CUDA."""

    def dead(*args, **options):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(Decoder, "embed", dead)
    for name in ("zero_", "clone", "__setitem__", "item"):
        monkeypatch.setattr(torch.Tensor, name, dead)


def test_a_device_that_is_lost_ends_the_engine_at_once(driver, tiny, monkeypatch):
    run = driver(tiny)
    run.ask("before", PROMPT, 3, conversation="c")
    run.run()
    for name in "ab":
        run.ask(name, PROMPT, 30)
    run.step()
    run.ask("waits", PROMPT, 30)
    lose_device(monkeypatch)
    with pytest.raises(RuntimeError):  # not even a slot can be wiped
        run.engine.step()
    with pytest.raises(EngineLost):
        run.engine.restart()
    outputs = run.engine.fail_all("engine_failed", close=True)
    assert sorted(o.request_id for o in outputs) == ["a", "b", "waits"]
    assert {o.error.reason for o in outputs} == {"engine_failed"}
    assert len(run.engine.conversation_cache) == run.engine.conversation_cache.nbytes == 0


def test_an_engine_that_gives_nobody_a_word_begins_anew_and_then_is_lost(
    driver, tiny, failing, caplog
):
    run = driver(tiny)
    run.ask("kept", PROMPT, 3, conversation="c")
    run.run()
    failing(None, RuntimeError())
    for number in range(1, 2 * BARREN_STEPS + 1):
        run.ask(str(number), PROMPT, 3)
        if number == BARREN_STEPS:
            with pytest.raises(RuntimeError, match="request after request"):
                run.step()
            assert {o.request_id for o in run.engine.restart()} == {str(number)}
            assert len(run.engine.conversation_cache) == 0
        elif number == 2 * BARREN_STEPS:
            with pytest.raises(EngineLost):
                run.step()
        else:
            run.step()
            assert run.results[str(number)].reason == "engine_failed"


def test_a_word_for_somebody_shows_that_the_engine_is_well(driver, tiny, failing):
    run = driver(tiny)
    failing(1234, RuntimeError())
    for number in range(2 * BARREN_STEPS + 1):
        run.ask(f"bad {number}", [1422, 1234], 3)
        if number % 4 == 0:
            run.ask(f"good {number}", PROMPT, 1)
        run.step()
    reasons = {name.split()[0]: result.reason for name, result in run.run().items()}
    assert reasons == {"bad": "engine_failed", "good": None}


def test_beginning_anew_leaves_nothing_behind(driver, tiny):
    run = driver(tiny)
    run.ask("a", PROMPT, 30)
    run.step()
    layers = list(run.engine.runner.cache.layers)
    assert all(layer.any() for layer in layers)
    for _ in range(MAX_RESTARTS):
        run.engine.restart()
        run.step()
        layers += run.engine.runner.cache.layers
    outputs = run.engine.restart()
    assert [(o.request_id, o.error.reason) for o in outputs] == [("a", "engine_failed")]
    assert not any(layer.any() for layer in layers)
