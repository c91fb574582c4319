"""ChatGLM2's configuration and weight names in GLM's terms.

With this mapping, logits equal those of the published ChatGLM2 code bit for bit in float32.
"""

import re
from dataclasses import dataclass
from typing import Any

from transformers import GlmConfig

from inference.model.attention import head_sizes

_IGNORED = re.compile(r"(transformer\.rotary_pos_emb|.*\.rotary_emb)\.inv_freq")
_PREFIX = "transformer.prefix_encoder."

# What GLM computes; a checkpoint that says otherwise is another model.
_REQUIRED: dict[str, tuple[object, str]] = {
    "rmsnorm": (True, "layer norm instead of RMS norm"),
    "post_layer_norm": (True, "no final norm"),
    "add_bias_linear": (False, "biases in all linear layers"),
    "apply_residual_connection_post_layernorm": (False, "residuals taken after the norm"),
    "rope_ratio": (1, "stretched rotary positions (the 32k variants)"),
}


class ConfigError(ValueError):
    """`config.json` describes a model that GLM does not compute."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where rows of a stored weight go; `rows` of None means all of them."""

    name: str
    rows: tuple[int, int] | None = None


def is_ignored(name: str) -> bool:
    """Return whether a stored entry is not a weight of the model: a rotary table or a prefix."""
    return _IGNORED.fullmatch(name) is not None or name.startswith(_PREFIX)


def chatglm2_config(raw: dict[str, Any]) -> GlmConfig:
    """Return GLM's configuration for ChatGLM2's `config.json`.

    Raises:
        ConfigError: A field is missing, or the checkpoint needs what GLM does not compute.
    """
    if "padded_vocab_size" not in raw:
        raise ConfigError(
            "padded_vocab_size is missing, so this is not ChatGLM2 (the first ChatGLM says "
            "model_type chatglm too). Use a ChatGLM2 checkpoint."
        )
    for key, (needed, meaning) in _REQUIRED.items():
        if raw.get(key, needed) != needed:
            raise ConfigError(f"{key} is {raw[key]!r}: {meaning} is not supported.")
    try:
        heads = int(raw["num_attention_heads"])
        grouped = raw.get("multi_query_attention", False)
        return GlmConfig(
            vocab_size=int(raw["padded_vocab_size"]),
            hidden_size=int(raw["hidden_size"]),
            intermediate_size=int(raw["ffn_hidden_size"]),
            num_hidden_layers=int(raw["num_layers"]),
            num_attention_heads=heads,
            num_key_value_heads=int(raw["multi_query_group_num"]) if grouped else heads,
            head_dim=int(raw["kv_channels"]),
            rms_norm_eps=float(raw["layernorm_epsilon"]),
            max_position_embeddings=int(raw["seq_length"]),
            attention_bias=bool(raw.get("add_qkv_bias", False)),
            tie_word_embeddings=False,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
    except KeyError as error:
        raise ConfigError(f"{error.args[0]} is missing. Copy config.json again.") from error


def chatglm2_plan(config: GlmConfig) -> dict[str, tuple[Target, ...]]:
    """Return, for every weight name of ChatGLM2, where its rows go in `GlmForCausalLM`."""
    plan: dict[str, tuple[Target, ...]] = {
        "transformer.embedding.word_embeddings.weight": (Target("model.embed_tokens.weight"),),
        "transformer.encoder.final_layernorm.weight": (Target("model.norm.weight"),),
        "transformer.output_layer.weight": (Target("lm_head.weight"),),
    }
    for layer in range(config.num_hidden_layers):
        plan |= _chatglm2_layer(config, layer)
    return plan


def _chatglm2_layer(config: GlmConfig, layer: int) -> dict[str, tuple[Target, ...]]:
    ours, theirs = f"model.layers.{layer}.", f"transformer.encoder.layers.{layer}."
    same = {
        "input_layernorm.weight": "input_layernorm.weight",
        "post_attention_layernorm.weight": "post_attention_layernorm.weight",
        "self_attention.dense.weight": "self_attn.o_proj.weight",
        "mlp.dense_h_to_4h.weight": "mlp.gate_up_proj.weight",
        "mlp.dense_4h_to_h.weight": "mlp.down_proj.weight",
    }
    plan: dict[str, tuple[Target, ...]] = {theirs + a: (Target(ours + b),) for a, b in same.items()}
    sizes = head_sizes(config)
    queries, groups = sizes.heads * sizes.dim, sizes.groups * sizes.dim
    cuts = (0, queries, queries + groups, queries + 2 * groups)
    for kind in ("weight", "bias") if config.attention_bias else ("weight",):
        plan[f"{theirs}self_attention.query_key_value.{kind}"] = tuple(
            Target(f"{ours}self_attn.{part}_proj.{kind}", (cuts[i], cuts[i + 1]))
            for i, part in enumerate("qkv")
        )
    return plan


def glm_plan(config: GlmConfig) -> dict[str, tuple[Target, ...]]:
    """Return the same plan for GLM's own names, each for itself."""
    names = ["model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"]
    for layer in range(config.num_hidden_layers):
        start = f"model.layers.{layer}."
        names += [start + "input_layernorm.weight", start + "post_attention_layernorm.weight"]
        names += [start + "mlp.gate_up_proj.weight", start + "mlp.down_proj.weight"]
        names += [f"{start}self_attn.{part}_proj.weight" for part in "qkvo"]
        if config.attention_bias:
            names += [f"{start}self_attn.{part}_proj.bias" for part in "qkv"]
    return {name: (Target(name),) for name in names}
