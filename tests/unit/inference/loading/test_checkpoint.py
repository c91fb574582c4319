"""Loading weights: both layouts, every broken file said plainly, one shard at a time."""

from __future__ import annotations

import json
import pickle
import shutil
import weakref

import pytest
import torch
from safetensors.torch import save_file

from inference import demo_model
from inference.loading import checkpoint, shards
from inference.loading.hub import fetch
from inference.loading.identify import require_model
from inference.requests import CheckpointError
from tests.support.checkpoint_folders import FIRST, INDEX, SECOND, edit_json, edit_shard

QKV = "transformer.encoder.layers.0.self_attention.query_key_value.weight"


def load_model(folder, **options):
    return checkpoint.load_model(require_model(folder), **options)


@pytest.fixture
def folder(pica, tmp_path):
    """A copy of a sharded ChatGLM2 checkpoint, to be spoilt."""
    return shutil.copytree(pica.model, tmp_path / "model")


def edit_index(folder, change):
    value = json.loads((folder / INDEX).read_text())
    change(value["weight_map"])
    (folder / INDEX).write_text(json.dumps(value))


def all_tensors(folder):
    merged = {}
    for name in (FIRST, SECOND):
        merged |= torch.load(folder / name, weights_only=True)
    return merged


def same_weights(one, other):
    ours, theirs = dict(one.named_parameters()), dict(other.named_parameters())
    assert ours.keys() == theirs.keys()
    return all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_every_parameter_is_filled_in_float32(folder):
    model = load_model(folder)
    assert not model.training
    for parameter in [*model.parameters(), *model.buffers()]:
        assert parameter.device.type == "cpu"
        assert parameter.dtype == torch.float32
        assert not parameter.requires_grad


def test_one_file_safetensors_and_shards_give_the_same(folder):
    sharded = load_model(folder)
    merged = all_tensors(folder)
    for name in (FIRST, SECOND, INDEX):
        (folder / name).unlink()
    torch.save(merged, folder / "pytorch_model.bin")
    assert same_weights(sharded, load_model(folder))
    torch.save(merged, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    assert same_weights(sharded, load_model(folder))
    (folder / "pytorch_model.bin").unlink()
    save_file({k: v.contiguous() for k, v in merged.items()}, folder / "model.safetensors")
    assert same_weights(sharded, load_model(folder))


def test_a_folder_that_transformers_saved_as_glm(folder, tmp_path):
    model = load_model(folder)
    model.save_pretrained(tmp_path / "glm", max_shard_size="300KB")
    shutil.copy(folder / "tokenizer.model", tmp_path / "glm")
    assert (tmp_path / "glm" / "model.safetensors.index.json").is_file()
    assert same_weights(model, load_model(tmp_path / "glm"))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_the_type_that_is_asked_for(folder, dtype):
    model = load_model(folder, dtype=dtype)
    assert {p.dtype for p in model.parameters()} == {getattr(torch, dtype)}


def test_a_prefix_stored_beside_the_weights_is_left_alone(folder):
    sound = load_model(folder)
    key = "transformer.prefix_encoder.embedding.weight"
    edit_shard(folder / SECOND, lambda held: held.update({key: torch.zeros(16, 192)}))
    edit_index(folder, lambda held: held.update({key: SECOND}))
    assert same_weights(sound, load_model(folder))


def test_progress_rises_to_the_size_of_all_files(folder):
    calls = []
    load_model(folder, progress=lambda done, total: calls.append((done, total)))
    total = sum((folder / name).stat().st_size for name in (FIRST, SECOND))
    assert calls[0] == (0, total)
    assert calls[-1] == (total, total)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert len(calls) > 20


def test_at_most_one_shard_is_held_beside_the_weights(folder, monkeypatch):
    held = weakref.WeakSet()
    most = []
    load = torch.load

    def watched(*args, **kwargs):
        tensors = load(*args, **kwargs)
        most.append(len({id(t) for t in held}))
        held.update(tensors.values())
        return tensors

    monkeypatch.setattr(shards.torch, "load", watched)
    model = load_model(folder)
    assert most == [0, 0], "a tensor of the first shard was still there when the second came"
    assert len(held) == 0
    for parameter in model.parameters():
        # No weight is a window on a shard's memory.
        assert parameter.untyped_storage().nbytes() == parameter.nbytes


def test_no_code_of_a_checkpoint_runs(folder):
    class Evil:
        def __reduce__(self):
            return (pytest.fail, ("code of the checkpoint was run",))

    torch.save({"x": Evil()}, folder / FIRST, pickle_module=pickle)
    with pytest.raises(CheckpointError, match="refused, as it could run code"):
        load_model(folder)


def cut(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def truncated(folder):
    cut(folder / SECOND, 0.7)


def emptied(folder):
    (folder / FIRST).write_bytes(b"")


def overwritten(folder):
    (folder / FIRST).write_bytes(b"<html>404</html>" * 999)


def index_names_a_missing_file(folder):
    (folder / SECOND).unlink()


def index_leads_outside(folder):
    edit_index(folder, lambda held: held.update({QKV: "../other.bin"}))


def index_is_broken(folder):
    (folder / INDEX).write_text("{")


def index_is_empty(folder):
    (folder / INDEX).write_text('{"weight_map": {}}')


def index_lacks_a_weight(folder):
    edit_index(folder, lambda held: held.pop(QKV))


def shard_lacks_a_weight(folder):
    edit_shard(folder / FIRST, lambda held: held.pop(QKV))


def both_lack_a_weight(folder):
    index_lacks_a_weight(folder)
    shard_lacks_a_weight(folder)


def index_knows_more(folder):
    edit_index(folder, lambda held: held.update({"transformer.adapter.weight": FIRST}))


def shard_holds_more(folder):
    edit_shard(folder / FIRST, lambda held: held.update({"transformer.adapter": torch.ones(2)}))


def mis_shaped(folder):
    edit_shard(folder / FIRST, lambda held: held.update({QKV: held[QKV][:-1].clone()}))


def int8_weights(folder):
    edit_shard(folder / FIRST, lambda held: held.update({QKV: held[QKV].to(torch.int8)}))


def more_layers_in_config(folder):
    edit_json(folder / "config.json", num_layers=4)


def no_config(folder):
    (folder / "config.json").unlink()


def config_is_a_list(folder):
    (folder / "config.json").write_text("[]")


def other_type(folder):
    edit_json(folder / "config.json", model_type="llama")


def first_chatglm(folder):
    edit_json(folder / "config.json", padded_vocab_size=None)


def field_missing(folder):
    edit_json(folder / "config.json", kv_channels=None)


def int4(folder):
    edit_json(folder / "config.json", quantization_bit=4)


def no_weights(folder):
    for name in (FIRST, SECOND, INDEX):
        (folder / name).unlink()


def not_by_name(folder):
    torch.save([torch.ones(1)], folder / FIRST)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (truncated, "00002-of-00002.bin is damaged or cut short"),
        (emptied, r"damaged or cut short \(0 bytes\). Download it again"),
        (overwritten, "is a web page"),
        (index_names_a_missing_file, "1 of 2 shards are missing.*00002-of-00002"),
        (index_leads_outside, "points outside its folder"),
        (index_is_broken, "unreadable"),
        (index_is_empty, "names no shards"),
        (shard_lacks_a_weight, "names .*query_key_value.*in none of them"),
        (both_lack_a_weight, "lacks 1 of the weights.*query_key_value"),
        (index_knows_more, "does not know 1 of the weights.*transformer.adapter"),
        (shard_holds_more, "does not know 1 of the weights.*transformer.adapter"),
        (mis_shaped, r"has shape \(127, 64\), config.json asks for \(128, 64\)"),
        (int8_weights, "int8; a quantised checkpoint is not supported"),
        (more_layers_in_config, "lacks 7 of the weights"),
        (no_config, "config.json is missing. Copy"),
        (config_is_a_list, "not a JSON object"),
        (other_type, "model_type 'llama' .*Use ChatGLM2"),
        (first_chatglm, "not ChatGLM2 but the first ChatGLM"),
        (field_missing, "kv_channels is missing"),
        (int4, "quantised.*Use the unquantised"),
        (no_weights, "holds no weights.*Copy all files"),
        (not_by_name, "no tensors by name"),
    ],
)
def test_a_broken_checkpoint_says_what_is_wrong_and_what_to_do(folder, spoil, says):
    spoil(folder)
    with pytest.raises(CheckpointError, match=says):
        load_model(folder)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_cut_safetensors(tmp_path, share):
    folder = shutil.copytree(demo_model.CHECKPOINT, tmp_path / "model")
    cut(folder / "model.safetensors", share)
    with pytest.raises(CheckpointError, match="damaged or cut short"):
        load_model(folder)


