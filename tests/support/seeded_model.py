"""A model whose sampling a test chooses, so that it says the same every time."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from inference import GenerationRequest, LanguageModel, Sampling


class SeededModel:
    """Passes everything on to a model, with requests that are sampled otherwise."""

    def __init__(self, model: LanguageModel, sampling: Sampling) -> None:
        self._model = model
        self._sampling = sampling

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def stream(self, request: GenerationRequest) -> AsyncIterator[str]:
        return self._model.stream(replace(request, sampling=self._sampling))
