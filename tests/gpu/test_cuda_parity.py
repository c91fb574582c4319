"""The same model on a CUDA device: equal to the published outputs, in float32 and 16 bits."""

from __future__ import annotations

import functools
import inspect
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from inference.engine.engine import Engine
from inference.generate import generate_lines
from inference.loading import device_map
from inference.loading.source import ModelSource, open_model
from inference.model.cuda_graphs import CapturedGraph
from inference.model.decode_graphs import COLUMNS
from inference.model.decoder import Decoder, Segment
from inference.model.model_runner import ModelRunner
from inference.requests import GenerationRequest, Sampling

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

REFERENCE = Path(__file__).parents[1] / "data" / "reference"
LAYOUTS = ("pica-layout", "projected-prefix")
#: Largest difference of a logit that the type's rounding explains: about twice what a CPU shows
#: in the 16-bit types (0.04 and 0.28); the logits lie between -7 and 7.
TOLERANCE = {"float32": 1e-3, "float16": 0.1, "bfloat16": 0.6}


def source(layout: str, dtype: str) -> ModelSource:
    folder = REFERENCE / layout
    return ModelSource(
        model=str(folder / "chatglm2-tiny"),
        prefix=str(folder / "pica-prefix-tiny"),
        device="cuda",
        dtype=dtype,
    )


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_logits(layout, dtype):
    opened = open_model(source(layout, dtype))
    assert {str(p.dtype) for p in opened.model.parameters()} == {f"torch.{dtype}"}
    expected = load_file(REFERENCE / layout / "expected.safetensors")
    for index in range(3):
        ids = expected[f"prefix.{index}.input_ids"].tolist()
        runner = ModelRunner(opened.model, opened.prefix)
        with torch.inference_mode():
            runner.prefill([Segment(0, ids[:-1], 0)])
            logits = runner.decode([0], ids[-1:], [len(ids) - 1])
        torch.testing.assert_close(
            logits[0].float().cpu(),
            expected[f"prefix.{index}.logits"][-1],
            atol=TOLERANCE[dtype],
            rtol=0,
        )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_greedy_continuations_in_float32(layout):
    cases = json.loads((REFERENCE / layout / "expected.json").read_text("utf-8"))["cases"]
    cases = [case for case in cases if case["model"] == "prefix"]
    lines = [json.dumps({"query": c["query"], "history": c["history"]}) for c in cases]
    replies = list(generate_lines(source(layout, "float32"), lines, greedy=True, max_new_tokens=48))
    assert [reply["ids"] for reply in replies] == [case["greedy_new_ids"] for case in cases]


def test_the_demo_answers_and_empties_its_slots():
    opened = open_model(ModelSource(device="cuda"))
    assert {p.dtype for p in opened.model.parameters()} == {torch.float16}
    engine = Engine(opened)
    for number in range(8):
        ids = tuple(opened.tokenizer.encode_chat("我最近压力很大"))
        asked = GenerationRequest(str(number), ids, 40, Sampling(seed=number))
        engine.submit(asked)
    text = ""
    while engine.has_work:
        for output in engine.step():
            assert output.error is None
            text += output.text
    assert sum("\u4e00" <= character <= "\u9fff" for character in text) > 0.6 * len(text)
    assert engine.load() == (0, 0)
    assert all(not layer[:, :, :, :-1].any() for layer in engine.runner.cache.layers)


@pytest.fixture
def watched(monkeypatch):
    """Lets a replay fail that reads memory whose owner is gone, where torch can tell (2.13)."""
    begin = torch.cuda.CUDAGraph.capture_begin
    if "check_input_liveness" in inspect.signature(begin).parameters:
        monkeypatch.setattr(
            torch.cuda.CUDAGraph,
            "capture_begin",
            functools.partialmethod(begin, check_input_liveness=True),
        )


