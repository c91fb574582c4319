"""Laying weights out for serving costs no second copy, once it is done and while it is done."""

from __future__ import annotations

import torch

from inference.loading.checkpoint import load_model
from inference.loading.identify import require_model
from inference.model import weights
from inference.model.model_runner import ModelRunner


def storages(tensors):
    return {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}


def test_modules_and_decoder_hold_the_same_weights_once(pica):
    model = load_model(require_model(pica.model))
    before = sum(p.nbytes for p in model.parameters())
    decoder = ModelRunner(model, None).decoder
    used = [decoder.embedding, decoder.head, decoder.norm]
    for layer in decoder.layers:
        used += [layer.norm, layer.qkv, layer.out, layer.mlp_norm, layer.gate_up, layer.down]
        used += [layer.qkv_bias] if layer.qkv_bias is not None else []
    assert sum(storages([*used, *model.parameters()]).values()) == before


def test_one_weight_is_copied_at_a_time(pica, monkeypatch):
    """What was laid out anew has left its old memory before the next is copied."""
    model = load_model(require_model(pica.model))
    whole = sum(p.nbytes for p in model.parameters())
    largest = max(p.nbytes for p in model.parameters())
    most = []
    columns_first = weights.columns_first

    def watched(weight):
        laid_out = columns_first(weight)
        held = storages([*model.parameters(), weight, laid_out])
        most.append(sum(held.values()) - whole)
        return laid_out

    monkeypatch.setattr(weights, "columns_first", watched)
    ModelRunner(model, None)
    assert len(most) > model.config.num_hidden_layers
    joined = 2 * max(
        sum(getattr(layer.self_attn, f"{part}_proj").weight.nbytes for part in "qkv")
        for layer in model.model.layers
    )
    assert max(most) <= max(largest, joined)


def test_a_second_decoder_over_the_same_model_copies_nothing(pica):
    model = load_model(require_model(pica.model))
    first = ModelRunner(model, None).decoder
    second = ModelRunner(model, None).decoder
    for one, other in zip(first.layers, second.layers, strict=True):
        assert one.qkv.data_ptr() == other.qkv.data_ptr()
        assert one.gate_up.data_ptr() == other.gate_up.data_ptr()
        assert torch.equal(one.qkv, other.qkv)
