"""Which model a `config.json` describes, and the name of what cannot be served."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from inference.loading.identity import Kind
from inference.requests import CheckpointError

# Larger than ChatGLM's vocabulary; GLM-4's has 151,552 rows.
_LARGE_VOCABULARY = 100_000
_USE = "Use ChatGLM2-6B (THUDM/chatglm2-6b) or ChatGLM3-6B (THUDM/chatglm3-6b)."
_ROLE = re.compile(r"<\|(user|assistant)\|>")
_VERSION = re.compile(r"chatglm[-_]?([23])", re.IGNORECASE)


def tell_kind(folder: Path, raw: Mapping[str, Any]) -> Kind:
    """Return which of the models that can be served it is.

    Raises:
        CheckpointError: It is another model; names it.
    """
    for other, to_do in _others(raw):
        raise CheckpointError(f"{folder} is {other}, which is not supported. {to_do}")
    model_type = raw.get("model_type")
    if model_type == "chatglm":
        return _chatglm(folder, raw)
    return Kind.GLM4 if model_type == "glm4" else Kind.GLM


def _others(raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    model_type, classes = raw.get("model_type"), raw.get("architectures")
    names = [str(name) for name in classes] if isinstance(classes, list) else []
    if any(raw.get(key) for key in ("quantization_bit", "quantization_config", "quantization")):
        yield "quantised", "Use the unquantised checkpoint, such as THUDM/chatglm2-6b."
    if model_type not in {"chatglm", "glm", "glm4"}:
        kind = f"{model_type!r} ({', '.join(names)})" if names else f"{model_type!r}"
        yield f"a model of another family: config.json says model_type {kind}", _USE
    if any(key in raw for key in ("vision_config", "image_size", "eva_config", "image_length")):
        yield "a GLM that sees pictures", _USE
    if "codegeex" in str(raw.get("_name_or_path")).lower():
        yield "CodeGeeX, which writes code", _USE
    heads = [name for name in names if name.endswith(("Classification", "RewardModel"))]
    if heads:
        yield f"a model that sorts texts and writes none ({heads[0]})", _USE
    if model_type == "chatglm":
        rows = raw.get("padded_vocab_size")
        if rows is None:
            yield (
                "not ChatGLM2 but the first ChatGLM or a relative of it (padded_vocab_size is "
                "missing in config.json)",
                _USE,
            )
        if isinstance(rows, int) and rows > _LARGE_VOCABULARY:
            yield (
                "GLM-4 in ChatGLM's layout",
                "Use the same model in transformers' layout, such as THUDM/GLM-4-9B-0414.",
            )


def _chatglm(folder: Path, raw: Mapping[str, Any]) -> Kind:
    """Tell ChatGLM2 from ChatGLM3: same sizes and names, another template."""
    words = _words(folder)
    named = " ".join(
        [str(raw.get("_name_or_path")), *re.findall(r'"name_or_path": *"[^"]*', words)]
    )
    parts = folder.absolute().parts
    cached = [part for part in parts[-4:] if part.startswith("models--")]  # in the hub's cache
    for text in (named, " ".join([*parts[-1:], *cached])):
        version = _VERSION.search(text)
        if _ROLE.search(words) or (version and version[1] == "3"):
            return Kind.CHATGLM3
        if version:
            return Kind.CHATGLM2
    if raw.get("rope_ratio", 1) != 1:
        raise CheckpointError(
            f"{folder / 'config.json'}: rope_ratio is {raw['rope_ratio']!r}, which ChatGLM2 and "
            "ChatGLM3 compute differently, and nothing tells which of them this is. Write "
            '"_name_or_path": "THUDM/chatglm2-6b-32k" or "THUDM/chatglm3-6b-32k" into config.json.'
        )
    return Kind.CHATGLM2


def _words(folder: Path) -> str:
    """Return what the tokenizer's own files say."""
    names = ("tokenizer_config.json", "tokenization_chatglm.py", "special_tokens_map.json")
    paths = [path for path in (folder / name for name in names) if path.is_file()]
    return "\n".join(path.read_text("utf-8", "replace") for path in paths)
