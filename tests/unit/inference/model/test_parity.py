"""Equal to ChatGLM2's published code: token ids, logits, greedy continuations, chats."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch
from safetensors.torch import load_file

from inference.generate import generate_lines
from inference.loading.source import open_model
from inference.loading.tokenizer import finish_text
from inference.model.decoder import Segment
from inference.model.model_runner import ModelRunner

KINDS = ("base", "prefix")


@pytest.mark.parametrize("kind", KINDS)
def test_logits_of_the_last_positions(reference, opened, kind):
    model = opened(reference, kind)
    expected = load_file(reference.folder / "expected.safetensors")
    for index in range(3):
        ids = expected[f"{kind}.{index}.input_ids"].tolist()
        runner = ModelRunner(model.model, model.prefix)
        with torch.inference_mode():
            runner.prefill([Segment(0, ids[:-8], 0)])
            logits = [
                runner.decode([0], [token], [place])[0]
                for place, token in enumerate(ids[-8:], start=len(ids) - 8)
            ]
        torch.testing.assert_close(
            torch.stack(logits), expected[f"{kind}.{index}.logits"], atol=1e-4, rtol=0
        )


@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 0.1), ("bfloat16", 0.6)])
def test_logits_in_16_bits(reference, dtype, tolerance):
    """Only rounding differs; the logits lie between -7 and 7."""
    model = open_model(dataclasses.replace(reference.source("prefix"), dtype=dtype))
    expected = load_file(reference.folder / "expected.safetensors")
    ids = expected["prefix.2.input_ids"].tolist()
    runner = ModelRunner(model.model, model.prefix)
    assert runner.dtype == getattr(torch, dtype)
    with torch.inference_mode():
        runner.prefill([Segment(0, ids[:-1], 0)])
        logits = runner.decode([0], ids[-1:], [len(ids) - 1])[0].float()
    torch.testing.assert_close(logits, expected["prefix.2.logits"][-1], atol=tolerance, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_prefilling_in_pieces_changes_nothing(reference, opened, kind):
    model = opened(reference, kind)
    expected = load_file(reference.folder / "expected.safetensors")
    ids = expected[f"{kind}.2.input_ids"].tolist()
    runner = ModelRunner(model.model, model.prefix)
    with torch.inference_mode():
        for start in range(0, len(ids) - 1, 7):
            runner.prefill([Segment(0, ids[start : min(start + 7, len(ids) - 1)], start)])
        logits = runner.decode([0], [ids[-1]], [len(ids) - 1])
    torch.testing.assert_close(logits[0], expected[f"{kind}.2.logits"][-1], atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_greedy_continuations_several_at_once(reference, opened, driver, kind):
    model = opened(reference, kind)
    run = driver(model)
    cases = reference.cases(kind)
    for case in cases:
        ids = model.tokenizer.encode_chat(case["query"], case["history"])
        assert len(ids) == case["prompt_tokens"]
        run.ask(str(case["index"]), ids, tokens=48)
    results = run.run()
    for case in cases:
        assert results[str(case["index"])].ids == case["greedy_new_ids"]


def test_greedy_continuations_of_chats_that_come_and_go(reference, opened, driver):
    """Slots are reused and chats of different lengths share steps; nobody's reply changes."""
    model = opened(reference, "prefix")
    run = driver(model, max_running=3)
    cases = reference.cases("prefix")
    for turn in range(9):
        case = cases[turn % 3]
        ids = model.tokenizer.encode_chat(case["query"], case["history"])
        run.ask(str(turn), ids, tokens=(48, 5, 17)[turn // 3])
        run.step()
        run.step()
    results = run.run()
    for turn in range(9):
        tokens = (48, 5, 17)[turn // 3]
        assert results[str(turn)].ids == cases[turn % 3]["greedy_new_ids"][:tokens]


@pytest.mark.parametrize("kind", KINDS)
def test_greedy_continuations_through_lines(reference, kind):
    """The cases hold histories of none, one and two rounds."""
    cases = reference.cases(kind)
    lines = [json.dumps({"query": c["query"], "history": c["history"]}) for c in cases]
    answers = list(generate_lines(reference.source(kind), lines, greedy=True, max_new_tokens=48))
    assert [a["ids"] for a in answers] == [c["greedy_new_ids"] for c in cases]
    assert [len(a["prompt_ids"]) for a in answers] == [c["prompt_tokens"] for c in cases]


def test_the_streamed_chat(reference, opened, driver):
    """The published ``stream_chat``, greedy, with a prefix, read until over 40 characters.

    From the second turn on it was called for a cache but given none, so its prompt is the new
    round alone, without ``[gMASK] sop``, the history and the space that opens a text.
    """
    model = opened(reference, "prefix")
    tokenizer = model.tokenizer
    turns = reference.expected["chat_prefix_greedy"]
    assert len(turns) == 3
    run = driver(model)
    for number, turn in enumerate(turns, start=1):
        ids = tokenizer.encode_chat(turn["query"])
        if number > 1:
            alone = f"\n\n[Round {number}]\n\n问：{turn['query']}\n\n答："
            ids = tokenizer.encode(alone)[1:]
        run.ask(str(number), ids, tokens=40)
    results = run.run()
    for number, turn in enumerate(turns, start=1):
        ids = results[str(number)].ids
        shown = (finish_text(tokenizer.decode(ids[:count])) for count in range(41))
        assert next(text for text in shown if len(text) > 40) == turn["response"]


def test_token_ids_of_awkward_strings(reference, opened):
    tokenizer = opened(reference, "base").tokenizer
    samples = reference.expected["tokenizer"]
    assert len(samples) == 10
    for sample in samples:
        text = sample["text"]
        assert tokenizer.encode(text) == sample["ids_plain"]
        assert [*tokenizer.start_ids, *tokenizer.encode(text)] == sample["ids_with_special"]
        history = [("你好", "你好，我在听。")]
        assert tokenizer.prompt_text(text, history) == sample["prompt"]
        assert tokenizer.encode_chat(text, history) == sample["prompt_ids"]
        assert tokenizer.decode(sample["ids_plain"]) == sample["decoded"]
        assert len(tokenizer.encode(text)) == len(sample["ids_plain"])
