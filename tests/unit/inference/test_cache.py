"""Slots: growth, the prefix in front, wiping, giving memory back."""

from __future__ import annotations

import pytest
import torch

from inference.cache import GRAIN, SlotCache


@pytest.fixture
def cache(tiny):
    return SlotCache(
        tiny.model.config, tiny.prefix, device=torch.device("cpu"), dtype=torch.float32
    )


def write(cache, slots, starts, value, width=1):
    """Stores the same number everywhere; the last layer's keys that the pass may read."""
    view = cache.view(slots, starts, width)
    for layer in range(3):
        new = torch.full((len(slots), 2, width, 16), float(value))
        keys, values = view.update(new, -new, layer)
        stored = (values[:, :, cache.prefix_length :], -keys[:, :, cache.prefix_length :])
        torch.testing.assert_close(*stored, equal_nan=True)
    return keys, view


def test_nothing_is_held_until_somebody_talks(cache):
    assert cache.nbytes == 0
    cache.open(0, 1)
    one = cache.nbytes
    assert one == 3 * 2 * 2 * GRAIN * 16 * 4
    cache.open(1, 1)
    assert cache.nbytes == 2 * one
    cache.trim()
    assert cache.nbytes == 0


def test_the_prefix_stands_in_front_of_every_slot(cache, tiny):
    cache.open(2, 3)
    for slot in (0, 1, 2):
        keys, _ = write(cache, [slot], [0], 7.0)
        torch.testing.assert_close(keys[0, :, :16], tiny.prefix.keys[2])


def test_growing_keeps_what_is_there(cache, tiny):
    cache.open(0, 4)
    write(cache, [0], [0], 5.0, width=4)
    cache.open(5, 2 * GRAIN)
    keys, _ = write(cache, [0], [4], 6.0)
    torch.testing.assert_close(keys[0, :, :16], tiny.prefix.keys[2])
    assert keys[0, 0, 16:, 0].tolist() == [5.0, 5.0, 5.0, 5.0, 6.0]


@pytest.mark.parametrize("slots", [[1, 2, 3], [0, 2, 5]])
def test_rows_of_one_pass_see_their_own_slots(cache, slots):
    for slot in range(6):
        cache.open(slot, 8)
    for number, slot in enumerate(slots):
        write(cache, [slot], [0], slot + 10, width=number + 1)
    keys, view = write(cache, slots, [1, 2, 3], 99)
    assert keys.shape == (3, 2, 16 + 4, 16)
    assert view.positions.tolist() == [[17], [18], [19]]
    for number, slot in enumerate(slots):
        seen = keys[number, 0, view.mask[number, 0, 0], 0].tolist()[16:]
        assert seen == [slot + 10.0] * (number + 1) + [99.0]


def test_a_new_token_sees_itself_and_what_was_before(cache):
    cache.open(0, 8)
    view = cache.view([0], [2], 3)
    assert view.mask.shape == (1, 1, 3, 16 + 5)
    assert view.mask[0, 0].sum(-1).tolist() == [19, 20, 21]
    assert view.get_seq_length() == 18


def test_opening_wipes_the_chat_before(cache, tiny):
    cache.open(0, 4)
    write(cache, [0], [0], float("nan"), width=4)
    cache.open(0, 1)
    keys, _ = write(cache, [0], [3], 1.0)
    assert keys[0, 0, 16:, 0].tolist() == [0.0, 0.0, 0.0, 1.0]
    torch.testing.assert_close(keys[0, :, :16], tiny.prefix.keys[2])


def test_without_a_prefix_text_begins_at_zero(tiny):
    cache = SlotCache(tiny.model.config, None, device=torch.device("cpu"), dtype=torch.float32)
    cache.open(0, 2)
    assert cache.view([0], [0], 2).positions.tolist() == [[0, 1]]
    assert cache.prefix_length == 0


def test_several_slots_take_one_token_each(cache):
    with pytest.raises(ValueError, match="one new token each"):
        cache.view([0, 1], [0, 0], 2)
