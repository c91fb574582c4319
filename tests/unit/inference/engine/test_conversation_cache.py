"""Reuse between turns: the same greedy words with and without it, alone or among many, chunked."""

from __future__ import annotations

import pytest
import torch

from inference.engine.conversation_cache import ConversationCache, common_length
from inference.model.decoder import Decoder
from tests.support.planned_runner import PlannedRunner

QUESTIONS = ("我最近压力很大", "晚上睡不着，白天没有力气", "谢谢你听我说", "那我应该怎么办呢")


def chat(run, opened, name, *, turns=4, tokens=12, neighbours=0):
    """A conversation of several turns, told as text each time; ids of every reply."""
    history, replies = [], []
    for turn in range(turns):
        ids = opened.tokenizer.encode_chat(QUESTIONS[turn], history)
        key = f"{name}.{turn}"
        for number in range(neighbours):
            prompt = [4001, 4003, *([1500 + number, 1422] * (3 + number % 5))]
            run.ask(f"{key}.n{number}", prompt, 6, conversation=f"{name} neighbour {number}")
        run.ask(key, ids, tokens, conversation=name)
        replies.append(run.run()[key].ids)
        history.append((QUESTIONS[turn], opened.tokenizer.decode(replies[-1]).strip()))
    return replies


@pytest.mark.parametrize("kind", ["base", "prefix"])
@pytest.mark.parametrize("neighbours", [0, 32])
@pytest.mark.parametrize("prefill", [(512, 128), (5, 3)], ids=["whole", "chunked"])
def test_replies_are_the_same_with_and_without(
    reference, opened, driver, kind, neighbours, prefill
):
    model = opened(reference, kind)
    without = driver(model, conversation_cache=ConversationCache(device_bytes=0))
    expected = chat(without, model, "ours")
    assert without.engine.reused == 0
    run = driver(model, prefill_tokens=prefill, max_running=33)
    assert chat(run, model, "ours", neighbours=neighbours) == expected
    assert run.engine.reused > 0


def test_only_what_is_new_goes_through_the_model(driver, tiny):
    run = driver(tiny)
    prompt = [4001, 4003, *range(1400, 1480)]
    run.ask("1", prompt, 10, conversation="c")
    reply = run.run()["1"].ids
    before = run.engine.computed
    run.ask("2", [*prompt, *reply, *range(1500, 1520)], 10, conversation="c")
    run.run()
    # The last word of a reply was never put through the model, the last of a prompt is decoded.
    assert run.engine.computed - before == 20
    assert run.engine.reused == len(prompt) + len(reply) - 1


def test_a_prompt_that_parts_ways_is_computed_from_there(driver, tiny):
    prompt = [4001, 4003, *range(1400, 1460)]
    other = [*prompt[:30], *range(1600, 1640)]
    alone = driver(tiny)
    alone.ask("x", other, 10)
    expected = alone.run()["x"].ids
    run = driver(tiny)
    run.ask("1", prompt, 10, conversation="c")
    run.run()
    run.ask("2", other, 10, conversation="c")
    assert run.run()["2"].ids == expected
    assert run.engine.reused == 30


def test_the_same_prompt_again_computes_one_token(driver, tiny):
    prompt = [4001, 4003, *range(1400, 1430)]
    run = driver(tiny)
    run.ask("1", prompt, 10, conversation="c")
    run.ask("2", prompt, 10, conversation="d")
    first = run.run()["1"].ids
    run.ask("3", prompt, 10, conversation="c")
    assert run.run()["3"].ids == first
    assert run.engine.reused == len(prompt) - 1


def test_what_a_cancelled_turn_stored_serves_the_next(driver, tiny):
    prompt = [4001, 4003, *range(1400, 1430)]
    run = driver(tiny)
    run.ask("1", prompt, 400, conversation="c")
    run.step()
    run.step()
    run.engine.cancel("1")
    run.step()
    assert len(run.engine.conversation_cache) == 1
    run.ask("2", [*prompt, 1422], 3, conversation="c")
    run.run()
    assert run.engine.reused == len(prompt)


def test_a_failed_turn_leaves_nothing(driver, tiny):
    plan = PlannedRunner(tiny)
    plan.spoil()
    run = driver(tiny, runner=plan)
    run.ask("1", [4001, 1422, 1422], 10, conversation="c")
    assert run.run()["1"].reason == "bad_logits"
    assert len(run.engine.conversation_cache) == 0


def test_forgetting_erases_numbers_and_not_only_the_name(driver, tiny):
    run = driver(tiny)
    run.ask("1", [4001, 4003, *range(1400, 1430)], 4, conversation="c")
    run.run()
    layers, _ = run.engine.conversation_cache.match("c", [4001, 4003])
    assert all(layer.any() for layer in layers)
    run.engine.forget("c")
    assert run.engine.has_work
    run.step()
    assert len(run.engine.conversation_cache) == 0
    assert not any(layer.any() for layer in layers)
    assert not run.engine.has_work


