"""The configuration of transformers' own GLM classes for a checkpoint that was identified."""

from typing import Any, cast

from transformers import Glm4Config, Glm4ForCausalLM, GlmConfig, GlmForCausalLM

from inference.loading.identity import Identity, Kind
from inference.requests import CheckpointError

_ROTARY_BASE = 10000.0


def empty_model(known: Identity) -> GlmForCausalLM:
    """Return transformers' model for a checkpoint; a `Glm4ForCausalLM` has the same parts.

    Raises:
        CheckpointError: transformers refuses the configuration.
    """
    assert known.layout is not None
    try:
        if known.layout.is_chatglm:
            return GlmForCausalLM(GlmConfig(**_of_chatglm(known)))
        if known.kind is Kind.GLM4:
            model = Glm4ForCausalLM(Glm4Config.from_dict(dict(known.raw)))
            return cast("GlmForCausalLM", model)
        return GlmForCausalLM(GlmConfig.from_dict(dict(known.raw)))
    except (TypeError, ValueError, KeyError) as error:
        raise CheckpointError(f"{known.folder / 'config.json'}: {error}") from error


def _of_chatglm(known: Identity) -> dict[str, Any]:
    """Return ChatGLM2's and ChatGLM3's configuration in GLM's terms."""
    layout = known.layout
    assert layout is not None
    return {
        "vocab_size": layout.vocabulary,
        "hidden_size": layout.hidden,
        "intermediate_size": layout.feed_forward,
        "num_hidden_layers": layout.layers,
        "num_attention_heads": layout.heads,
        "num_key_value_heads": layout.groups,
        "head_dim": layout.head_dim,
        "rms_norm_eps": float(known.raw["layernorm_epsilon"]),
        "max_position_embeddings": int(known.raw["seq_length"]),
        "attention_bias": layout.has_bias,
        "rope_parameters": _rope(known),
        "tie_word_embeddings": False,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }


def _rope(known: Identity) -> dict[str, Any]:
    """Return how positions turn.

    ChatGLM2 divides positions by `rope_ratio`; ChatGLM3 multiplies the rotary base with it.
    """
    ratio = float(known.raw.get("rope_ratio", 1))
    rope: dict[str, Any] = {"rope_theta": _ROTARY_BASE, "partial_rotary_factor": 0.5}
    if ratio == 1:
        return rope | {"rope_type": "default"}
    if known.kind is Kind.CHATGLM2:
        return rope | {"rope_type": "linear", "factor": ratio}
    return rope | {"rope_type": "default", "rope_theta": _ROTARY_BASE * ratio}
