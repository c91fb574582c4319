"""Whole runs end where the published training code's runs end."""

import json

import pytest
import torch

from training.tune.run import tune
from training.tune.settings import TuningSettings

KEY = "transformer.prefix_encoder."


def run(published, tmp_path, **options):
    """Return the losses reported and the weights written."""
    settings = TuningSettings(
        data=published.write_talks(tmp_path / "talks.jsonl"),
        model=str(published.base),
        out=tmp_path / "out",
        init=str(published.prefix),
        dropout=0.0,
        order="file",
        device="cpu",
        **options,
    )
    report = tmp_path / "report.jsonl"
    tune(settings, report=report)
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, len(lines) + 1))
    written = torch.load(tmp_path / "out" / "pytorch_model.bin", weights_only=True)
    return [line["loss"] for line in lines], {
        name.removeprefix(KEY): tensor for name, tensor in written.items()
    }


def assert_weights(written, published, start):
    for name, tensor in published.tensor_group(start).items():
        assert float((written[name] - tensor).abs().mean()) < 1e-4, name


def test_all_samples_at_once(published, tmp_path):
    said = published.said["steps"]
    losses, written = run(
        published,
        tmp_path,
        steps=len(said["losses"]),
        batch=len(published.said["samples"]),
        accumulate=1,
        rate=said["learning_rate"],
        schedule="constant",
        clip=0,
    )
    bound = max(1e-4, 10 * said["noise"]["losses"])
    assert losses == pytest.approx(said["losses"], abs=bound)
    assert_weights(written, published, "steps.final.")


def test_accumulation_clipping_and_decay(published, tmp_path):
    said = published.said["recipe"]
    every = said["accumulation"]
    losses, written = run(
        published,
        tmp_path,
        steps=len(said["learning_rates"]),
        batch=1,
        accumulate=every,
        rate=said["learning_rates"][0],
        schedule="linear",
        clip=said["max_gradient_norm"],
    )
    each = said["losses"]
    means = [sum(each[at : at + every]) / every for at in range(0, len(each), every)]
    assert losses == pytest.approx(means, abs=max(1e-4, 10 * said["noise"]["losses"]))
    assert_weights(written, published, "recipe.final.")
