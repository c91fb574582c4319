"""Slots: growth, wiping, moving, copying out and in; the prefix once for all."""

from __future__ import annotations

import pytest
import torch

from inference.model.kv_cache import GRAIN, SlotCache


@pytest.fixture
def cache(tiny):
    return SlotCache(
        tiny.model.config,
        tiny.prefix,
        devices=[torch.device("cpu")] * 3,
        dtype=torch.float32,
    )


def write(cache, slot, tokens, value):
    cache.reserve(slot, tokens)
    for layer in cache.layers:
        layer[:, slot, :, :tokens] = value


def held(cache, slot, tokens):
    return {float(layer[:, slot, :, :tokens].max()) for layer in cache.layers}


def test_nothing_is_held_until_somebody_talks(cache):
    assert cache.nbytes == 0
    cache.reserve(0, 1)
    one = cache.nbytes
    assert one == GRAIN * cache.token_nbytes
    assert cache.token_nbytes == 3 * 2 * 2 * 16 * 4
    cache.reserve(1, 1)
    assert cache.nbytes == 2 * one
    cache.trim()
    assert cache.nbytes == 0


def test_one_token_is_always_to_spare(cache):
    cache.reserve(0, GRAIN)
    assert cache.capacity == 2 * GRAIN


def test_the_prefix_stands_once_and_in_front(cache, tiny):
    write(cache, 0, 4, 5.0)
    write(cache, 7, 4, 6.0)
    for slot, value in ((0, 5.0), (7, 6.0)):
        keys, values = cache.whole(2, slot, 4)
        torch.testing.assert_close(keys[:, :16], tiny.prefix.keys[2])
        torch.testing.assert_close(values[:, :16], tiny.prefix.values[2])
        assert set(keys[:, 16:].flatten().tolist()) == {value}
    assert cache.nbytes == 8 * GRAIN * cache.token_nbytes


def test_growing_keeps_what_is_there(cache):
    write(cache, 0, 4, 5.0)
    version = cache.version
    cache.reserve(5, 2 * GRAIN)
    assert cache.version > version
    assert held(cache, 0, 4) == {5.0}
    assert float(cache.layers[0][:, 0, :, 4:].abs().max()) == 0.0


def test_memory_that_is_given_back_holds_nobodys_numbers(cache):
    write(cache, 0, 4, 5.0)
    small = list(cache.layers)
    cache.reserve(1, 2 * GRAIN)
    assert not any(layer.any() for layer in small)
    large = list(cache.layers)
    assert all(layer.any() for layer in large)
    cache.trim()
    assert not any(layer.any() for layer in large)


def test_memory_that_runs_out_halfway_costs_nothing(cache, monkeypatch):
    write(cache, 0, 4, 5.0)
    zeros = cache.allocate

    def full(layer, slots, capacity):
        if layer == 1:
            raise torch.OutOfMemoryError
        return zeros(layer, slots, capacity)

    with monkeypatch.context() as patch, pytest.raises(torch.OutOfMemoryError):
        patch.setattr(cache, "allocate", full)
        cache.reserve(3, 2 * GRAIN)
    assert (cache.slots, cache.capacity) == (1, GRAIN)
    assert held(cache, 0, 4) == {5.0}
    slots, starts = torch.tensor([0]), torch.tensor([3])
    for number, layer in enumerate(cache.layers):
        places = cache.places(number, slots, starts)
        layer.view(-1, 16).index_copy_(0, places, torch.full((4, 16), 7.0))
        assert layer[:, 0, :, 3].eq(7.0).all()
        assert layer.eq(7.0).sum() == 4 * 16
    cache.wipe(0)
    cache.reserve(3, 2 * GRAIN)
    assert (cache.slots, cache.capacity) == (4, 3 * GRAIN)
    assert not any(layer.any() for layer in cache.layers)


def test_wiping_leaves_nothing_and_touches_no_neighbour(cache):
    for slot in range(3):
        write(cache, slot, 9, slot + 1.0)
    write(cache, 1, 4, float("nan"))
    cache.wipe(1)
    cache.wipe(99)
    assert not any(layer[:, 1].any() for layer in cache.layers)
    assert (held(cache, 0, 9), held(cache, 2, 9)) == ({1.0}, {3.0})


def test_moving_empties_the_slot_before(cache):
    write(cache, 2, 6, 4.0)
    cache.move(2, 0, 6)
    assert held(cache, 0, 6) == {4.0}
    assert not any(layer[:, 2].any() for layer in cache.layers)


def test_out_and_in_again(cache):
    write(cache, 1, 6, 4.0)
    parts = cache.copy_out(1, 5)
    cache.wipe(1)
    assert {tuple(part.shape) for part in parts} == {(2, 2, 5, 16)}
    cache.copy_in(3, parts, 4)
    assert held(cache, 3, 4) == {4.0}
    assert not any(layer[:, 3, :, 4:].any() for layer in cache.layers)


def test_without_a_prefix(tiny):
    cache = SlotCache(
        tiny.model.config, None, devices=[torch.device("cpu")] * 3, dtype=torch.float32
    )
    write(cache, 0, 2, 1.0)
    assert cache.prefix_length == 0
    assert cache.prefix(0) is None
    assert cache.whole(0, 0, 2).shape == (2, 2, 2, 16)
