"""The layouts of checkpoints that can be served: their sizes, and where each weight goes.

With these mappings, logits equal those of the published ChatGLM2 code bit for bit in float32.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

PREFIX_KEY = "transformer.prefix_encoder."
_IGNORED = re.compile(r"(transformer\.rotary_pos_emb|.*\.rotary_emb)\.inv_freq")
# Some programs store the output layer a second time by transformers' name.
_ALIAS = "lm_head.weight"
_MOST_LAYERS = 1000

# What GLM computes; a checkpoint that says otherwise is another model.
_REQUIRED: dict[str, tuple[object, str]] = {
    "rmsnorm": (True, "layer norm instead of RMS norm"),
    "post_layer_norm": (True, "no final norm"),
    "add_bias_linear": (False, "biases in all linear layers"),
    "apply_residual_connection_post_layernorm": (False, "residuals taken after the norm"),
    "original_rope": (True, "rotary positions over halves of a head"),
    "interleaved_qkv": (False, "queries, keys and values stored head by head"),
}
# Activations that transformers' GLM computes.
_ACTIVATIONS = ("silu", "swish", "gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "relu")
# Rotary tables that stay the same for every length of text.
_ROPE_TYPES = ("default", "linear", "yarn", "llama3")


class ConfigError(ValueError):
    """`config.json` describes a model that GLM does not compute."""


class Target(NamedTuple):
    """Where rows of a stored weight go; `rows` of None means all of them."""

    name: str
    rows: tuple[int, int] | None = None


class PlannedWeight(NamedTuple):
    """The shape that a stored weight must have, and where its rows go."""

    shape: tuple[int, ...]
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """The sizes of a model.

    Attributes:
        is_chatglm: The weights have ChatGLM's names, not transformers'.
        vocabulary: Rows of the embedding.
        hidden: Width between layers.
        feed_forward: Width within a layer's second half.
        layers: How many.
        heads: Query heads.
        groups: Key and value heads.
        head_dim: Numbers a head.
        has_bias: Queries, keys and values have biases.
        is_tied: The output layer is the embedding.
        has_outer_norms: A norm follows both halves of a layer, as in GLM-4-0414.
    """

    is_chatglm: bool
    vocabulary: int
    hidden: int
    feed_forward: int
    layers: int
    heads: int
    groups: int
    head_dim: int
    has_bias: bool
    is_tied: bool = False
    has_outer_norms: bool = False

    @property
    def prefix_shape(self) -> tuple[int, int, int]:
        """What one virtual token holds: keys and values of all layers, groups, numbers a head."""
        return 2 * self.layers, self.groups, self.head_dim

    def is_ignored(self, name: str) -> bool:
        """Return whether a stored entry is not a weight of the model: a rotary table or a prefix.

        A second copy of the output layer is not one either.
        """
        if _IGNORED.fullmatch(name) is not None or name.startswith(PREFIX_KEY):
            return True
        return name == _ALIAS and (self.is_chatglm or self.is_tied)

    def plan(self) -> dict[str, PlannedWeight]:
        """Return, for every stored name, its shape and where its rows go in transformers' GLM."""
        return _chatglm_plan(self) if self.is_chatglm else _glm_plan(self)


def read_layout(raw: Mapping[str, Any]) -> Layout:
    """Return the sizes that a `config.json` of ChatGLM2, ChatGLM3 or GLM describes.

    Raises:
        ConfigError: A field is missing, or the checkpoint needs what GLM does not compute.
    """
    is_chatglm = raw.get("model_type") == "chatglm"
    layout = _chatglm_layout(raw) if is_chatglm else _glm_layout(raw)
    if layout.layers > _MOST_LAYERS:
        raise ConfigError(f"{layout.layers} layers are not a model. Copy config.json again.")
    if layout.heads % layout.groups:
        raise ConfigError(
            f"{layout.heads} heads cannot share {layout.groups} groups. Copy config.json again."
        )
    return layout


def _chatglm_layout(raw: Mapping[str, Any]) -> Layout:
    for key, (needed, meaning) in _REQUIRED.items():
        if raw.get(key, needed) != needed:
            raise ConfigError(
                f"{key} is {raw[key]!r}: {meaning} is not supported. Use the checkpoint of "
                "ChatGLM2-6B or ChatGLM3-6B."
            )
    heads = _count(raw, "num_attention_heads")
    _number(raw, "layernorm_epsilon")
    _number(raw, "rope_ratio", 1)
    _count(raw, "seq_length")
    return Layout(
        is_chatglm=True,
        vocabulary=_count(raw, "padded_vocab_size"),
        hidden=_count(raw, "hidden_size"),
        feed_forward=_count(raw, "ffn_hidden_size"),
        layers=_count(raw, "num_layers"),
        heads=heads,
        groups=_count(raw, "multi_query_group_num") if raw.get("multi_query_attention") else heads,
        head_dim=_count(raw, "kv_channels"),
        has_bias=bool(raw.get("add_qkv_bias", False)),
    )


