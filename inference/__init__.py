"""The model behind the companion: load it, ask it, get words back.

Importing this package imports no torch; the heavy modules are loaded when a worker starts.
"""

from inference.loading.source import ModelSource
from inference.protocol import LanguageModel, WorkerHealth
from inference.requests import GenerationError, GenerationRequest, ModelError, Sampling
from inference.worker import InferenceWorker

__all__ = [
    "GenerationError",
    "GenerationRequest",
    "InferenceWorker",
    "LanguageModel",
    "ModelError",
    "ModelSource",
    "Sampling",
    "WorkerHealth",
]
