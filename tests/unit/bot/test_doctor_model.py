"""`pica doctor` on models: what it calls good is what a start loads."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli.doctor.findings import Finding, Grade
from bot.cli.doctor.model import check_model
from bot.settings import Settings
from inference import InferenceWorker, ModelError, ModelSource
from tests.support.checkpoint_folders import (
    FIRST,
    INDEX,
    SECOND,
    edit_json,
    edit_shard,
    merge_shards,
    trim_tokenizer,
)

REFERENCE = Path(__file__).parents[2] / "data" / "reference" / "pica-layout"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(REFERENCE / "chatglm2-tiny", tmp_path / "model")


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    return shutil.copytree(REFERENCE / "pica-prefix-tiny", tmp_path / "prefix")


async def findings(model: Path | str, prefix: Path | str | None = None) -> list[Finding]:
    where = None if prefix is None else str(prefix)
    return await check_model(Settings(_env_file=None, model=str(model), prefix=where))


async def test_b6_sound_folders_are_good_and_counted_once(folder: Path, prefix: Path) -> None:
    shutil.copy(folder / FIRST, folder / "optimizer.bin")
    model, second = await findings(folder, prefix)
    assert (model.grade, second.grade) == (Grade.GOOD, Grade.GOOD)
    assert ": ChatGLM2 (0.0 GB)" in model.what
    assert "a P-Tuning v2 prefix of 16 tokens" in second.what
    assert len(await findings(folder)) == 2, "no prefix is a warning"


async def test_b6_a_home_folder_is_expanded(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert (await findings("~/model"))[0].grade is Grade.GOOD


async def test_b4_a_prefix_inside_is_named(folder: Path, prefix: Path) -> None:
    import torch

    held = torch.load(prefix / "pytorch_model.bin", weights_only=True)
    edit_shard(folder / SECOND, lambda tensors: tensors.update(held))
    model, inside = await findings(folder)
    assert "with a prefix of 16 tokens inside" in model.what
    assert inside == Finding("prefix", Grade.GOOD, "the one inside the model is used")


def no_layer(folder: Path) -> None:
    held = merge_shards(folder)
    import torch

    torch.save(dict(list(held.items())[:-1]), folder / "pytorch_model.bin")


BROKEN = {
    "no config": lambda folder: (folder / "config.json").unlink(),
    "no tokenizer": lambda folder: (folder / "tokenizer.model").unlink(),
    "another tokenizer": lambda folder: trim_tokenizer(folder / "tokenizer.model", 1000),
    "no shard": lambda folder: (folder / SECOND).unlink(),
    "no index": lambda folder: (folder / INDEX).unlink(),
    "a cut shard": lambda folder: (folder / FIRST).write_bytes(
        (folder / FIRST).read_bytes()[:9999]
    ),
    "an empty shard": lambda folder: (folder / FIRST).write_bytes(b""),
    "a pointer": lambda folder: (folder / FIRST).write_text("version https://git-lfs.github.com"),
    "more layers": lambda folder: edit_json(folder / "config.json", num_layers=4),
    "fewer layers": lambda folder: edit_json(folder / "config.json", num_layers=2),
    "another width": lambda folder: edit_json(folder / "config.json", ffn_hidden_size=96),
    "a missing weight": no_layer,
    "another family": lambda folder: edit_json(folder / "config.json", model_type="qwen2"),
    "the first ChatGLM": lambda folder: edit_json(folder / "config.json", padded_vocab_size=None),
    "4 bits": lambda folder: edit_json(folder / "config.json", quantization_bit=4),
    "text for a number": lambda folder: edit_json(folder / "config.json", hidden_size="64"),
    "config is a list": lambda folder: (folder / "config.json").write_text("[]"),
    "no folder": shutil.rmtree,
}


@pytest.mark.parametrize("name", BROKEN)
async def test_b6_the_doctor_and_a_start_agree(folder: Path, prefix: Path, name: str) -> None:
    BROKEN[name](folder)
    with pytest.raises(ModelError):
        await InferenceWorker.start(ModelSource(str(folder), str(prefix), device="cpu"))
    found = [each for each in await findings(folder, prefix) if each.name == "model"]
    assert found
    for each in found:
        assert each.grade is Grade.BAD
        assert each.to_do[0].isupper() and each.to_do.endswith(".")
        assert each.what


@pytest.mark.parametrize("change", [{"pre_seq_len": 128}, {"num_layers": 28}])
async def test_b6_a_prefix_that_does_not_fit_is_bad(
    folder: Path, prefix: Path, change: dict[str, int]
) -> None:
    edit_json(prefix / "config.json", **change)
    assert (await findings(folder, prefix))[1].grade is Grade.BAD
    with pytest.raises(ModelError):
        await InferenceWorker.start(ModelSource(str(folder), str(prefix), device="cpu"))


async def test_b6_folders_that_are_exchanged(folder: Path, prefix: Path) -> None:
    model, second = await findings(prefix, folder)
    assert "not a whole model" in model.what
    assert "without a prefix" in second.what


LOOK = """
import asyncio
from bot.cli.doctor.model import check_model
from bot.settings import Settings
found = asyncio.run(check_model(Settings(_env_file=None, model="owner/model")))
print(found[0].grade, found[0].what, found[0].to_do)
"""


def test_b6_what_the_hubs_cache_lacks_is_fetched_by_a_start(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "cache" / "models--owner--model"
    shutil.move(folder, kept / "snapshots" / "0123abcd")
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("0123abcd")

    def said() -> str:
        root = str(Path(__file__).parents[3])
        settings = {"HF_HUB_CACHE": str(kept.parent), "HF_HUB_OFFLINE": "1", "PYTHONPATH": root}
        done = subprocess.run(
            [sys.executable, "-c", LOOK],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)} | settings,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    assert said().startswith("good ")
    (kept / "snapshots" / "0123abcd" / SECOND).unlink()
    assert said().startswith("warning 1 of 2 shards are missing")
    assert "The next start asks the hub" in said()


async def test_b6_a_path_that_cannot_be_looked_at(tmp_path: Path) -> None:
    (found, _) = await findings(tmp_path / ("m" * 5000))
    assert found.grade is Grade.BAD
    assert "File name too long" in found.what
