"""Reading a P-Tuning v2 prefix, or a PEFT prefix-tuning adapter, as keys and values."""

import torch
from torch.nn.functional import linear
from transformers import GlmConfig
from transformers.models.glm.modeling_glm import GlmRotaryEmbedding

from inference.loading.identity import PEFT_KEY, Identity, Kind
from inference.loading.layout import PREFIX_KEY
from inference.loading.shards import read_shard
from inference.model.attention import head_sizes
from inference.model.kv_cache import Prefix
from inference.requests import PrefixError


def load_prefix(known: Identity, config: GlmConfig) -> Prefix:
    """Read a prefix.

    The keys of a PEFT adapter are stored as they stand in the cache. Those of a P-Tuning v2
    checkpoint, as ChatGLM2's own code writes it, are rotated here (see `rotate_forward`).

    Args:
        known: What `require_prefix` returned of its folder, or a model with a prefix inside.
        config: Of the model that the prefix is for.

    Raises:
        PrefixError: A file is damaged, or numbers in it are not finite.
    """
    is_peft = known.kind is Kind.PEFT_PREFIX
    held = _read(known)
    both = _split_heads(held[PEFT_KEY] if is_peft else _project(held), config)
    keys, values = both[0::2], both[1::2]
    if not is_peft:
        keys = rotate_forward(keys, keys.shape[2], config)
    return Prefix(keys.contiguous(), values.contiguous())


def trainable_weights(known: Identity, config: GlmConfig) -> dict[str, torch.Tensor]:
    """Read a prefix as the weights that P-Tuning v2 trains.

    Args:
        known: See `load_prefix`. The keys of a PEFT adapter are turned back.
        config: Of the model that the prefix is for.

    Returns:
        `embedding.weight` and, with a projection, `trans.0` and `trans.2`; float32.

    Raises:
        PrefixError: A file is damaged, or numbers in it are not finite.
    """
    held = _read(known)
    if known.kind is not Kind.PEFT_PREFIX:
        return {name.removeprefix(PREFIX_KEY): tensor for name, tensor in held.items()}
    both = _split_heads(held[PEFT_KEY], config).clone()
    both[0::2] = rotate_forward(both[0::2], -both.shape[2], config)
    return {"embedding.weight": both.permute(2, 0, 1, 3).flatten(1).contiguous()}


def _read(known: Identity) -> dict[str, torch.Tensor]:
    held = {
        name: tensor.to(torch.float32)
        for path in known.shards.paths
        for name, tensor in read_shard(path)
        if name == PEFT_KEY or name.startswith(PREFIX_KEY)
    }
    if not all(torch.isfinite(tensor).all() for tensor in held.values()):
        raise PrefixError(
            f"{known.folder} holds numbers that are not finite in its prefix. Copy it again."
        )
    return held


def _split_heads(flat: torch.Tensor, config: GlmConfig) -> torch.Tensor:
    """Return (2·layers, groups, length, head_dim) of what files keep as one row a token."""
    sizes = head_sizes(config)
    return flat.view(len(flat), -1, sizes.groups, sizes.dim).permute(1, 2, 0, 3)


def rotate_forward(keys: torch.Tensor, positions: int, config: GlmConfig) -> torch.Tensor:
    """Turn keys as if each stood `positions` further on.

    ChatGLM2 keeps prefix keys unrotated and numbers the text from 0. Attention sees only
    differences of positions. So the results are the same if the prefix keys are rotated forward by
    the prefix's length and the text starts behind it. Negative `positions` turn back.

    Args:
        keys: (..., head_dim); the rotary part of the head comes first, in interleaved pairs.
        positions: How far.
        config: For the frequencies, which transformers computes.

    Returns:
        float32 keys of the same shape.
    """
    frequencies = GlmRotaryEmbedding(config).inv_freq
    rotary, angle = 2 * len(frequencies), positions * frequencies.double()
    turned = keys.to(torch.float64).clone()
    even, odd = keys[..., 0:rotary:2].double(), keys[..., 1:rotary:2].double()
    turned[..., 0:rotary:2] = even * angle.cos() - odd * angle.sin()
    turned[..., 1:rotary:2] = odd * angle.cos() + even * angle.sin()
    return turned.to(torch.float32)


def _project(held: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return (length, 2·layers·groups·head_dim), through the projection if there is one."""
    weights = {name.removeprefix(PREFIX_KEY): tensor for name, tensor in held.items()}
    embedding = weights["embedding.weight"]
    if "trans.0.weight" not in weights:
        return embedding
    hidden = torch.tanh(linear(embedding, weights["trans.0.weight"], weights["trans.0.bias"]))
    return linear(hidden, weights["trans.2.weight"], weights["trans.2.bias"])
