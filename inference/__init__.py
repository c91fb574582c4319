"""The model behind the companion: load it, ask it, get words back.

Nothing here knows Telegram, chats, SQL or the environment. Importing this package imports no
torch; the heavy modules are loaded when a worker starts.
"""

from inference.loading.source import ModelSource
from inference.requests import GenerationError, GenerationRequest, ModelError, Sampling
from inference.worker import InferenceWorker, WorkerHealth

__all__ = [
    "GenerationError",
    "GenerationRequest",
    "InferenceWorker",
    "ModelError",
    "ModelSource",
    "Sampling",
    "WorkerHealth",
]