def _glm_layout(raw: Mapping[str, Any]) -> Layout:
    rope = raw.get("rope_parameters") or raw.get("rope_scaling") or {}
    kind = rope.get("rope_type", rope.get("type", "default")) if isinstance(rope, dict) else rope
    if kind not in _ROPE_TYPES:
        raise ConfigError(
            f"the rotary positions are of type {kind!r}, which change with the length of a text. "
            f"Use one of {', '.join(_ROPE_TYPES)}."
        )
    if raw.get("hidden_act", "silu") not in _ACTIVATIONS:
        raise ConfigError(
            f"hidden_act is {raw['hidden_act']!r}, which is not supported. Use one of "
            f"{', '.join(_ACTIVATIONS)}."
        )
    heads, hidden = _count(raw, "num_attention_heads"), _count(raw, "hidden_size")
    _count(raw, "max_position_embeddings")
    return Layout(
        is_chatglm=False,
        vocabulary=_count(raw, "vocab_size"),
        hidden=hidden,
        feed_forward=_count(raw, "intermediate_size"),
        layers=_count(raw, "num_hidden_layers"),
        heads=heads,
        groups=_count(raw, "num_key_value_heads"),
        head_dim=_count(raw, "head_dim") if raw.get("head_dim") else hidden // heads,
        has_bias=bool(raw.get("attention_bias", True)),
        is_tied=bool(raw.get("tie_word_embeddings", False)),
        has_outer_norms=raw.get("model_type") == "glm4",
    )


def _number(raw: Mapping[str, Any], key: str, default: float | None = None) -> float:
    value = raw.get(key, default)
    if value is None:
        raise ConfigError(f"{key} is missing. Copy config.json again.")
    if type(value) not in {int, float} or not value > 0:
        raise ConfigError(f"{key} is {value!r}, not a number above 0. Copy config.json again.")
    return float(value)


def _count(raw: Mapping[str, Any], key: str) -> int:
    value = _number(raw, key)
    if value != int(value):
        raise ConfigError(f"{key} is {value!r}, not a whole number. Copy config.json again.")
    return int(value)


def _chatglm_plan(layout: Layout) -> dict[str, PlannedWeight]:
    def whole(name: str, *shape: int) -> PlannedWeight:
        return PlannedWeight(shape, (Target(name),))

    rows, hidden = layout.vocabulary, layout.hidden
    queries, groups = layout.heads * layout.head_dim, layout.groups * layout.head_dim
    cuts = (0, queries, queries + groups, queries + 2 * groups)
    plan = {
        "transformer.embedding.word_embeddings.weight": whole(
            "model.embed_tokens.weight", rows, hidden
        ),
        "transformer.encoder.final_layernorm.weight": whole("model.norm.weight", hidden),
        "transformer.output_layer.weight": whole("lm_head.weight", rows, hidden),
    }
    for layer in range(layout.layers):
        ours, theirs = f"model.layers.{layer}.", f"transformer.encoder.layers.{layer}."
        for name, (to, *shape) in _chatglm_layer(layout).items():
            plan[theirs + name] = whole(ours + to, *shape)
        for kind, width in (("weight", (hidden,)), ("bias", ())):
            if kind == "weight" or layout.has_bias:
                targets = (
                    Target(f"{ours}self_attn.{part}_proj.{kind}", (cuts[i], cuts[i + 1]))
                    for i, part in enumerate("qkv")
                )
                name = f"{theirs}self_attention.query_key_value.{kind}"
                plan[name] = PlannedWeight((cuts[-1], *width), tuple(targets))
    return plan


def _chatglm_layer(layout: Layout) -> dict[str, tuple[str, *tuple[int, ...]]]:
    hidden, inner = layout.hidden, layout.feed_forward
    return {
        "input_layernorm.weight": ("input_layernorm.weight", hidden),
        "post_attention_layernorm.weight": ("post_attention_layernorm.weight", hidden),
        "self_attention.dense.weight": (
            "self_attn.o_proj.weight",
            hidden,
            layout.heads * layout.head_dim,
        ),
        "mlp.dense_h_to_4h.weight": ("mlp.gate_up_proj.weight", 2 * inner, hidden),
        "mlp.dense_4h_to_h.weight": ("mlp.down_proj.weight", hidden, inner),
    }


def _glm_plan(layout: Layout) -> dict[str, PlannedWeight]:
    """Return the plan of transformers' own names, each for itself."""
    rows, hidden, inner = layout.vocabulary, layout.hidden, layout.feed_forward
    queries, groups = layout.heads * layout.head_dim, layout.groups * layout.head_dim
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (rows, hidden),
        "model.norm.weight": (hidden,),
    }
    if not layout.is_tied:
        shapes["lm_head.weight"] = (rows, hidden)
    norms = ["input_layernorm", "post_attention_layernorm"]
    if layout.has_outer_norms:
        norms += ["post_self_attn_layernorm", "post_mlp_layernorm"]
    for layer in range(layout.layers):
        start = f"model.layers.{layer}."
        shapes |= {f"{start}{norm}.weight": (hidden,) for norm in norms}
        shapes[f"{start}mlp.gate_up_proj.weight"] = (2 * inner, hidden)
        shapes[f"{start}mlp.down_proj.weight"] = (hidden, inner)
        shapes[f"{start}self_attn.o_proj.weight"] = (hidden, queries)
        for part, width in (("q", queries), ("k", groups), ("v", groups)):
            shapes[f"{start}self_attn.{part}_proj.weight"] = (width, hidden)
            if layout.has_bias:
                shapes[f"{start}self_attn.{part}_proj.bias"] = (width,)
    return {name: PlannedWeight(shape, (Target(name),)) for name, shape in shapes.items()}
