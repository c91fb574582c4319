"""What a folder is: each kind said by name, with what to do, before anything is loaded."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

from inference import demo_model
from inference.loading.identify import (
    identify,
    model_faults,
    require_model,
    require_prefix,
)
from inference.loading.identity import Kind
from inference.loading.tokenizer import ChatTokenizer
from inference.requests import CheckpointError, PrefixError
from tests.support.checkpoint_folders import (
    FIRST,
    INDEX,
    SECOND,
    edit_json,
    edit_shard,
    merge_shards,
    trim_tokenizer,
)

EMBEDDING = "transformer.prefix_encoder.embedding.weight"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 99\n"


@pytest.fixture
def folder(pica, tmp_path):
    """A copy of a sharded ChatGLM2 checkpoint, to be changed."""
    return shutil.copytree(pica.model, tmp_path / "model")


@pytest.fixture
def prefix(pica, tmp_path):
    return shutil.copytree(pica.prefix, tmp_path / "prefix")


def put_prefix_inside(folder, prefix):
    held = torch.load(prefix / "pytorch_model.bin", weights_only=True)
    edit_shard(folder / SECOND, lambda tensors: tensors.update(held))


def test_sound_folders_are_named(folder, prefix):
    assert identify(folder).name == "ChatGLM2"
    assert identify(prefix).name == "a P-Tuning v2 prefix of 16 tokens"
    assert identify(demo_model.CHECKPOINT).faults == ()
    put_prefix_inside(folder, prefix)
    assert identify(folder).name == "ChatGLM2 with a prefix of 16 tokens inside"
    edit_json(folder / "config.json", rope_ratio=16)
    assert identify(folder).name.startswith("ChatGLM2 for long texts (rope_ratio 16)")


def test_nothing_heavy_is_imported():
    code = (
        "import sys; from pathlib import Path; from inference.loading.identify import identify\n"
        f"assert not identify(Path({str(demo_model.CHECKPOINT)!r})).faults\n"
        "assert not {'torch', 'transformers', 'safetensors'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# Folders that a start refuses: (how to make one, what is said).


def adapter(folder, prefix):
    for path in folder.iterdir():
        path.unlink()
    settings = {"peft_type": "LORA", "base_model_name_or_path": "THUDM/chatglm2-6b"}
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    name = "base_model.model.transformer.encoder.layers.0.mlp.lora_A.weight"
    save_file({name: torch.ones(2, 2)}, folder / "adapter_model.safetensors")


def adapter_beside_a_base(folder, prefix):
    (folder / "adapter_config.json").write_text('{"peft_type": "IA3"}')
    save_file({"x": torch.ones(2)}, folder / "adapter_model.safetensors")


def unmerged_adapter(folder, prefix):
    name = "transformer.encoder.layers.0.self_attention.query_key_value.lora_A.weight"
    edit_shard(folder / FIRST, lambda held: held.update({name: torch.ones(2, 2)}))


def prefix_as_model(folder, prefix):
    shutil.rmtree(folder)
    shutil.copytree(prefix, folder)


def training_output(folder, prefix):
    shutil.rmtree(folder)
    for step in (500, 1000, 1500):
        shutil.copytree(prefix, folder / f"checkpoint-{step}")
    (folder / "trainer_state.json").write_text("{}")


def training_output_with_config(folder, prefix):
    training_output(folder, prefix)
    shutil.copy(prefix / "config.json", folder)


def parent(folder, prefix):
    shutil.copytree(folder, folder / "inner" / "chatglm2-6b")
    for path in [*folder.iterdir()]:
        if path.is_file():
            path.unlink()


def hub_root(folder, prefix):
    inner = folder / "snapshots" / "b1502f4f75c71499a3d566b14463edd62620ce9f"
    shutil.copytree(folder, inner)
    for path in [*folder.iterdir()]:
        if path.is_file():
            path.unlink()
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(inner.name)


def pointer(name):
    return lambda folder, prefix: (folder / name).write_text(POINTER)


def web_page(name):
    return lambda folder, prefix: (folder / name).write_text("<!DOCTYPE html><html>401</html>")


def config(**changes):
    return lambda folder, prefix: edit_json(folder / "config.json", **changes)


def only(name):
    def change(folder, prefix):
        for path in folder.glob("pytorch_model*"):
            path.unlink()
        (folder / name).write_bytes(b"x" * 99)

    return change


def without(*names):
    return lambda folder, prefix: [(folder / name).unlink() for name in names]


def wrapped(folder, prefix):
    merged = merge_shards(folder)
    torch.save({f"module.{k}": v for k, v in merged.items()}, folder / "pytorch_model.bin")


def nested(folder, prefix):
    merged = merge_shards(folder)
    torch.save({"epoch": 3, "state_dict": merged}, folder / "pytorch_model.bin")


def nested_in_module(folder, prefix):
    torch.save({"module": merge_shards(folder)}, folder / "pytorch_model.bin")


def quantised_names(folder, prefix):
    name = "transformer.encoder.layers.0.mlp.dense_h_to_4h.weight_scale"
    edit_shard(folder / FIRST, lambda held: held.update({name: torch.ones(8)}))


def no_index(folder, prefix):
    (folder / INDEX).unlink()


def small_tokenizer(folder, prefix):
    trim_tokenizer(folder / "tokenizer.model", 1000)


def large_tokenizer(folder, prefix):
    shutil.copy(demo_model.CHECKPOINT / "tokenizer.model", folder)


REFUSED = [
    # B5: advice that led astray
    (adapter, r"PEFT adapter of type LORA.*Merge it into THUDM/chatglm2-6b with `merge_and"),
    (adapter_beside_a_base, "PEFT adapter of type IA3"),
    (unmerged_adapter, "LoRA adapter that is not merged.*merge_and_unload"),
    (prefix_as_model, r"a P-Tuning v2 prefix of 16 tokens, not a whole model.*THUDM/chatglm2-6b"),
    (training_output, r"output of a training run.*such as the last, .*checkpoint-1500\."),
    (training_output_with_config, r"output of a training run.*checkpoint-1500\."),
    (parent, r"holds no checkpoint itself\. Give the folder .*inner/chatglm2-6b\."),
    (hub_root, r"hub's own folder.*snapshots/b1502f4f75c71499a3d566b14463edd62620ce9f"),
    (pointer("config.json"), r"config\.json is a Git LFS pointer.*git lfs pull"),
    (pointer(SECOND), "00002-of-00002.bin is a Git LFS pointer.*git lfs pull"),
    (pointer("tokenizer.model"), r"tokenizer\.model is a Git LFS pointer.*git lfs pull"),
    (pointer(INDEX), r"index\.json is a Git LFS pointer"),
    (web_page("config.json"), "is a web page"),
    (web_page("tokenizer.model"), "is a web page"),
    (web_page(FIRST), "is a web page"),
    (wrapped, "begin with 'module.', as a wrapper of training"),
    (nested, "holds its weights under 'state_dict'.*Save that part alone"),
    (nested_in_module, "holds its weights under 'module'"),
    (no_index, "and no index of them. Copy pytorch_model.bin.index.json"),
    (only("ggml-model-q4_0.gguf"), r"weights for llama\.cpp"),
    (only("chatglm2-ggml-model.bin"), r"weights for chatglm\.cpp"),
    (only("model.onnx"), "ONNX"),
    (only("weights.npz"), "MLX"),
    (only("pytorch_model.bin.incomplete"), "a download that has not ended"),
    (only("model.safetensors.aria2"), "a download that has not ended"),
    # B1: other models
    (config(original_rope=False), "original_rope is False"),
    (config(interleaved_qkv=True), "interleaved_qkv is True"),
    (config(model_type="qwen2", architectures=["Qwen2ForCausalLM"]), "another family.*Qwen2"),
    (config(model_type="llama", architectures=None), "another family.*'llama'"),
    (config(model_type=None), "another family.*None"),
    (config(padded_vocab_size=None, vocab_size=130528), "the first ChatGLM"),
    (config(padded_vocab_size=151552), "GLM-4 in ChatGLM's layout.*GLM-4-9B-0414"),
    (config(_name_or_path="THUDM/codegeex2-6b"), "CodeGeeX"),
    (config(vision_config={"hidden_size": 1}), "sees pictures"),
    (config(architectures=["ChatGLMForSequenceClassification"]), "sorts texts"),
    (config(quantization_bit=4), "is quantised"),
    (config(quantization_config={"quant_method": "gptq"}), "is quantised"),
    (config(quantization={"bits": 4, "group_size": 64}), "is quantised"),
    (quantised_names, "is quantised.*weight_scale"),
    (config(num_layers="three"), "num_layers is 'three', not a number"),
    (config(num_layers=10**9), "layers are not a model"),
    (config(multi_query_group_num=3), "cannot share 3 groups"),
    (config(kv_channels=0), "kv_channels is 0"),
    (config(rope_ratio=-1), "rope_ratio is -1"),
    # B3: another model's tokenizer, or none
    (small_tokenizer, "1000 pieces, which need 1005 rows; the model has 4032.*another model"),
    (large_tokenizer, "8000 pieces, which need 8005 rows; the model has 4032"),
    (without("tokenizer.model"), r"tokenizer\.model is missing\. Copy"),
    (without("tokenizer.model", SECOND), "shards are missing.*tokenizer.model is missing"),
    (without("config.json"), r"config\.json is missing"),
]


@pytest.mark.parametrize(("make", "says"), REFUSED)
def test_b1_b3_b5_a_folder_that_cannot_be_served_is_named(folder, prefix, make, says):
    make(folder, prefix)
    with pytest.raises(CheckpointError, match=says):
        require_model(folder)
    faults = model_faults(identify(folder))
    assert all(fault.endswith((".", "`")) for fault in faults)


def test_b5_a_file_in_place_of_a_folder(folder, tmp_path):
    assert "is a file. Give the folder" in identify(folder / FIRST).faults[0]
    (tmp_path / "chatglm2.tar").write_bytes(b"")
    assert "is an archive. Unpack it" in identify(tmp_path / "chatglm2.tar").faults[0]


def test_b5_a_form_that_is_not_complete_hides_no_other(folder):
    index = {"weight_map": {"transformer.encoder.x": "model-00001-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert identify(folder).faults == ()
    (folder / "model.safetensors").write_text(POINTER)
    assert identify(folder).faults == ()


def test_b5_a_second_copy_of_the_output_layer_is_passed_over(folder):
    edit_shard(folder / SECOND, lambda held: held.update({"lm_head.weight": torch.ones(4032, 64)}))
    assert identify(folder).faults == ()


# B4: a prefix, its own configuration and the model are compared with each other.


def spoilt(change):
    def make(prefix):
        held = torch.load(prefix / "pytorch_model.bin", weights_only=True)
        change(held)
        torch.save(held, prefix / "pytorch_model.bin")

    return make


def says(**changes):
    return lambda prefix: edit_json(prefix / "config.json", **changes)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (says(pre_seq_len=128), "says pre_seq_len 128, its weights hold 16"),
        (says(prefix_projection=True), "prefix_projection True, its weights hold none"),
        (says(num_layers=28), "made for another model.*num_layers 28, the model's says 3"),
        (says(hidden_size=4096), "hidden_size 4096, the model's says 64"),
        (says(multi_query_group_num=4), "multi_query_group_num 4, the model's says 2"),
        (says(model_type="qwen2"), "model_type qwen2, the model's says chatglm"),
        (says(rope_ratio=16), None),
        (says(_name_or_path="THUDM/chatglm3-6b"), "trained on THUDM/chatglm3-6b, and .*ChatGLM2"),
        (says(_name_or_path="THUDM/chatglm-6b"), "trained on THUDM/chatglm-6b"),
        (says(_name_or_path="/data/my-model"), None),
        (spoilt(lambda held: held.update({EMBEDDING: torch.ones(16, 100)})), "has 100 numbers"),
        (spoilt(lambda held: held.update({EMBEDDING: torch.ones(0, 192)})), "zero_to_fp32"),
        (spoilt(lambda held: held.update({EMBEDDING: torch.ones(9)})), "of two dimensions"),
        (lambda prefix: (prefix / "pytorch_model.bin").write_text(POINTER), "git lfs pull"),
        (lambda prefix: (prefix / "config.json").unlink(), None),
    ],
)
def test_b4_a_prefix_is_compared_with_the_model(folder, prefix, make, said):
    make(prefix)
    if said is None:
        require_prefix(prefix, require_model(folder))
        return
    with pytest.raises(PrefixError, match=said):
        require_prefix(prefix, require_model(folder))


def test_b4_a_projected_prefix_without_its_projection(pica, tmp_path):
    projected = pica.folder.parent / "projected-prefix"
    model = require_model(projected / "chatglm2-tiny")
    prefix = shutil.copytree(projected / "pica-prefix-tiny", tmp_path / "prefix")
    require_prefix(prefix, model)
    edit_json(prefix / "config.json", prefix_projection=False)
    with pytest.raises(PrefixError, match="prefix_projection False, its weights hold one"):
        require_prefix(prefix, model)
    edit_json(prefix / "config.json", prefix_projection=True)
    spoilt(lambda held: [held.pop(name) for name in [*held] if ".trans." in name])(prefix)
    with pytest.raises(PrefixError, match="prefix_projection True, its weights hold none"):
        require_prefix(prefix, model)


def test_b4_an_adapter_whose_settings_contradict_it(folder, tmp_path):
    peft = tmp_path / "peft"
    peft.mkdir()
    save_file({"prompt_embeddings": torch.ones(4, 192)}, peft / "adapter_model.safetensors")
    for changes, said in (
        ({"num_virtual_tokens": 4}, None),
        ({"num_virtual_tokens": 8}, "num_virtual_tokens 8, its weights hold 4"),
        ({"base_model_name_or_path": "zai-org/chatglm3-6b"}, "trained on zai-org/chatglm3-6b"),
    ):
        (peft / "adapter_config.json").write_text(
            json.dumps({"peft_type": "PREFIX_TUNING", **changes})
        )
        if said is None:
            known = require_prefix(peft, require_model(folder))
            assert known.kind is Kind.PEFT_PREFIX
        else:
            with pytest.raises(PrefixError, match=said):
                require_prefix(peft, require_model(folder))


def test_b4_a_whole_model_is_not_a_prefix(folder):
    with pytest.raises(PrefixError, match="is ChatGLM2 without a prefix"):
        require_prefix(folder, require_model(folder))


def test_a_tokenizer_is_padded_to_a_round_number_of_rows(folder):
    """As with ChatGLM2-6B: 64,789 pieces, five ids more, 65,024 rows."""
    trim_tokenizer(folder / "tokenizer.model", 3800)
    assert ChatTokenizer.from_folder(folder).size == 3800
    assert identify(folder).faults == ()
