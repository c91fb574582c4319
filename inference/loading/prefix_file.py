"""Reading a P-Tuning v2 prefix, or a PEFT prefix-tuning adapter, as keys and values."""

import math
from pathlib import Path

import torch
from torch.nn.functional import linear
from transformers import GlmConfig

from inference.loading.hub import fetch
from inference.loading.shards import find_shards, read_json, read_shard
from inference.model.attention import head_sizes
from inference.model.kv_cache import Prefix
from inference.requests import CheckpointError, ModelError

_KEY = "transformer.prefix_encoder."
_PEFT_KEY = "prompt_embeddings"


class PrefixError(ModelError):
    """A prefix cannot be loaded or does not fit the model; says why and what to do."""


def load_prefix(name: str, config: GlmConfig) -> Prefix:
    """Read a prefix from a folder or a hub repository.

    A folder with `adapter_config.json` is a PEFT adapter, whose keys are stored as they stand in
    the cache. Any other is a P-Tuning v2 checkpoint as ChatGLM2's own code writes it, whose keys
    are rotated here (see `rotate_forward`).

    Args:
        name: Folder, `owner/name` or `owner/name@revision`.
        config: Of the model that the prefix is for.

    Raises:
        PrefixError: Nothing usable is there, or it was trained for another model.
    """
    try:
        folder = fetch(name)
        if (folder / "adapter_config.json").is_file():
            flat, virtual = _read_peft(folder), False
        else:
            flat, virtual = _project(_read_ptuning(folder), folder), True
    except CheckpointError as error:
        raise PrefixError(f"Prefix: {error}") from error
    keys, values = _split(flat, config, folder)
    if virtual:
        keys = rotate_forward(keys, keys.shape[2], config)
    return Prefix(keys.contiguous(), values.contiguous())


def rotate_forward(keys: torch.Tensor, positions: int, config: GlmConfig) -> torch.Tensor:
    """Turn keys as if each stood `positions` further on.

    ChatGLM2 keeps prefix keys unrotated and numbers the text from 0. Attention sees only
    differences of positions. So the results are the same if the prefix keys are rotated forward by
    the prefix's length and the text starts behind it. Negative `positions` turn back.

    Args:
        keys: (..., head_dim); the rotary part of the head comes first, in interleaved pairs.
        positions: How far.
        config: For head size, base and rotary share.

    Returns:
        float32 keys of the same shape.
    """
    sizes = head_sizes(config)
    rotary = sizes.rotary
    steps = torch.arange(0, rotary, 2, dtype=torch.float64) / rotary
    angle = positions / sizes.rotary_base**steps
    turned = keys.to(torch.float64).clone()
    even, odd = keys[..., 0:rotary:2].double(), keys[..., 1:rotary:2].double()
    turned[..., 0:rotary:2] = even * angle.cos() - odd * angle.sin()
    turned[..., 1:rotary:2] = odd * angle.cos() + even * angle.sin()
    return turned.to(torch.float32)


def _read_ptuning(folder: Path) -> dict[str, torch.Tensor]:
    """Return the prefix encoder's weights in float32, without their common name prefix."""
    return {
        name.removeprefix(_KEY): tensor.to(torch.float32)
        for path in find_shards(folder).paths
        for name, tensor in read_shard(path)
        if name.startswith(_KEY)
    }


def _project(held: dict[str, torch.Tensor], folder: Path) -> torch.Tensor:
    """Return (length, 2·layers·groups·head_dim), through the projection if there is one."""
    embedding = held.get("embedding.weight")
    if embedding is None or embedding.dim() != 2:
        raise PrefixError(
            f"{folder} holds no {_KEY}embedding.weight. Give the folder that P-Tuning v2 training "
            "wrote, or a PEFT prefix-tuning adapter."
        )
    if not any(name.startswith("trans.") for name in held):
        return embedding
    try:
        hidden = torch.tanh(linear(embedding, held["trans.0.weight"], held["trans.0.bias"]))
        flat = linear(hidden, held["trans.2.weight"], held["trans.2.bias"])
    except (KeyError, RuntimeError) as error:
        raise PrefixError(
            f"{folder}: the prefix projection ({_KEY}trans.0 and trans.2) is incomplete or "
            "mis-shaped. Copy the prefix again."
        ) from error
    return flat


def _read_peft(folder: Path) -> torch.Tensor:
    """Return (length, 2·layers·groups·head_dim), which PEFT saves with its projection done."""
    kind = read_json(folder / "adapter_config.json").get("peft_type")
    if kind != "PREFIX_TUNING":
        raise PrefixError(
            f"{folder} is a PEFT adapter of type {kind}. Only PREFIX_TUNING is a prefix; merge "
            "other adapters into the model."
        )
    paths = [folder / n for n in ("adapter_model.safetensors", "adapter_model.bin")]
    for path in filter(Path.is_file, paths):
        for name, tensor in read_shard(path):
            if name == _PEFT_KEY and tensor.dim() == 2:
                return tensor.to(torch.float32)
    raise PrefixError(f"{folder} holds no {_PEFT_KEY}. Copy adapter_model.safetensors there.")


def _split(
    flat: torch.Tensor, config: GlmConfig, folder: Path
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return keys and values, each (layers, groups, length, head_dim)."""
    sizes = head_sizes(config)
    shape = (2 * config.num_hidden_layers, sizes.groups, sizes.dim)
    length, width = flat.shape[0], flat[:1].numel()
    if width != math.prod(shape):
        raise PrefixError(
            f"{folder} was made for another model: a row of the prefix has {width} numbers, this "
            f"model needs {math.prod(shape)} ({config.num_hidden_layers} layers x 2 x "
            f"{sizes.groups} groups x {sizes.dim}). Use the model that the "
            "prefix was trained on."
        )
    if not 0 < length < config.max_position_embeddings:
        raise PrefixError(
            f"{folder}: {length} virtual tokens do not fit a context of "
            f"{config.max_position_embeddings}. Use another prefix."
        )
    if not torch.isfinite(flat).all():
        raise PrefixError(f"{folder} holds numbers that are not finite. Copy the prefix again.")
    both = flat.view(length, *shape).permute(1, 2, 0, 3)
    return both[0::2], both[1::2]
