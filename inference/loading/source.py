"""Which model to serve, and opening it: weights, tokenizer and prefix together.

Torch is imported only when a model is opened.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inference import demo_model
from inference.loading.hub import fetch
from inference.loading.identify import require_model, require_prefix
from inference.loading.identity import Identity
from inference.loading.machine import Device, describe_device, usable_cpus
from inference.loading.tokenizer import ChatTokenizer
from inference.loading.tokenizer_choice import open_tokenizer
from inference.requests import CheckpointError, PrefixError

if TYPE_CHECKING:
    from transformers import GlmForCausalLM

    from inference.model.kv_cache import Prefix

_log = logging.getLogger(__name__)

# ChatGLM2's `chat()` allows 8192 tokens of prompt and reply together.
LONGEST_CHAT = 8192


@dataclass(frozen=True, slots=True)
class ModelSource:
    """What to load and how much of it may run at once.

    Attributes:
        model: A ChatGLM or GLM folder, or a hub name such as `THUDM/chatglm2-6b` (optionally
            `@revision`). None: the embedded demo model with its own prefix.
        prefix: A P-Tuning v2 or PEFT prefix, folder or hub name. None with a model: no prefix.
        device: `auto`, `cpu`, `cuda` or `cuda:N`. `auto` and `cuda` take the first GPU that holds
            the model, and spread its layers over all if none does.
        dtype: `auto`, `fastest`, `float32`, `float16` or `bfloat16`. `auto` is float32 on a CPU;
            on CUDA the 16-bit type of the checkpoint, bfloat16 if it is stored in float32.
            `fastest` measures a CPU and takes bfloat16 if that is clearly faster. The worker
            takes `fastest` for `auto`.
        max_running: Chats decoded together in one step.
        max_waiting: Requests that may wait beyond those.
        resident_mib: The most that conversations may hold on the device between their turns. None:
            a quarter of what is free once the weights are loaded. 0 keeps nothing.
        host_mib: The most that may move from the device to the machine's memory when evicted.
        threads: CPU threads of one step. None: one fewer than this process may use, at least 1,
            which leaves a core to the event loop.
        weights: `full`, or `int8`: the layers' weights in 8 bits, a scale a row. It halves the
            memory of 16 bits and quarters that of 32, is slower, and needs torchao.
    """

    model: str | None = None
    prefix: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    max_running: int = 16
    max_waiting: int = 256
    resident_mib: int | None = None
    host_mib: int = 0
    threads: int | None = None
    weights: str = "full"

    def __post_init__(self) -> None:
        if self.max_running < 1:
            raise ValueError("max_running must be at least 1")
        if self.max_waiting < 0:
            raise ValueError("max_waiting must be 0 or more")
        if (self.resident_mib or 0) < 0 or self.host_mib < 0:
            raise ValueError("resident_mib and host_mib must be 0 or more")
        if self.threads is not None and self.threads < 1:
            raise ValueError("threads must be at least 1")
        if self.weights not in {"full", "int8"}:
            raise ValueError("weights must be full or int8")

    @property
    def serving_threads(self) -> int:
        """CPU threads of one step."""
        return self.threads or max(1, usable_cpus() - 1)


@dataclass(frozen=True, slots=True)
class OpenModel:
    """A loaded model with tokenizer and prefix.

    Attributes:
        model: On its device, in evaluation mode, gradients off.
        tokenizer: Its tokenizer.
        prefix: Keys and values that stand before every text, or None.
        context_length: Tokens for prompt and reply together, without the prefix.
        name: The folder's or the hub's name.
        is_demo: True for the embedded demo model.
    """

    model: GlmForCausalLM
    tokenizer: ChatTokenizer
    prefix: Prefix | None
    context_length: int
    name: str
    is_demo: bool


def open_model(
    source: ModelSource, *, progress: Callable[[int, int], None] | None = None
) -> OpenModel:
    """Load weights, tokenizer and prefix. Blocks; may download.

    Args:
        source: What to load.
        progress: Called with (bytes read, bytes in all) of the weights.

    Raises:
        CheckpointError: The model cannot be loaded; says why and what to do.
        PrefixError: The prefix cannot be loaded or does not fit the model.
        TokenizerError: The tokenizer is missing or another model's.
    """
    is_demo = source.model is None
    known, prefix_known = _identify(source)

    from inference.loading.checkpoint import load_model
    from inference.loading.device_map import free_on
    from inference.loading.prefix_file import load_prefix

    free = free_on(source.device)
    model = load_model(
        known,
        free=free,
        dtype=source.dtype,
        weights=source.weights,
        threads=source.serving_threads,
        progress=progress,
    )
    prefix = None if prefix_known is None else load_prefix(prefix_known, model.config)
    longest = min(model.config.max_position_embeddings, LONGEST_CHAT)
    return OpenModel(
        model=model,
        tokenizer=open_tokenizer(known),
        prefix=prefix,
        context_length=longest - (prefix.length if prefix else 0),
        name=demo_model.NAME if source.model is None else Path(source.model).name,
        is_demo=is_demo,
    )


def _identify(source: ModelSource) -> tuple[Identity, Identity | None]:
    """Return what model and prefix are, before anything heavy is loaded."""
    if source.model is None:
        known = require_model(demo_model.CHECKPOINT)
        return known, require_prefix(fetch(source.prefix or str(demo_model.PREFIX)), known)
    known = require_model(fetch(source.model))
    if source.prefix is not None:
        try:
            folder = fetch(source.prefix)
        except CheckpointError as error:
            raise PrefixError(f"Prefix: {error}") from error
        return known, require_prefix(folder, known)
    if known.prefix_tensor is None:
        return known, None
    _log.info("the prefix inside the model is used (%d tokens)", known.prefix_tensor.shape[0])
    return known, known


def resident_bytes(
    source: ModelSource, opened: OpenModel, describe: Callable[[str], Device] = describe_device
) -> int:
    """Return what conversations may hold on all devices together between their turns."""
    if source.resident_mib is not None:
        return source.resident_mib << 20
    layers = Counter(
        str(layer.input_layernorm.weight.device) for layer in opened.model.model.layers
    )
    # Each device holds its layers' part of every conversation: the tightest sets the whole.
    whole = min(describe(name).free_bytes / count for name, count in layers.items())
    return int(whole * layers.total()) // 4
