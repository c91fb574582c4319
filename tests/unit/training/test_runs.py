"""Runs that stop, go on, diverge or cannot start, on the smallest base."""

import json
from dataclasses import replace

import pytest
import torch

from inference.loading.identify import identify, require_model, require_prefix
from inference.loading.prefix_file import trainable_weights
from inference.loading.source import ModelSource, open_model
from inference.requests import ModelError
from tests.unit.training.conftest import REFERENCE
from training.tune.run import sample_order, tune
from training.tune.samples import Sample, encode_sample
from training.tune.settings import TuningError, TuningSettings

BASE = REFERENCE / "pica-layout" / "chatglm2-tiny"
PREFIX = REFERENCE / "pica-layout" / "pica-prefix-tiny"
ROWS = [
    {"prompt": "睡不着", "response": "听起来很累。是什么让你放不下？"},
    {"prompt": "他走了", "history": [["你好", "你好。"]], "response": "这一定很难。"},
    {"prompt": "谢谢", "response": "晚安。"},
]


@pytest.fixture
def settings(tmp_path):
    path = tmp_path / "talks.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in ROWS), "utf-8")
    return TuningSettings(
        data=path,
        model=str(BASE),
        out=tmp_path / "out",
        length=4,
        steps=7,
        accumulate=2,
        device="cpu",
        save_every=3,
    )


def written(settings):
    return torch.load(settings.out / "pytorch_model.bin", weights_only=True)


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class Stop:
    """Asks for a stop after so many steps."""

    def __init__(self, after):
        self.left = after

    def __call__(self):
        self.left -= 1
        return self.left <= 0


@pytest.mark.parametrize("has_projection", [False, True])
@pytest.mark.parametrize("after", [1, 3, 5])
def test_a_run_that_goes_on_is_equal_to_the_bit(settings, tmp_path, after, has_projection):
    settings = replace(settings, has_projection=has_projection)
    whole = replace(settings, out=tmp_path / "whole")
    tune(whole, report=tmp_path / "whole.jsonl")
    result = tune(settings, is_asked_to_stop=Stop(after), report=tmp_path / "report.jsonl")
    assert not result.is_finished
    assert len(result.losses) == after
    assert not (settings.out / "pytorch_model.bin").exists()
    tune(settings, is_resumed=True, report=tmp_path / "report.jsonl")
    assert same(written(settings), written(whole))
    assert (tmp_path / "report.jsonl").read_text() == (tmp_path / "whole.jsonl").read_text()


class PowerCutError(Exception):
    """Ends a run between two saved states."""


@pytest.mark.parametrize("after", [2, 5])
def test_a_run_that_was_cut_off_goes_on_from_its_last_state(settings, tmp_path, after):
    def cut(step, steps, loss):
        if step == after:
            raise PowerCutError

    whole = replace(settings, out=tmp_path / "whole")
    tune(whole)
    with pytest.raises(PowerCutError):
        tune(settings, progress=cut)
    half = settings.out / "state" / "checkpoint-6"  # a checkpoint that was being written
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"")
    tune(settings, is_resumed=True)
    assert same(written(settings), written(whole))


def test_a_constant_run_can_be_made_longer(settings, tmp_path):
    settings = replace(settings, schedule="constant")
    whole = replace(settings, out=tmp_path / "whole")
    tune(whole)
    tune(replace(settings, steps=4))
    tune(settings, is_resumed=True)
    assert same(written(settings), written(whole))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"rate": 0.5}, "--rate: the run .* was started with None, not with 0.5"),
        ({"steps": 9}, "--steps: the run"),
        ({"seed": 1}, "--seed: the run"),
    ],
)
def test_another_run_is_not_gone_on_with(settings, changes, fault):
    tune(settings, is_asked_to_stop=Stop(1))
    with pytest.raises(TuningError, match=fault):
        tune(replace(settings, **changes), is_resumed=True)


def test_changed_data_are_seen(settings):
    tune(settings, is_asked_to_stop=Stop(1))
    settings.data.write_text(json.dumps(ROWS[0]), "utf-8")
    with pytest.raises(TuningError, match="DATA: the run"):
        tune(settings, is_resumed=True)


def test_a_folder_in_use_is_left_alone(settings):
    settings.out.mkdir()
    (settings.out / "notes.txt").write_text("mine")
    with pytest.raises(TuningError, match=r"exists\. Use --resume"):
        tune(settings)
    with pytest.raises(TuningError, match="holds no run to go on with"):
        tune(settings, is_resumed=True)
    assert [each.name for each in settings.out.iterdir()] == ["notes.txt"]