def assert_replayed(runner, steps):
    """So many shapes, and every one of them was captured."""
    made = list(runner.static.steps.values())
    assert len(made) == steps
    assert all(isinstance(step.run, CapturedGraph) for step in made)


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_captured_steps_give_what_the_same_steps_give_uncaptured(dtype):
    opened = open_model(source("pica-layout", dtype))
    captured = ModelRunner(opened.model, opened.prefix)
    plain = ModelRunner(opened.model, opened.prefix)
    assert captured.static is not None
    plain.static = None
    slots, stored = [0, 1, 2], [5, 40, 17]

    def compare(steps):
        for step in range(5):
            ids = [1500 + slot + step for slot in slots]
            starts = [count + step for count in stored]
            expected = plain.decode(slots, ids, starts)
            torch.testing.assert_close(
                captured.decode(slots, ids, starts), expected, atol=TOLERANCE[dtype], rtol=0
            )
        assert_replayed(captured, steps)

    def store(slot, count, start):
        for runner in (captured, plain):
            runner.prefill([Segment(slot, [1400 + slot] * count, start)])

    with torch.inference_mode():
        for slot, count in zip(slots, stored, strict=True):
            store(slot, count, 0)
        compare(1)
        for round_ in (1, 2):  # columns grow: all is captured anew, in a pool of its own
            store(1, round_ * COLUMNS, stored[1])
            stored[1] += round_ * COLUMNS
            compare(1)
        slots.append(5)  # rows grow
        stored.append(9)
        store(5, 9, 0)
        compare(1)
        captured.reset()
        torch.cuda.empty_cache()
        assert_replayed(captured, 0)
        for slot, count in zip(slots, stored, strict=True):
            captured.prefill([Segment(slot, [1400 + slot] * count, 0)])
            plain.prefill([Segment(slot, [1400 + slot] * count, 0)])
        compare(1)


def test_a_capture_that_fails_leaves_the_stream_and_later_captures_alone(monkeypatch):
    opened = open_model(source("pica-layout", "float32"))
    runner = ModelRunner(opened.model, opened.prefix)
    stream, embed = torch.cuda.current_stream(), Decoder.embed

    def waits(decoder, ids):
        if torch.cuda.is_current_stream_capturing():
            ids.sum().item()  # the device cannot be waited for in a capture
        return embed(decoder, ids)

    with torch.inference_mode():
        runner.prefill([Segment(0, [1400] * 5, 0)])
        monkeypatch.setattr(Decoder, "embed", waits)
        expected = runner.decode([0], [1500], [5]).clone()
        assert torch.cuda.current_stream() == stream
        torch.cuda.empty_cache()
        monkeypatch.undo()
        runner.static.drop()
        torch.testing.assert_close(runner.decode([0], [1500], [5]), expected)
        assert_replayed(runner, 1)


def test_a_second_turn_reuses_the_first_and_says_the_same():
    opened = open_model(source("pica-layout", "float32"))
    prompt = tuple(opened.tokenizer.encode_chat("我最近压力很大", [("你好", "你好，我在听。")]))

    def replies(conversation):
        engine, ids = Engine(opened), []
        for turn in range(2):
            engine.submit(
                GenerationRequest(
                    str(turn), prompt, 20, Sampling(greedy=True), conversation=conversation
                )
            )
            ids.append([i for o in _run(engine) for i in o.ids])
        return ids, engine.reused

    def _run(engine):
        while engine.has_work:
            yield from engine.step()

    expected, _ = replies(None)
    again, reused = replies("ours")
    assert again == expected
    assert reused == len(prompt) - 1


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layers_over_two_gpus(layout, monkeypatch):
    """The same logits where no single device is said to have room for the model."""
    ids = load_file(REFERENCE / layout / "expected.safetensors")["prefix.0.input_ids"].tolist()
    expected = load_file(REFERENCE / layout / "expected.safetensors")["prefix.0.logits"][-1]
    gpus = [torch.device("cuda", number) for number in range(2)]
    whole = open_model(source(layout, "float32"))
    nbytes = sum(p.nbytes for p in whole.model.parameters())
    monkeypatch.setattr(device_map, "LEAST_ROOM", 0)
    monkeypatch.setattr(device_map, "free_on_gpus", lambda: dict.fromkeys(gpus, int(nbytes * 1.15)))
    opened = open_model(source(layout, "float32"))
    assert {p.device for p in opened.model.parameters()} == set(gpus)
    runner = ModelRunner(opened.model, opened.prefix)
    with torch.inference_mode():
        runner.prefill([Segment(0, ids[:-1], 0)])
        logits = runner.decode([0], ids[-1:], [len(ids) - 1])
    torch.testing.assert_close(logits[0].cpu(), expected, atol=TOLERANCE["float32"], rtol=0)
