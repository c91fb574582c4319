"""What a folder is, before anything is loaded: which model or prefix, and what stops its use.

The loader, `pica generate` and `pica doctor` all ask here. Nothing needs torch.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from inference.loading.identity import NO_SHARDS, PEFT_KEY, PREFIXES, Identity, Kind
from inference.loading.layout import PREFIX_KEY, ConfigError, read_layout
from inference.loading.model_family import tell_kind
from inference.loading.nearby import describe_other
from inference.loading.prefix_check import length_faults, misfits, ptuning_faults
from inference.loading.tensor_headers import StoredTensor, read_headers
from inference.loading.tokenizer_choice import open_tokenizer
from inference.loading.weight_check import check_tensors
from inference.loading.weight_files import Shards, find_shards, read_json
from inference.requests import CheckpointError, ModelError, PrefixError


def identify(folder: Path) -> Identity:
    """Return what a folder is, what is missing in it and what to do."""
    try:
        has_config = (folder / "config.json").is_file()
        if (folder / "adapter_config.json").is_file() and (_find_adapter(folder) or not has_config):
            return _adapter(folder)
        if has_config:
            return _checkpoint(folder, read_json(folder / "config.json"))
        return _bare(folder)
    except ModelError as error:
        fault = str(error)
    except OSError as error:
        fault = f"{error.filename or folder} cannot be read ({error.strerror}). Check its rights."
    return Identity(folder, faults=(fault,))


def require_model(folder: Path) -> Identity:
    """Return what a folder is, which must be a whole model.

    Raises:
        CheckpointError: It is not, or something is missing; says what to do.
    """
    known = identify(folder)
    faults = model_faults(known)
    if faults:
        raise CheckpointError(" ".join(faults))
    return known


def require_prefix(folder: Path, model: Identity) -> Identity:
    """Return what a folder is, which must hold a prefix that fits the model.

    Raises:
        PrefixError: It does not, or something is missing; says what to do.
    """
    known = identify(folder)
    faults = prefix_faults(known, model)
    if faults:
        raise PrefixError(f"Prefix: {' '.join(faults)}")
    return known


def model_faults(known: Identity) -> tuple[str, ...]:
    """Return what stops the use of a folder as a model."""
    if known.kind in PREFIXES:
        base = known.raw.get("base_model_name_or_path") or known.raw.get("_name_or_path")
        return (
            f"{known.folder} is {known.name}, not a whole model. Give it as the prefix, and the "
            f"model that it was trained on ({base or 'THUDM/chatglm2-6b'}) as the model.",
        )
    return known.faults


def prefix_faults(known: Identity, model: Identity | None) -> tuple[str, ...]:
    """Return what stops the use of a folder as a prefix, of a model if it is known yet."""
    if known.faults:
        return known.faults
    if known.prefix_tensor is None:
        return (
            f"{known.folder} is {known.name} without a prefix: it holds no {PREFIX_KEY}"
            "embedding.weight. Give the folder that P-Tuning v2 training wrote, or a PEFT "
            "prefix-tuning adapter.",
        )
    return () if model is None else tuple(misfits(known, model))


def _find_adapter(folder: Path) -> Path | None:
    paths = [folder / f"adapter_model.{form}" for form in ("safetensors", "bin")]
    return next(filter(Path.is_file, paths), None)


def _adapter(folder: Path) -> Identity:
    raw, path = read_json(folder / "adapter_config.json"), _find_adapter(folder)
    kind = raw.get("peft_type")
    if kind != "PREFIX_TUNING":
        base = raw.get("base_model_name_or_path") or "the model that it was trained on"
        raise CheckpointError(
            f"{folder} is a PEFT adapter of type {kind}, neither a model nor a prefix. Merge it "
            f"into {base} with `merge_and_unload()`, save the result and give that folder."
        )
    shards = NO_SHARDS if path is None else Shards((path,))
    known = Identity(folder, Kind.PEFT_PREFIX, raw, shards=shards, tensors=_headers(shards))
    if known.prefix_tensor is None:
        fault = f"{folder} holds no {PEFT_KEY}. Copy adapter_model.safetensors of its training."
        return replace(known, faults=(fault,))
    return replace(known, faults=tuple(length_faults(known, "num_virtual_tokens")))


def _bare(folder: Path) -> Identity:
    """Identify a folder without `config.json`: a prefix alone, or no checkpoint."""
    try:
        shards = find_shards(folder)
    except (CheckpointError, OSError):
        raise CheckpointError(describe_other(folder)) from None
    tensors = _headers(shards)
    if not _is_prefix_alone(tensors):
        raise CheckpointError(f"{folder / 'config.json'} is missing. Copy it from the checkpoint.")
    return _prefix(folder, {}, shards, tensors)


def _checkpoint(folder: Path, raw: Mapping[str, Any]) -> Identity:
    shards, tensors = NO_SHARDS, dict[str, StoredTensor]()
    faults: list[str] = []
    try:
        shards = find_shards(folder)
        tensors = _headers(shards)
    except CheckpointError as error:
        runs = any(folder.glob("checkpoint-*"))
        faults.append(describe_other(folder) if runs else str(error))
    if _is_prefix_alone(tensors):
        return _prefix(folder, raw, shards, tensors)
    kind = tell_kind(folder, raw)
    try:
        layout = read_layout(raw)
    except ConfigError as error:
        raise CheckpointError(f"{folder / 'config.json'}: {error}") from error
    if not faults:
        faults += check_tensors(folder, layout, shards, tensors)
    known = Identity(folder, kind, raw, layout, shards, tensors)
    if known.prefix_tensor is not None:
        faults += ptuning_faults(known)
    try:
        open_tokenizer(known)
    except ModelError as error:
        faults.append(str(error))
    return replace(known, faults=tuple(faults))


def _prefix(
    folder: Path, raw: Mapping[str, Any], shards: Shards, tensors: Mapping[str, StoredTensor]
) -> Identity:
    known = Identity(folder, Kind.P_TUNING, raw, shards=shards, tensors=tensors)
    return replace(known, faults=tuple(ptuning_faults(known)))


def _headers(shards: Shards) -> dict[str, StoredTensor]:
    return {name: each for path in shards.paths for name, each in read_headers(path).items()}


def _is_prefix_alone(tensors: Mapping[str, StoredTensor]) -> bool:
    return bool(tensors) and all(name.startswith(PREFIX_KEY) for name in tensors)
