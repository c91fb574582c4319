"""Loading an identified checkpoint as transformers' GLM, shard by shard, without its own code."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from accelerate import init_empty_weights  # type: ignore[import-untyped]
from accelerate.utils import set_module_tensor_to_device  # type: ignore[import-untyped]
from transformers import GlmConfig, GlmForCausalLM

from inference.loading import autotune, quantization
from inference.loading.device_map import device_of, place_model
from inference.loading.glm_config import empty_model
from inference.loading.identity import Identity
from inference.loading.layout import Layout
from inference.loading.shards import read_shard
from inference.requests import CheckpointError

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def load_model(
    known: Identity,
    *,
    free: Mapping[torch.device, int] | None = None,
    dtype: str = "auto",
    weights: str = "full",
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> GlmForCausalLM:
    """Load the weights, holding at most one shard beside them.

    Args:
        known: What `require_model` returned of the checkpoint's folder.
        free: Free bytes of the devices that the weights may go to; None: the CPU, whatever it has.
        dtype: See `ModelSource`.
        weights: `full` or `int8`.
        threads: CPU threads of a step, for `fastest`.
        progress: Called with (bytes read, bytes in all).

    Returns:
        The model in evaluation mode, gradients off.

    Raises:
        CheckpointError: A file is damaged, a weight is not finite, or all devices together are
            too small.
    """
    if weights == "int8":
        quantization.check()
    assert known.layout is not None
    with init_empty_weights(include_buffers=False):
        model = empty_model(known)
    stored = str(known.raw.get("torch_dtype") or known.raw.get("dtype") or "float16")
    kind = _choose_dtype(dtype, stored, "cuda" if free else "cpu", model.config, threads)
    placed = {"": torch.device("cpu")}
    if free:
        placed = place_model(
            model, kind, free, layer_dtype=torch.int8 if weights == "int8" else None
        )
    _ModelFiller(model, known.layout, placed, kind, weights, progress).read(known.shards.paths)
    if known.layout.is_tied:
        model.tie_weights()
    for name, buffer in model.named_buffers():  # rotary tables; they are computed, not stored
        set_module_tensor_to_device(model, name, device_of(placed, name), value=buffer)
    model.requires_grad_(False)
    torch.nn.Module.eval(model)
    return model


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
        layout: Layout,
        placed: Mapping[str, torch.device],
        dtype: torch.dtype,
        weights: str,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._model = model
        self._plan = layout.plan()
        self._placed = placed
        self._dtype = dtype
        self._quantizes = weights == "int8"
        self._progress = progress or (lambda done, total: None)
        self._missing = {name for name, _ in model.named_parameters()}

    def read(self, paths: tuple[Path, ...]) -> None:
        """Fill the model from all shards, one after the other."""
        sizes = [path.stat().st_size for path in paths]
        total, before = sum(sizes), 0
        self._progress(0, total)
        for path, size in zip(paths, sizes, strict=True):
            within = 0
            for nbytes in self._read_one(path):
                within = min(size, within + nbytes)
                self._progress(before + within, total)
            before += size
            self._progress(before, total)

    def _read_one(self, path: Path) -> Iterator[int]:
        """Yield the size of each tensor once it is in the model.

        Apart from `read`, so that the last tensor of a shard is gone before the next opens.
        """
        for name, tensor in read_shard(path):
            if name in self._plan:
                self._put(path, name, tensor)
            yield tensor.nbytes

    def _put(self, path: Path, name: str, tensor: torch.Tensor) -> None:
        targets = self._plan[name].targets
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
