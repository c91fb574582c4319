"""Comparing a prefix with its own configuration and with the model that it is for."""

import math
import re
from collections.abc import Iterator

from inference.loading.identity import EMBEDDING, Identity, Kind
from inference.loading.layout import PREFIX_KEY

_PROJECTION = tuple(f"{PREFIX_KEY}trans.{n}.{kind}" for n in (0, 2) for kind in ("weight", "bias"))
# What a prefix's own configuration says of the model that it was trained on.
_OF_THE_BASE = (
    "model_type",
    "hidden_size",
    "num_layers",
    "num_attention_heads",
    "multi_query_group_num",
    "kv_channels",
    "padded_vocab_size",
    "rope_ratio",
)
_VERSION = re.compile(r"chatglm([23])?-6b", re.IGNORECASE)


def ptuning_faults(known: Identity) -> list[str]:
    """Return what is wrong with a P-Tuning v2 prefix by itself."""
    tensor = known.prefix_tensor
    if tensor is None:
        return [
            f"{known.folder} holds no {EMBEDDING} of two dimensions. Give the folder that P-Tuning "
            "v2 training wrote."
        ]
    if 0 in tensor.shape:
        return [
            f"{known.folder}: {EMBEDDING} is empty, as training with ZeRO-3 leaves it. Gather the "
            "weights with its zero_to_fp32.py and use what that writes."
        ]
    return [*_projection_faults(known, tensor.shape[1]), *length_faults(known, "pre_seq_len")]


def length_faults(known: Identity, key: str) -> Iterator[str]:
    """Yield a fault if the configuration names another number of virtual tokens."""
    tensor, said = known.prefix_tensor, known.raw.get(key)
    if tensor is not None and said is not None and said != tensor.shape[0]:
        yield (
            f"{known.folder}: its configuration says {key} {said}, its weights hold "
            f"{tensor.shape[0]} virtual tokens. Copy both from the same training."
        )


def _projection_faults(known: Identity, width: int) -> Iterator[str]:
    shapes = {name: known.tensors[name].shape for name in _PROJECTION if name in known.tensors}
    said = known.raw.get("prefix_projection")
    if said is not None and bool(said) is not bool(shapes):
        held = "hold one" if shapes else "hold none"
        yield (
            f"{known.folder}: its configuration says prefix_projection {said}, its weights {held} "
            f"({PREFIX_KEY}trans). Copy both from the same training."
        )
    if not shapes:
        return
    inner = shapes.get(_PROJECTION[0], (0,))[0]
    wanted = ((inner, width), (inner,), (width, inner), (width,))
    if tuple(shapes.get(name) for name in _PROJECTION) != wanted or not inner:
        yield (
            f"{known.folder}: the prefix projection ({PREFIX_KEY}trans.0 and trans.2) is "
            "incomplete or mis-shaped. Copy the prefix again."
        )


def misfits(known: Identity, model: Identity) -> Iterator[str]:
    """Yield what shows that a prefix was made for another model."""
    tensor, layout = known.prefix_tensor, model.layout
    assert tensor is not None
    assert layout is not None
    length, width = tensor.shape
    shape = layout.prefix_shape
    if width != math.prod(shape):
        yield (
            f"{known.folder} was made for another model: a row of the prefix has {width} numbers, "
            f"this model needs {math.prod(shape)} ({layout.layers} layers x 2 x {layout.groups} "
            f"groups x {layout.head_dim}). Use the model that the prefix was trained on."
        )
    context = model.raw.get("seq_length") or model.raw.get("max_position_embeddings")
    if not 0 < length < int(context or 0):
        yield (
            f"{known.folder}: {length} virtual tokens do not fit a context of {context}. Use "
            "another prefix."
        )
    yield from _other_base(known, model)


def _other_base(known: Identity, model: Identity) -> Iterator[str]:
    if known.kind is Kind.P_TUNING and model.layout is not None and model.layout.is_chatglm:
        for key in _OF_THE_BASE:
            theirs, ours = known.raw.get(key), model.raw.get(key)
            if theirs is not None and ours is not None and theirs != ours:
                yield (
                    f"{known.folder} was made for another model: its config.json says {key} "
                    f"{theirs}, the model's says {ours}. Use the model that the prefix was trained "
                    "on."
                )
                return
    base = str(known.raw.get("base_model_name_or_path") or known.raw.get("_name_or_path") or "")
    version = _VERSION.search(base)
    if version and model.kind in {Kind.CHATGLM2, Kind.CHATGLM3}:
        trained_on = f"ChatGLM{version[1] or ''}"
        if trained_on != model.kind:
            yield (
                f"{known.folder} was trained on {base}, and {model.folder} is {model.kind}. Use "
                "the model that the prefix was trained on."
            )
