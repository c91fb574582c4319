"""Which device holds which part of a model: one that fits it, else layers spread over GPUs."""

import warnings
from collections.abc import Mapping

import torch
from accelerate import infer_auto_device_map  # type: ignore[import-untyped]
from transformers import GlmForCausalLM

from inference.requests import CheckpointError

# Part of each GPU's free memory that is left to keys, values and work ...
ROOM = 0.15
# ... and the least of it.
LEAST_ROOM = 1 << 30
_LAYERS = ["GlmDecoderLayer", "Glm4DecoderLayer"]


def place_model(
    model: GlmForCausalLM,
    dtype: torch.dtype,
    free: Mapping[torch.device, int],
    *,
    layer_dtype: torch.dtype | None = None,
) -> dict[str, torch.device]:
    """Choose a device for every module that has weights of its own or is a layer.

    Args:
        model: On the meta device.
        dtype: What the weights will be.
        free: Free bytes of each device that may be used, the preferred first.
        layer_dtype: What the matrices inside layers will be, if that is another type.

    Returns:
        Module names to devices; the longest name that begins a weight's own counts.

    Raises:
        CheckpointError: All of them together are too small.
    """
    room = {device: _room(nbytes) for device, nbytes in free.items()}
    smaller = _smaller(model, layer_dtype or dtype)
    needed = sum(
        parameter.numel() * smaller.get(name, dtype).itemsize
        for name, parameter in model.named_parameters()
    )
    for device, nbytes in room.items():
        if needed <= nbytes:
            return {"": device}
    if len(room) < 2:
        raise _too_small(needed, room)
    model.tie_weights()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about parts left on no GPU, which is an error here
        spread = infer_auto_device_map(
            model,
            max_memory=dict(enumerate(room.values())),
            no_split_module_classes=_LAYERS,
            dtype=dtype,
            special_dtypes=smaller,
        )
    if not all(isinstance(number, int) for number in spread.values()):
        raise _too_small(needed, room)
    devices = list(room)
    placed = {name: devices[number] for name, number in spread.items()}
    placed["model.norm"] = placed["lm_head"]  # the last two products follow one another
    return placed


def device_of(placed: Mapping[str, torch.device], name: str) -> torch.device:
    """Return where a weight or module goes."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        device = placed.get(".".join(parts[:length]))
        if device is not None:
            return device
    return placed.get("") or next(iter(placed.values()))


def free_on_gpus() -> dict[torch.device, int]:
    """Return free bytes of every CUDA device, in order."""
    count = torch.cuda.device_count()
    return {torch.device("cuda", n): torch.cuda.mem_get_info(n)[0] for n in range(count)}


def free_on(name: str) -> dict[torch.device, int] | None:
    """Return free bytes of the GPUs that a device's name means; None for the CPU.

    Raises:
        CheckpointError: The name is unknown or the device is absent.
    """
    has_gpu = torch.cuda.is_available()
    if name == "cpu" or (name == "auto" and not has_gpu):
        return None
    if name == "auto":
        return free_on_gpus()
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise CheckpointError(f"device {name!r} is unknown. Use auto, cpu or cuda.") from error
    if device.type != "cuda":
        raise CheckpointError(f"device {name!r} is not supported. Use auto, cpu or cuda.")
    gpus = free_on_gpus() if has_gpu else {}
    wanted = {gpu: nbytes for gpu, nbytes in gpus.items() if device.index in {None, gpu.index}}
    if not wanted:
        raise CheckpointError(f"device {name!r} is not present. Use auto or cpu.")
    return wanted


def _room(nbytes: int) -> int:
    return max(0, nbytes - max(LEAST_ROOM, int(nbytes * ROOM)))


def _smaller(model: GlmForCausalLM, dtype: torch.dtype) -> dict[str, torch.dtype]:
    return {
        name: dtype
        for name, parameter in model.named_parameters()
        if name.startswith("model.layers.") and parameter.dim() == 2
    }


def _too_small(needed: int, room: Mapping[torch.device, int]) -> CheckpointError:
    listed = ", ".join(f"{device} {nbytes / 1e9:.1f} GB" for device, nbytes in room.items())
    return CheckpointError(
        f"The weights need {needed / 1e9:.1f} GB; without room for conversations there is: "
        f"{listed}. Free GPU memory, add a GPU, or take 8-bit weights (int8) or the CPU."
    )
