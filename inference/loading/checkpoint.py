"""Loading a checkpoint's folder as a `GlmForCausalLM`, shard by shard, without running its code."""

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import torch
from accelerate import init_empty_weights  # type: ignore[import-untyped]
from accelerate.utils import set_module_tensor_to_device  # type: ignore[import-untyped]
from transformers import GlmConfig, GlmForCausalLM

from inference.loading import autotune, quantization
from inference.loading.device_map import device_of, place_model
from inference.loading.glm_config import (
    ConfigError,
    Target,
    chatglm2_config,
    chatglm2_plan,
    glm_plan,
    is_ignored,
)
from inference.loading.shards import Shards, find_shards, read_json, read_shard
from inference.requests import CheckpointError

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def load_model(
    folder: Path,
    *,
    free: Mapping[torch.device, int] | None = None,
    dtype: str = "auto",
    weights: str = "full",
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> GlmForCausalLM:
    """Load the weights, holding at most one shard beside them.

    Args:
        folder: `config.json` with `pytorch_model*.bin` or `*.safetensors`, sharded or not.
        free: Free bytes of the devices that the weights may go to; None: the CPU, whatever it has.
        dtype: See `ModelSource`.
        weights: `full` or `int8`.
        threads: CPU threads of a step, for `fastest`.
        progress: Called with (bytes read, bytes in all).

    Returns:
        The model in evaluation mode, gradients off.

    Raises:
        CheckpointError: A file or a weight is missing, damaged, unknown or mis-shaped, or all
            devices together are too small.
    """
    if weights == "int8":
        quantization.check()
    config, stored, plan_for = _read_config(folder)
    kind = _choose_dtype(dtype, stored, "cuda" if free else "cpu", config, threads)
    with init_empty_weights(include_buffers=False):
        model = GlmForCausalLM(config)
    plan = plan_for(config)
    if config.tie_word_embeddings:
        plan.pop("lm_head.weight", None)
    shards = find_shards(folder)
    if shards.names is not None:  # known before a byte of weights is read
        _check_names(shards.names, plan, folder)
    placed = {"": torch.device("cpu")}
    if free:
        placed = place_model(
            model, kind, free, layer_dtype=torch.int8 if weights == "int8" else None
        )
    seen = _ModelFiller(model, plan, placed, kind, weights, progress).read(shards)
    _check_names(seen, plan, folder)
    if config.tie_word_embeddings:
        model.tie_weights()
    for name, buffer in model.named_buffers():  # rotary tables; they are computed, not stored
        set_module_tensor_to_device(model, name, device_of(placed, name), value=buffer)
    model.requires_grad_(False)
    torch.nn.Module.eval(model)
    return model


def _read_config(
    folder: Path,
) -> tuple[GlmConfig, str, Callable[[GlmConfig], dict[str, tuple[Target, ...]]]]:
    raw = read_json(folder / "config.json")
    stored = str(raw.get("torch_dtype") or raw.get("dtype") or "float16")
    kind = raw.get("model_type")
    if raw.get("quantization_bit") or raw.get("quantization_config"):
        raise CheckpointError(
            f"{folder} is quantised, which is not supported. Use the unquantised checkpoint, "
            "such as THUDM/chatglm2-6b."
        )
    try:
        if kind == "chatglm":
            return chatglm2_config(raw), stored, chatglm2_plan
        if kind == "glm":
            return GlmConfig.from_dict(raw), stored, glm_plan
    except (ConfigError, TypeError, ValueError) as error:
        raise CheckpointError(f"{folder / 'config.json'}: {error}") from error
    raise CheckpointError(
        f"{folder / 'config.json'} says model_type {kind!r}. Use a ChatGLM2 (chatglm) or a GLM "
        "(glm) checkpoint."
    )


def _choose_dtype(
    wanted: str, stored: str, device: str, config: GlmConfig, threads: int
) -> torch.dtype:
    if wanted == "fastest" and device == "cpu" and autotune.is_worth_it(config):
        return autotune.faster_dtype(config.hidden_size, config.intermediate_size, threads)
    if wanted not in {"auto", "fastest"}:
        if wanted not in _DTYPES:
            raise CheckpointError(f"dtype {wanted!r} is unknown. Use auto or {', '.join(_DTYPES)}.")
        return _DTYPES[wanted]
    if device == "cpu":
        return torch.float32
    kind = _DTYPES.get(stored.removeprefix("torch."), torch.bfloat16)
    return torch.bfloat16 if kind is torch.float32 else kind


def _check_names(
    stored: Collection[str], plan: dict[str, tuple[Target, ...]], folder: Path
) -> None:
    weights = {name for name in stored if not is_ignored(name)}
    for names, what in ((plan.keys() - weights, "lacks"), (weights - plan.keys(), "does not know")):
        if names:
            raise CheckpointError(
                f"{folder}: the model of config.json {what} {len(names)} of the weights, the first "
                f"is {min(names)}. Use config.json and weights of the same checkpoint."
            )


def _check_finite(path: Path, name: str, value: torch.Tensor) -> None:
    if value.is_meta:  # it has a shape and no numbers
        return
    # One number that is not finite makes the sum so. A sum may also overflow: then look at each.
    if torch.isfinite(value.sum(dtype=torch.float32)) or torch.isfinite(value).all():
        return
    raise CheckpointError(
        f"{path}: {name} holds numbers that are not finite in {value.dtype}. Use another dtype, or "
        "copy the checkpoint again and compare it with its source."
    )


class _ModelFiller:
    """Puts stored tensors into the empty model, each on its device, and counts the bytes."""

    def __init__(
        self,
        model: GlmForCausalLM,
        plan: dict[str, tuple[Target, ...]],
        placed: Mapping[str, torch.device],
        dtype: torch.dtype,
        weights: str,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._model = model
        self._plan = plan
        self._placed = placed
        self._dtype = dtype
        self._quantizes = weights == "int8"
        self._progress = progress or (lambda done, total: None)
        self._shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
        self._missing = set(self._shapes)

    def read(self, shards: Shards) -> set[str]:
        """Fill the model from all shards, one after the other; return the names they held."""
        sizes = [path.stat().st_size for path in shards.paths]
        total, before = sum(sizes), 0
        seen: set[str] = set()
        self._progress(0, total)
        for path, size in zip(shards.paths, sizes, strict=True):
            within = 0
            for name, nbytes in self._read_one(path):
                seen.add(name)
                within = min(size, within + nbytes)
                self._progress(before + within, total)
            before += size
            self._progress(before, total)
        return seen

    def _read_one(self, path: Path) -> Iterator[tuple[str, int]]:
        """Yield name and size of each tensor once it is in the model.

        Apart from `read`, so that the last tensor of a shard is gone before the next opens.
        """
        for name, tensor in read_shard(path):
            if not is_ignored(name):
                self._put(path, name, tensor)
            yield name, tensor.nbytes

    def _put(self, path: Path, name: str, tensor: torch.Tensor) -> None:
        targets = self._plan.get(name)
        if targets is None:
            _check_names({name, *self._plan}, self._plan, path)
            return
        wanted = self._stored_shape(targets)
        if not tensor.numel():
            raise CheckpointError(
                f"{path}: {name} is empty, as training with ZeRO-3 leaves it. Gather the weights "
                "with its zero_to_fp32.py and use what that writes."
            )
        if tuple(tensor.shape) != wanted:
            raise CheckpointError(
                f"{path}: {name} has shape {tuple(tensor.shape)}, config.json asks for {wanted}. "
                "Use config.json and weights of the same checkpoint."
            )
        if not tensor.is_floating_point():
            raise CheckpointError(
                f"{path}: {name} holds {tensor.dtype}; a quantised checkpoint is not supported. "
                "Use the unquantised one."
            )
        for target in targets:
            part = tensor if target.rows is None else tensor[slice(*target.rows)]
            # Always a copy: a view would keep the whole shard alive beside the weights.
            device = device_of(self._placed, target.name)
            value = part.to(device=device, dtype=self._dtype, copy=True)
            _check_finite(path, name, value)
            set_module_tensor_to_device(
                self._model, target.name, device, value=value, dtype=self._dtype, clear_cache=False
            )
            self._missing.discard(target.name)
        if self._quantizes:
            self._quantize(targets[0].name)

    def _quantize(self, name: str) -> None:
        """Quantise a layer as soon as it is whole, so that full layers never add up."""
        head, layers, number, *_ = [*name.split("."), "", ""]
        layer = f"{head}.{layers}.{number}."
        if layers == "layers" and not any(missing.startswith(layer) for missing in self._missing):
            quantization.quantize_layer(self._model.get_submodule(layer[:-1]))

    def _stored_shape(self, targets: tuple[Target, ...]) -> tuple[int, ...]:
        first, *others = (self._shapes[target.name] for target in targets)
        return (first[0] + sum(other[0] for other in others), *first[1:])
