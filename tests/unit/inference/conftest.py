"""The reference checkpoints, opened once, and engines over them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from inference.engine.engine import Engine
from inference.engine.outputs import Output
from inference.loading.source import ModelSource, OpenModel, open_model
from inference.requests import GenerationRequest, Sampling

REFERENCE = Path(__file__).parents[2] / "data" / "reference"
LAYOUTS = ("pica-layout", "projected-prefix")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Tiny models: a second thread costs more than it computes."""
    torch.set_num_threads(1)


@dataclass(frozen=True)
class Reference:
    """One folder of outputs of ChatGLM2's published code."""

    folder: Path

    @property
    def model(self) -> Path:
        return self.folder / "chatglm2-tiny"

    @property
    def prefix(self) -> Path:
        return self.folder / "pica-prefix-tiny"

    @property
    def expected(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads((self.folder / "expected.json").read_text("utf-8"))
        return value

    def source(self, kind: str) -> ModelSource:
        prefix = str(self.prefix) if kind == "prefix" else None
        return ModelSource(model=str(self.model), prefix=prefix, device="cpu")

    def cases(self, kind: str) -> list[dict[str, Any]]:
        return [case for case in self.expected["cases"] if case["model"] == kind]


@pytest.fixture(scope="session", params=LAYOUTS)
def reference(request: pytest.FixtureRequest) -> Reference:
    return Reference(REFERENCE / request.param)


@pytest.fixture(scope="session")
def pica() -> Reference:
    return Reference(REFERENCE / "pica-layout")


@pytest.fixture(scope="session")
def opened() -> Callable[[Reference, str], OpenModel]:
    """Opens a reference model, once for the session."""
    held: dict[tuple[Path, str], OpenModel] = {}

    def get(reference: Reference, kind: str) -> OpenModel:
        key = (reference.folder, kind)
        if key not in held:
            held[key] = open_model(reference.source(kind))
        return held[key]

    return get


@pytest.fixture(scope="session")
def tiny(opened: Callable[[Reference, str], OpenModel], pica: Reference) -> OpenModel:
    """The smallest model with its prefix."""
    return opened(pica, "prefix")


@pytest.fixture(scope="session")
def demo() -> OpenModel:
    return open_model(ModelSource(device="cpu"))


@dataclass
class Result:
    ids: list[int]
    text: str = ""
    reason: str | None = None
    done: bool = False

    def take(self, output: Output) -> None:
        assert not self.done, "nothing may follow the end"
        self.ids += output.ids
        self.text += output.text
        self.done = output.done
        self.reason = output.error.reason if output.error else None


class Driver:
    """Steps an engine by hand and keeps what it gives."""

    def __init__(self, opened: OpenModel, **options: Any) -> None:
        self.engine = Engine(opened, **options)
        self.results: dict[str, Result] = {}

    def ask(self, name: str, prompt_ids: Any, tokens: int = 16, **options: Any) -> None:
        sampling = options.pop("sampling", Sampling(greedy=True))
        request = GenerationRequest(
            name, tuple(prompt_ids), max_new_tokens=tokens, sampling=sampling, **options
        )
        self.engine.submit(request)
        self.results[name] = Result([])

    def step(self) -> None:
        for output in self.engine.step():
            self.results[output.request_id].take(output)

    def run(self) -> dict[str, Result]:
        for _ in range(5000):
            if not self.engine.has_work:
                return self.results
            self.step()
        raise AssertionError("the engine does not come to an end")


@pytest.fixture
def driver() -> type[Driver]:
    return Driver
