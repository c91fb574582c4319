"""Comparing the tensors that files hold with those that a layout needs."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from inference.loading.layout import Layout, PlannedWeight
from inference.loading.tensor_headers import StoredTensor
from inference.loading.weight_files import Shards

# What quantising programs add to the names of weights.
_QUANTISED = re.compile(
    r".*\.(weight_scale\w*|qweight|qzeros|scales|absmax|quant_map|quant_state\S*|SCB|g_idx)"
)


def check_tensors(
    folder: Path, layout: Layout, shards: Shards, tensors: Mapping[str, StoredTensor]
) -> list[str]:
    """Return the first thing that is wrong with the weights, as a list of one or none."""
    plan = layout.plan()
    stored = {*tensors, *(shards.names or ())}
    weights = {name for name in stored if not layout.is_ignored(name)}
    for fault in _faults(folder, plan, weights, tensors):
        return [fault]
    return []


def _faults(
    folder: Path,
    plan: Mapping[str, PlannedWeight],
    weights: set[str],
    tensors: Mapping[str, StoredTensor],
) -> Iterator[str]:
    missing, unknown = plan.keys() - weights, weights - plan.keys()
    if unknown:
        yield from _kind_of_unknown(folder, plan, unknown)
    for names, what in ((missing, "lacks"), (unknown, "does not know")):
        if names:
            yield (
                f"{folder}: the model of config.json {what} {len(names)} of the weights, the first "
                f"is {min(names)}. Use config.json and weights of the same checkpoint."
            )
    absent = plan.keys() - tensors.keys()
    if absent:
        yield (
            f"{folder}: the index of shards names {min(absent)}, which is in none of them. Copy "
            "the index and the shards again."
        )
        return
    for name, planned in plan.items():
        yield from _one(folder, name, planned, tensors[name])


def _one(folder: Path, name: str, planned: PlannedWeight, stored: StoredTensor) -> Iterator[str]:
    if 0 in stored.shape:
        yield (
            f"{folder}: {name} is empty, as training with ZeRO-3 leaves it. Gather the weights "
            "with its zero_to_fp32.py and use what that writes."
        )
    if not stored.is_float:
        yield (
            f"{folder}: {name} holds {stored.dtype}; a quantised checkpoint is not supported. "
            "Use the unquantised one."
        )
    if stored.shape != planned.shape:
        yield (
            f"{folder}: {name} has shape {stored.shape}, config.json asks for {planned.shape}. "
            "Use config.json and weights of the same checkpoint."
        )


def _kind_of_unknown(
    folder: Path, plan: Mapping[str, PlannedWeight], unknown: set[str]
) -> Iterator[str]:
    """Name what programs are known to leave in the names."""
    for name in sorted(unknown):
        if _QUANTISED.fullmatch(name):
            yield (
                f"{folder} is quantised ({name}), which is not supported. Use the unquantised "
                "checkpoint."
            )
        if ".lora_" in name:
            yield (
                f"{folder} holds a LoRA adapter that is not merged ({name}). Merge it with "
                "`merge_and_unload()`, save the result and give that folder."
            )
        for planned in plan:
            if name.endswith(f".{planned}"):
                lead = name.removesuffix(planned)
                yield (
                    f"{folder}: the names of weights begin with {lead!r}, as a wrapper of training "
                    "leaves them. Save the model without the wrapper, or take this off the names."
                )
                break