def test_a_slot_is_empty_once_its_chat_has_left(driver, tiny):
    run = driver(tiny)
    run.ask("stays", [4001, 4003, 1422], 50)
    run.ask("leaves", [4001, *range(1400, 1430)], 3)
    for _ in range(5):
        run.step()
    assert run.engine.load() == (1, 0)
    assert all(not layer[:, 1].any() for layer in run.engine.runner.cache.layers)
    run.engine.cancel("stays")
    run.run()


def test_chats_close_ranks_and_say_the_same(driver, tiny):
    """The chat of the last slot moves to the first when that one is free."""
    prompt = [4001, 4003, *range(1400, 1420)]
    alone = driver(tiny)
    alone.ask("x", prompt, 30)
    expected = alone.run()["x"].ids
    run = driver(tiny)
    run.ask("short", [4001, 1422, 1422], 4)
    run.ask("x", prompt, 30)
    for _ in range(7):
        run.step()
    keys = run.engine.runner.cache.layers[0][0]
    assert keys[0].any(), "it lies in the first slot"
    assert not keys[1:].any()
    assert run.run()["x"].ids == expected


def test_short_memory_lets_conversations_at_rest_go_first(driver, tiny, monkeypatch):
    run = driver(tiny)
    run.ask("old", [4001, 1422, 1422], 3, conversation="old")
    run.run()
    embed, failed = Decoder.embed, []

    def tight(self, ids):
        if not failed:
            failed.append(1)
            raise torch.OutOfMemoryError("CUDA out of memory")
        return embed(self, ids)

    monkeypatch.setattr(Decoder, "embed", tight)
    run.ask("new", [4001, 1422, 1422, 1422], 3)
    assert run.run()["new"].reason is None
    assert len(run.engine.conversation_cache) == 0


def layers(tokens):
    return [torch.ones(2, 1, tokens, 4)]  # 32 bytes a token


def test_the_least_recently_used_leaves_first():
    resident = ConversationCache(device_bytes=32 * 30)
    for name in "abc":
        resident.store(name, range(10), layers(10))
    resident.match("a", [0, 1, 2])
    resident.store("d", range(10), layers(10))
    assert [bool(resident.match(name, [0, 1])[1]) for name in "abcd"] == [True, False, True, True]
    assert resident.nbytes == 32 * 30
    resident.store("huge", range(31), layers(31))
    assert len(resident) == 0


def test_to_the_host_before_they_leave_for_good():
    resident = ConversationCache(device_bytes=32 * 20, host_bytes=32 * 20)
    for name in "abcde":
        resident.store(name, range(10), layers(10))
    assert resident.nbytes == 32 * 40
    assert resident.match("a", [0, 1]) == ([], 0)
    held, count = resident.match("b", [0, 1, 9])
    assert count == 2
    assert held[0].sum() == 80
    assert resident.forget("b")
    assert not resident.forget("b")
    assert resident.nbytes == 32 * 30


def test_short_memory_takes_the_least_recently_used_half_of_the_device_first():
    resident = ConversationCache(device_bytes=32 * 40)
    for name in "abcd":
        resident.store(name, range(10), layers(10))
    resident.match("a", [0, 1])
    assert resident.evict_half()
    assert [bool(resident.match(name, [0, 1])[1]) for name in "abcd"] == [True, False, False, True]
    assert resident.evict_half()
    assert resident.evict_half()
    assert not resident.evict_half()
    assert (len(resident), resident.nbytes) == (0, 0)


def test_short_memory_of_the_device_leaves_what_is_on_the_host():
    resident = ConversationCache(device_bytes=32 * 20, host_bytes=32 * 20)
    for name in "abc":
        resident.store(name, range(10), layers(10))
    while resident.evict_half():
        pass
    assert [bool(resident.match(name, [0, 1])[1]) for name in "abc"] == [False, True, True]
    assert resident.nbytes == 32 * 20


def test_what_moves_to_the_host_leaves_nothing_on_the_device():
    resident, held = ConversationCache(device_bytes=320, host_bytes=320), layers(10)
    resident.store("a", range(10), held)
    assert resident.evict_half()
    assert not held[0].any()
    assert resident.match("a", [0, 1, 2])[0][0].all()


def test_a_host_without_memory_loses_a_conversation_and_nothing_else(monkeypatch):
    resident, held = ConversationCache(device_bytes=320, host_bytes=320), layers(10)
    resident.store("a", range(10), held)

    def full(*args, **options):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to")

    monkeypatch.setattr(torch.Tensor, "to", full)
    assert resident.evict_half()
    assert (len(resident), resident.nbytes) == (0, 0)
    assert not held[0].any()


def test_the_last_token_of_a_prompt_is_always_left():
    resident = ConversationCache(device_bytes=1000)
    resident.store("a", [1, 2, 3], layers(3))
    assert resident.match("a", [1, 2, 3])[1] == 2
    assert resident.match("a", [1])[1] == 0
    assert common_length([], [1]) == 0
