"""The scripted model may stand in for the worker: same members, same behaviour."""

from __future__ import annotations

import inspect

import pytest

from inference import GenerationError, GenerationRequest, InferenceWorker, LanguageModel
from tests.support.scripted_model import ScriptedModel

ASKED = GenerationRequest("a", (1,))
METHODS = ["stream", "forget", "place", "health", "aclose"]


def parameters(owner, name):
    return inspect.signature(getattr(owner, name), eval_str=True).parameters


@pytest.mark.parametrize("name", METHODS)
def test_methods_take_the_same(name):
    expected = [str(parameter) for parameter in parameters(LanguageModel, name).values()]
    assert [str(parameter) for parameter in parameters(ScriptedModel, name).values()] == expected
    served = parameters(InferenceWorker, name)
    assert [str(served[each]) for each in parameters(LanguageModel, name)] == expected


def test_these_are_all_members():
    members = {n for n in dir(LanguageModel) if not n.startswith("_")}
    members |= set(LanguageModel.__annotations__)
    assert members == {*METHODS, "tokenizer", "context_length", "model_name", "is_demo"}
    assert all(hasattr(ScriptedModel(), name) for name in members)


async def test_replies_come_in_order_and_errors_are_raised():
    full = GenerationError("queue_full", place=3)
    model = ScriptedModel(replies=[["你", "好"], full], default="嗯")
    assert [text async for text in model.stream(ASKED)] == ["你", "好"]
    with pytest.raises(GenerationError, match="queue_full"):
        await anext(model.stream(ASKED))
    assert [text async for text in model.stream(ASKED)] == ["嗯"]
    assert len(model.requests) == 3


async def test_a_stream_left_early_is_closed_and_a_closed_model_refuses():
    model = ScriptedModel(default=["一", "二"])
    stream = model.stream(ASKED)
    await anext(stream)
    assert model.health().running == 1
    await stream.aclose()
    assert model.health().running == 0
    await model.aclose()
    assert not model.health().alive
    with pytest.raises(GenerationError, match="shutdown"):
        await anext(model.stream(ASKED))