def test_an_unknown_type_and_device_are_named(folder, pica):
    from inference.loading.device_map import free_on

    with pytest.raises(CheckpointError, match="dtype 'int4' is unknown"):
        load_model(folder, dtype="int4")
    with pytest.raises(CheckpointError, match="device 'abacus' is unknown"):
        free_on("abacus")
    with pytest.raises(CheckpointError, match="not supported"):
        free_on("meta")


def test_a_name_that_is_neither_folder_nor_hub_name(tmp_path):
    with pytest.raises(CheckpointError, match=r"no folder.*Give a folder or a hub name"):
        fetch(str(tmp_path / "nothing" / "here"))


def test_the_plan_covers_every_parameter(folder):
    model = load_model(folder)
    plan = require_model(folder).layout.plan()
    targets = [target.name for planned in plan.values() for target in planned.targets]
    assert sorted(targets) == sorted(name for name, _ in model.named_parameters())


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_b8_a_weight_that_is_not_finite_is_named(folder, bad):
    edit_shard(folder / FIRST, lambda tensors: tensors[QKV][3].fill_(bad))
    with pytest.raises(CheckpointError, match=f"{QKV} holds numbers that are not finite"):
        load_model(folder)


def test_b8_a_weight_too_large_for_the_type_is_named(folder):
    def enlarge(tensors):
        tensors[QKV] = torch.full_like(tensors[QKV], 7e4, dtype=torch.float32)

    edit_shard(folder / FIRST, enlarge)
    with pytest.raises(CheckpointError, match=r"not finite in torch\.float16. Use another dtype"):
        load_model(folder, dtype="float16")


def test_b5_an_empty_weight_of_zero3_says_how_to_gather_it(folder):
    edit_shard(folder / FIRST, lambda tensors: tensors.update({QKV: torch.empty(0)}))
    with pytest.raises(CheckpointError, match=r"zero_to_fp32\.py"):
        load_model(folder)


def test_b5_a_mark_before_the_configuration_is_read_over(folder):
    path = folder / "config.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    load_model(folder)


def test_b5_the_own_folder_before_a_shards_name_is_read_over(folder):
    def prepend(weights):
        weights.update({name: f"./{file}" for name, file in weights.items()})

    edit_index(folder, prepend)
    load_model(folder)


@pytest.mark.parametrize("name", [FIRST, "model.safetensors"])
def test_b5_a_pointer_of_git_lfs_says_how_to_fetch_the_file(folder, name):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 99\n"
    if name not in {FIRST, SECOND}:
        no_weights(folder)
    (folder / name).write_text(pointer)
    with pytest.raises(CheckpointError, match="git lfs pull"):
        load_model(folder)
