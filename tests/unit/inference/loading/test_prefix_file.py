"""Prefixes of both kinds, and those that do not fit."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import save_file

from inference.loading import prefix_file
from inference.loading.hub import fetch
from inference.loading.identify import require_model, require_prefix
from inference.loading.prefix_file import rotate_forward
from inference.requests import PrefixError

KEY = "transformer.prefix_encoder."


@pytest.fixture
def load_prefix(reference, config):
    """Loads a prefix from a folder, for the reference model."""
    model = require_model(reference.model)
    return lambda name: prefix_file.load_prefix(require_prefix(fetch(name), model), config)


@pytest.fixture
def config(opened, reference):
    return opened(reference, "base").model.config


def flat(prefix):
    """Keys and values in the order in which files keep them: (length, 2·layers·groups·dim)."""
    both = torch.stack([prefix.keys, prefix.values], dim=1).flatten(0, 1)
    return both.permute(2, 0, 1, 3).flatten(1)


def write_peft(folder, tensor, **changes):
    folder.mkdir()
    settings = {"peft_type": "PREFIX_TUNING", "num_virtual_tokens": len(tensor), **changes}
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    save_file({"prompt_embeddings": tensor.contiguous()}, folder / "adapter_model.safetensors")


def test_length_is_read_from_the_tensor(reference, load_prefix, config, tmp_path):
    prefix = load_prefix(str(reference.prefix))
    stored = torch.load(reference.prefix / "pytorch_model.bin", weights_only=True)
    length = stored[f"{KEY}embedding.weight"].shape[0]
    shape = (config.num_hidden_layers, config.num_key_value_heads, length, config.head_dim)
    assert prefix.length == length
    assert prefix.keys.shape == prefix.values.shape == shape
    shorter = dict(stored)
    shorter[f"{KEY}embedding.weight"] = stored[f"{KEY}embedding.weight"][:5]
    torch.save(shorter, tmp_path / "pytorch_model.bin")
    assert load_prefix(str(tmp_path)).length == 5


def test_a_peft_adapter_is_the_pica_prefix_rotated(reference, load_prefix, config, tmp_path):
    pica = load_prefix(str(reference.prefix))
    write_peft(tmp_path / "peft", flat(pica))
    peft = load_prefix(str(tmp_path / "peft"))
    torch.testing.assert_close(peft.keys, pica.keys, atol=0, rtol=0)
    torch.testing.assert_close(peft.values, pica.values, atol=0, rtol=0)


def test_a_peft_prefix_turned_back_is_a_pica_prefix(reference, load_prefix, config, tmp_path):
    pica = load_prefix(str(reference.prefix))
    back = type(pica)(rotate_forward(pica.keys, -pica.length, config), pica.values)
    torch.save({f"{KEY}embedding.weight": flat(back)}, tmp_path / "pytorch_model.bin")
    again = load_prefix(str(tmp_path))
    torch.testing.assert_close(again.keys, pica.keys, atol=1e-6, rtol=1e-5)
    assert not torch.allclose(back.keys, pica.keys, atol=1e-2), "rotating must do something"


def test_rotation_is_the_models_own(opened, reference):
    """Turning by p is what the model does to a key at position p."""
    from transformers.models.glm.modeling_glm import apply_rotary_pos_emb

    model = opened(reference, "base").model
    keys = torch.randn(1, 2, 1, model.config.head_dim)
    cos, sin = model.model.rotary_emb(keys, torch.tensor([[13]]))
    _, expected = apply_rotary_pos_emb(keys, keys, cos, sin)
    torch.testing.assert_close(rotate_forward(keys, 13, model.config), expected)


def test_a_prefix_for_another_model_is_refused(reference, load_prefix, config, tmp_path):
    torch.save({f"{KEY}embedding.weight": torch.zeros(4, 128)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(PrefixError, match=r"made for another model: a row .* has 128 numbers"):
        load_prefix(str(tmp_path))


def spoil_projection(held):
    held[f"{KEY}trans.0.weight"] = torch.zeros(2, 2)


def drop_projection(held):
    del held[f"{KEY}trans.2.bias"]


@pytest.mark.parametrize("spoil", [spoil_projection, drop_projection])
def test_a_broken_projection(reference, load_prefix, config, tmp_path, spoil):
    held = torch.load(reference.prefix / "pytorch_model.bin", weights_only=True)
    if f"{KEY}trans.2.bias" not in held:
        held |= {
            f"{KEY}trans.{n}.{kind}": torch.zeros(1) for n in (0, 2) for kind in ("weight", "bias")
        }
    spoil(held)
    torch.save(held, tmp_path / "pytorch_model.bin")
    with pytest.raises(PrefixError, match=r"projection .* incomplete or mis-shaped"):
        load_prefix(str(tmp_path))


def test_no_prefix_in_the_folder(reference, load_prefix, config, tmp_path):
    with pytest.raises(PrefixError, match=r"holds no transformer.prefix_encoder.embedding"):
        load_prefix(str(reference.model))
    with pytest.raises(PrefixError, match="holds no weights"):
        load_prefix(str(tmp_path))


def test_numbers_that_are_not_finite(reference, load_prefix, config, tmp_path):
    width = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim
    broken = torch.full((4, width), float("nan"))
    torch.save({f"{KEY}embedding.weight": broken}, tmp_path / "pytorch_model.bin")
    with pytest.raises(PrefixError, match="not finite"):
        load_prefix(str(tmp_path))


def test_other_adapters_are_refused(load_prefix, tmp_path):
    write_peft(tmp_path / "lora", torch.zeros(4, 8), peft_type="LORA")
    with pytest.raises(PrefixError, match="adapter of type LORA"):
        load_prefix(str(tmp_path / "lora"))
    write_peft(tmp_path / "empty", torch.zeros(4, 8))
    (tmp_path / "empty" / "adapter_model.safetensors").unlink()
    with pytest.raises(PrefixError, match="holds no prompt_embeddings"):
        load_prefix(str(tmp_path / "empty"))


def test_a_damaged_prefix_says_so(reference, load_prefix, config, tmp_path):
    folder = shutil.copytree(reference.prefix, tmp_path / "prefix")
    path = folder / "pytorch_model.bin"
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(PrefixError, match="damaged or cut short"):
        load_prefix(str(folder))
