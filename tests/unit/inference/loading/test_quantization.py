"""Weights in 8 bits: nearly the same words, a part of the memory, a clear word without torchao."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
import warnings

import pytest
import torch

from inference.loading.checkpoint import load_model
from inference.loading.identify import require_model
from inference.loading.identity import Identity
from inference.loading.source import ModelSource, open_model
from inference.model.decoder import Segment
from inference.model.model_runner import ModelRunner
from inference.requests import CheckpointError

needs_torchao = pytest.mark.skipif(
    importlib.util.find_spec("torchao") is None, reason="needs torchao (the extra int8)"
)


def test_without_torchao_it_is_said_before_anything_is_read(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchao", None)
    with pytest.raises(CheckpointError, match="pip install torchao"):
        load_model(Identity(tmp_path / "not there"), weights="int8")


def test_other_kinds_of_weights_are_refused():
    with pytest.raises(ValueError, match="full or int8"):
        ModelSource(weights="int4")


@pytest.fixture(scope="module")
def small(pica):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchao's own, at its import
        return open_model(dataclasses.replace(pica.source("prefix"), weights="int8"))


def held(model):
    """Bytes of all storages that the model's weights keep alive, each once."""
    storages = {}

    def note(tensor):
        names = getattr(tensor, "tensor_data_names", None)
        if names is None:
            storage = tensor.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
            return
        for name in [*names, *tensor.optional_tensor_data_names]:
            inner = getattr(tensor, name)
            if inner is not None:
                note(inner)

    for parameter in model.parameters():
        note(parameter)
    return sum(storages.values())


def logits_of(opened, ids):
    runner = ModelRunner(opened.model, opened.prefix)
    with torch.inference_mode():
        runner.prefill([Segment(0, ids[:-1], 0)])
        return runner.decode([0], ids[-1:], [len(ids) - 1])[0], runner


@needs_torchao
def test_the_words_stay_nearly_the_same(pica, tiny, small):
    for case in pica.cases("prefix"):
        ids = tiny.tokenizer.encode_chat(case["query"], case["history"])
        (full, _), (rounded, _) = logits_of(tiny, ids), logits_of(small, ids)
        assert torch.corrcoef(torch.stack([full, rounded]))[0, 1] > 0.99
        assert not torch.equal(full, rounded), "nothing was rounded"


@needs_torchao
def test_the_memory_is_really_saved_also_once_it_serves(pica, small):
    full = load_model(require_model(pica.model), dtype="float32")
    layers = sum(p.nbytes for n, p in full.named_parameters() if "layers" in n and p.dim() == 2)
    rest = sum(p.nbytes for p in full.parameters()) - layers
    _, runner = logits_of(small, [5, 6, 7])
    scales = sum(
        12 * p.shape[0] for n, p in full.named_parameters() if "layers" in n and p.dim() == 2
    )
    assert held(small.model) <= layers / 4 + rest + scales
    parts = dict(small.model.named_parameters())
    assert not any("q_proj" in name or "k_proj" in name for name in parts)
    for layer in runner.decoder.layers:  # what computes is what is held: no second copy
        ours = [layer.qkv, layer.out, layer.gate_up, layer.down]
        kept = {p.qdata.data_ptr() for p in parts.values() if hasattr(p, "qdata")}
        assert {weight.qdata.data_ptr() for weight in ours} <= kept


@needs_torchao
def test_the_larger_weights_never_add_up(pica, monkeypatch):
    from inference.loading import quantization

    layers, left = [], []
    shrink = quantization.quantize_layer

    def watched(layer):
        layers.append(layer)
        shrink(layer)
        left.append(
            sum(
                type(p) is torch.nn.Parameter and p.dim() == 2
                for each in layers
                for p in each.parameters()
            )
        )

    monkeypatch.setattr(quantization, "quantize_layer", watched)
    model = load_model(require_model(pica.model), weights="int8")
    assert len(layers) == model.config.num_hidden_layers
    assert not any(left), "a layer that was whole is still held in full"