def test_the_written_prefix_has_the_trained_loss(settings):
    """The engine's own arithmetic over the file agrees with what training computed."""
    settings = replace(settings, steps=3, dropout=0.0)
    tune(settings)
    source = ModelSource(model=str(BASE), prefix=str(settings.out), device="cpu")
    opened = open_model(source)
    row = ROWS[0]
    sample = encode_sample(Sample(row["prompt"], row["response"]), opened.tokenizer)
    frozen = replace(
        settings, init=str(settings.out), length=None, steps=1, rate=1e-9, order="file",
        accumulate=1, out=settings.out.parent / "again",
    )  # fmt: skip
    trained = tune(frozen).losses[0]
    assert served_loss(opened, sample) == pytest.approx(trained, abs=2e-6)


def served_loss(opened, sample):
    from transformers import DynamicCache

    model, prefix = opened.model, opened.prefix
    cache = DynamicCache()
    for layer in range(model.config.num_hidden_layers):
        cache.update(prefix.keys[layer][None], prefix.values[layer][None], layer)
    ids = torch.tensor([sample.input_ids])
    positions = torch.arange(len(sample.input_ids))[None] + prefix.length
    labels = torch.tensor([sample.labels])[:, 1:]
    with torch.no_grad():
        logits = model(ids, past_key_values=cache, position_ids=positions).logits[:, :-1]
    return torch.nn.functional.cross_entropy(logits[labels != -100], labels[labels != -100]).item()


def test_the_layout_and_the_card(settings):
    tune(replace(settings, steps=1, has_projection=True, licence="CC0"))
    base = require_model(BASE)
    known = identify(settings.out)
    assert not known.faults
    config = json.loads((settings.out / "config.json").read_text())
    assert (config["pre_seq_len"], config["prefix_projection"]) == (4, True)
    assert config["num_layers"] == base.raw["num_layers"]
    assert {name.removeprefix("transformer.prefix_encoder.") for name in written(settings)} == {
        "embedding.weight", "trans.0.weight", "trans.0.bias", "trans.2.weight", "trans.2.bias"
    }  # fmt: skip
    card = (settings.out / "README.md").read_text()
    assert "| Licence | CC0 |" in card
    assert "| Samples trained on | 3," in card


def test_a_loss_that_is_not_finite_ends_the_run(settings):
    # A rate that no weight survives: soon a step computes with numbers beyond float32.
    with pytest.raises(TuningError, match=r"Step [2-5]: the loss or its gradient is not finite"):
        tune(replace(settings, rate=1e37, clip=0, schedule="constant"))
    assert not (settings.out / "pytorch_model.bin").exists()


def test_a_prefix_given_as_the_base(settings):
    with pytest.raises(ModelError, match="not a whole model"):
        tune(replace(settings, model=str(PREFIX)))
    assert not settings.out.exists()


def test_a_peft_prefix_starts_as_what_it_is(settings, tmp_path):
    from safetensors.torch import save_file

    base = open_model(ModelSource(model=str(BASE), prefix=str(PREFIX), device="cpu"))
    both = torch.stack([base.prefix.keys, base.prefix.values], dim=1).flatten(0, 1)
    flat = both.permute(2, 0, 1, 3).flatten(1).contiguous()
    (tmp_path / "peft").mkdir()
    said = {"peft_type": "PREFIX_TUNING", "num_virtual_tokens": len(flat)}
    (tmp_path / "peft" / "adapter_config.json").write_text(json.dumps(said))
    save_file({"prompt_embeddings": flat}, tmp_path / "peft" / "adapter_model.safetensors")
    known = require_model(BASE)
    config = base.model.config
    turned = trainable_weights(require_prefix(tmp_path / "peft", known), config)
    own = trainable_weights(require_prefix(PREFIX, known), config)
    torch.testing.assert_close(turned["embedding.weight"], own["embedding.weight"])


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"longest": 4000}, "The model takes 2048 tokens"),
        ({"length": 2047}, "The model takes 2048 tokens"),
    ],
)
def test_what_the_model_cannot_hold(settings, changes, fault):
    with pytest.raises(TuningError, match=fault):
        tune(replace(settings, **changes))
    assert not settings.out.exists()


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"steps": 0}, "--steps"),
        ({"rate": 0.0}, "--rate"),
        ({"dropout": 1.0}, "--dropout"),
        ({"clip": -1.0}, "--clip"),
        ({"schedule": "cosine"}, "--schedule"),
        ({"dtype": "float16"}, "--dtype"),
        ({"init": "somewhere"}, "--init"),
    ],
)
def test_a_setting_out_of_range_is_named(settings, changes, flag):
    with pytest.raises(TuningError, match=flag):
        replace(settings, **changes)


def test_the_order_goes_over_the_data_again_and_again():
    assert sample_order(3, 7, "file", 1) == [0, 1, 2, 0, 1, 2, 0]
    shuffled = sample_order(5, 23, "shuffled", 1)
    assert all(sorted(shuffled[at : at + 5]) == [0, 1, 2, 3, 4] for at in range(0, 20, 5))
    assert shuffled[:12] == sample_order(5, 12, "shuffled", 1)
    assert shuffled != sample_order(5, 23, "shuffled", 2)
