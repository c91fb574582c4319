"""The model behind the companion: load it, ask it, get words back.

Importing this package imports no torch; the heavy modules are loaded when a worker starts.
"""

from inference.loading.hub import find_local
from inference.loading.identify import identify, model_faults, prefix_faults
from inference.loading.identity import Identity
from inference.loading.source import ModelSource
from inference.protocol import LanguageModel, WorkerHealth
from inference.requests import (
    CheckpointError,
    GenerationError,
    GenerationRequest,
    ModelError,
    Sampling,
)
from inference.worker import InferenceWorker

__all__ = [
    "CheckpointError",
    "GenerationError",
    "GenerationRequest",
    "Identity",
    "InferenceWorker",
    "LanguageModel",
    "ModelError",
    "ModelSource",
    "Sampling",
    "WorkerHealth",
    "find_local",
    "identify",
    "model_faults",
    "prefix_faults",
]
