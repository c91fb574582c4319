"""One GPU where the model fits, layers over several where it does not, a clear word where none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from accelerate import init_empty_weights

from inference.loading import checkpoint, device_map
from inference.loading.checkpoint import load_model
from inference.loading.device_map import LEAST_ROOM, device_of, place_model
from inference.loading.glm_config import empty_model
from inference.loading.identify import require_model
from inference.loading.identity import Identity, Kind
from inference.loading.layout import read_layout
from inference.loading.machine import Device
from inference.loading.source import ModelSource, OpenModel, resident_bytes
from inference.model.attention import Reach
from inference.model.decoder import Decoder, Segment
from inference.model.kv_cache import SlotCache
from inference.requests import CheckpointError

GB = 1 << 30
FIRST, SECOND, THIRD = (torch.device("cuda", number) for number in range(3))
CHATGLM2_6B = {
    "model_type": "chatglm",
    "padded_vocab_size": 65024,
    "hidden_size": 4096,
    "ffn_hidden_size": 13696,
    "num_layers": 28,
    "num_attention_heads": 32,
    "multi_query_attention": True,
    "multi_query_group_num": 2,
    "kv_channels": 128,
    "layernorm_epsilon": 1e-5,
    "seq_length": 32768,
    "add_qkv_bias": True,
}
TINY = {
    **CHATGLM2_6B,
    "padded_vocab_size": 96,
    "hidden_size": 32,
    "ffn_hidden_size": 48,
    "num_layers": 4,
    "num_attention_heads": 4,
    "kv_channels": 8,
}


def empty(raw):
    with init_empty_weights(include_buffers=False):
        return empty_model(Identity(Path(), Kind.CHATGLM2, raw, read_layout(raw)))


@pytest.fixture(scope="module")
def large():
    """ChatGLM2-6B without its numbers: 12.5 GB in 16 bits."""
    return empty(CHATGLM2_6B)


def held(model, placed, dtype=torch.float16, layer_dtype=None):
    """Bytes of weights on every device."""
    found: dict[torch.device, int] = {}
    for name, parameter in model.named_parameters():
        small = layer_dtype if "layers" in name and parameter.dim() == 2 else None
        device = device_of(placed, name)
        found[device] = found.get(device, 0) + parameter.numel() * (small or dtype).itemsize
    return found


def test_the_first_that_holds_it_all_is_enough(large):
    assert place_model(large, torch.float16, {FIRST: 80 * GB, SECOND: 80 * GB}) == {"": FIRST}
    assert place_model(large, torch.float16, {FIRST: 8 * GB, SECOND: 24 * GB}) == {"": SECOND}


@pytest.mark.parametrize("free", [(10, 10), (6, 10), (6, 6, 6), (12, 4)])
def test_layers_are_spread_and_room_is_left(large, free):
    devices = dict(zip((FIRST, SECOND, THIRD), (each * GB for each in free), strict=False))
    placed = place_model(large, torch.float16, devices)
    for device, nbytes in held(large, placed).items():
        assert nbytes <= devices[device] - LEAST_ROOM
    assert len(set(held(large, placed))) > 1
    for number in range(28):  # a layer's products and its keys and values are in one place
        names = [n for n, _ in large.named_parameters() if n.startswith(f"model.layers.{number}.")]
        assert len({device_of(placed, name) for name in names}) == 1
    order = [device_of(placed, f"model.layers.{number}").index for number in range(28)]
    assert order == sorted(order)
    assert device_of(placed, "model.norm.weight") == device_of(placed, "lm_head.weight")


def test_where_all_are_too_small_it_is_said(large):
    with pytest.raises(CheckpointError, match=r"need 12\.5 GB.*cuda:0 5\.4 GB, cuda:1 5\.4 GB"):
        place_model(large, torch.float16, {FIRST: 6 * GB, SECOND: 6 * GB})
    with pytest.raises(CheckpointError, match=r"need 12\.5 GB.*cuda:0 10\.0 GB"):
        place_model(large, torch.float16, {FIRST: 11 * GB})
    with pytest.raises(CheckpointError, match="8-bit"):
        place_model(large, torch.float16, {FIRST: 0, SECOND: 0})


def test_8_bits_need_about_half(large):
    small = {"layer_dtype": torch.int8}
    assert place_model(large, torch.float16, {FIRST: 9 * GB}, **small) == {"": FIRST}
    placed = place_model(large, torch.float16, {FIRST: 5 * GB, SECOND: 5 * GB}, **small)
    for nbytes in held(large, placed, layer_dtype=torch.int8).values():
        assert nbytes <= 4 * GB


def test_each_weight_is_loaded_onto_the_device_of_its_layer(pica, monkeypatch):
    """On a CPU the second device is `meta`: it takes weights, and keeps no numbers."""
    meta, cpu = torch.device("meta"), torch.device("cpu")
    whole = load_model(require_model(pica.model))
    layers = whole.config.num_hidden_layers
    placed = {"model.embed_tokens": cpu, "model.rotary_emb": cpu, "model.norm": meta}
    placed |= {f"model.layers.{n}": cpu if n < layers - 1 else meta for n in range(layers)}
    placed["lm_head"] = meta
    monkeypatch.setattr(checkpoint, "place_model", lambda *_, **__: placed)
    model = load_model(require_model(pica.model), free={cpu: 1, meta: 1}, dtype="float32")
    assert {str(p.device) for p in model.parameters()} == {"cpu", "meta"}
    for (name, ours), (_, theirs) in zip(
        model.named_parameters(), whole.named_parameters(), strict=True
    ):
        assert ours.device == device_of(placed, name), name
        assert ours.device == meta or torch.equal(ours, theirs)


def test_a_pass_over_two_devices_moves_what_it_needs(pica):
    """The second device is `meta`, which refuses to compute with what lies elsewhere."""
    cpu, meta = torch.device("cpu"), torch.device("meta")
    model = load_model(require_model(pica.model))
    layers = model.config.num_hidden_layers
    for part in [*model.model.layers[layers // 2 :], model.model.norm, model.lm_head]:
        part.to(meta)
    decoder = Decoder(model, 256)
    assert decoder.devices == [cpu] * (layers // 2) + [meta] * (layers - layers // 2)
    cache = SlotCache(model.config, None, devices=decoder.devices, dtype=torch.float32)
    for slot in range(3):
        cache.reserve(slot, 20)
    with torch.inference_mode():
        decoder.prefill([Segment(0, [5, 6, 7], 0), Segment(2, [8, 9], 4)], cache)
        for span in (slice(0, 3), slice(0, 2)):  # with a row that nobody needs, and without
            slots = [0, span.stop - 1]
            logits = decoder.decode(
                torch.tensor([5, 6]),
                torch.tensor(slots),
                torch.tensor([3, 6]),
                cache,
                Reach(span, 7),
            )
            assert logits.device == meta
            assert logits.shape == (2, decoder.vocabulary)
    assert [layer.device for layer in cache.layers] == decoder.devices


def test_what_conversations_may_hold_hangs_on_the_tightest_device():
    model = empty(TINY)
    for number, layer in enumerate(model.model.layers):
        device = "cpu" if number < 3 else "meta"
        layer.input_layernorm.weight = torch.nn.Parameter(torch.ones(32, device=device))
    opened = OpenModel(model, None, None, 100, "tiny", False)
    free = {"cpu": 9 * GB, "meta": 1 * GB}

    def describe(name):
        return Device("cuda", name, free[name])

    # One layer of four lies where 1 GB is free: four layers' worth may take 4 GB, a quarter of it.
    assert resident_bytes(ModelSource(), opened, describe) == 1 * GB
    assert resident_bytes(ModelSource(resident_mib=5), opened, describe) == 5 << 20


@pytest.mark.parametrize(
    ("name", "expected"),
    [("auto", [FIRST, SECOND]), ("cuda", [FIRST, SECOND]), ("cuda:1", [SECOND]), ("cpu", None)],
)
def test_which_gpus_a_name_means(monkeypatch, name, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda number: (number + 1, 9))
    free = device_map.free_on(name)
    assert free == (expected and {device: device.index + 1 for device in expected})
    with pytest.raises(CheckpointError, match="not present"):
        device_map.free_on("cuda:2")
