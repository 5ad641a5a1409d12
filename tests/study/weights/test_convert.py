"""Files of foreign weights: read without running code, and the same network afterwards."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from search_spaces.backbones.backbones import Timm
from search_spaces.grammar.errors import InputError
from study.cli import app
from study.files import file_sha256
from study.planning.pretrained import resolve_weights
from study.weights.convert import about_weights, convert_weights
from study.weights.tensors import read_tensors
from support.fake_package import foreign


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


def converted(tmp_path: Path, content, name: str = "theirs.pth", **options) -> Path:
    torch.save(content, tmp_path / name)
    convert_weights(tmp_path / name, "test_resnet", tmp_path / "w.safetensors", **options)
    return tmp_path / "w.safetensors"


def logits_of(path: Path) -> torch.Tensor:
    network = timm.create_model(
        "test_resnet", pretrained=True, num_classes=1000, pretrained_cfg_overlay={"file": str(path)}
    )
    with torch.no_grad():
        return network.eval()(images())


def images() -> torch.Tensor:
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"epoch": 3, "state_dict": s}])
def test_foreign_names_give_the_logits_of_their_own_network(tmp_path, wrap, legacy):
    network, state = foreign(num_classes=1000)
    torch.save(wrap(state), tmp_path / "theirs.pth", _use_new_zipfile_serialization=not legacy)
    said = convert_weights(tmp_path / "theirs.pth", "test_resnet", tmp_path / "w.safetensors")
    with torch.no_grad():
        wanted = network(images())
    assert torch.equal(logits_of(tmp_path / "w.safetensors"), wanted)
    assert said["key_map"]["conv1.0.weight"] == "_part0.weight"
    assert said["sha256"] == file_sha256(tmp_path / "theirs.pth")


def test_the_file_says_where_it_comes_from_and_its_bytes_are_the_same_again(tmp_path):
    first = converted(tmp_path, foreign()[1]).read_bytes()
    path = converted(tmp_path, foreign()[1])
    assert path.read_bytes() == first
    said = about_weights(path)
    assert said["source"] == "theirs.pth"
    assert said["backbone"] == "test_resnet"
    assert "matched by order and shape" in said["matched"]
    assert set(said["key_map"]) == set(load_file(path))
    assert not any(name.endswith("num_batches_tracked") for name in said["key_map"])


def test_what_is_converted_twice_keeps_its_licence(tmp_path):
    path = converted(tmp_path, foreign()[1], about={"licence": "MIT"})
    convert_weights(path, "test_resnet", tmp_path / "again.safetensors")
    assert about_weights(tmp_path / "again.safetensors")["licence"] == "MIT"


@pytest.mark.parametrize(
    "header",
    [{}, {"spectune": "["}, {"spectune": "[1]"}, {"spectune": '{"key_map": {"a": "b"}}'}],
)
def test_files_of_another_origin_say_nothing(tmp_path, header):
    save_file({"a": torch.zeros(1)}, tmp_path / "w.safetensors", metadata=header)
    assert about_weights(tmp_path / "w.safetensors") == {}
    assert about_weights(tmp_path / "none.safetensors") == {}


def test_half_precision_becomes_whole_and_a_network_is_begun_from_it(tmp_path):
    _, state = foreign(num_classes=7)
    path = converted(tmp_path, {name: tensor.half() for name, tensor in state.items()})
    assert {tensor.dtype for tensor in load_file(path).values()} == {torch.float32}
    backbone = Timm("test_resnet", pretrained=str(path))
    (weights,) = resolve_weights([backbone], folder=tmp_path).values()
    assert weights.source.startswith("file w.safetensors, converted from theirs.pth (SHA-256 ")
    assert weights.sha256 == file_sha256(path)
    assert weights.key_map == about_weights(path)["key_map"]
    made = backbone.make(in_chans=1, n_classes=2, size=(64, 64), weights=path)
    summed = state["_part0.weight"].half().float().sum(1, keepdim=True)
    assert torch.allclose(made.state_dict()["conv1.0.weight"], summed)


def test_a_pickle_that_runs_code_is_refused_and_runs_none(tmp_path):
    _, state = foreign()
    for content in (Bomb(tmp_path / "pwned"), state | {"x": Bomb(tmp_path / "pwned")}):
        with pytest.raises(InputError, match="cannot be read as weights without running code"):
            converted(tmp_path, content)
    assert not (tmp_path / "pwned").exists()
    assert not (tmp_path / "w.safetensors").exists()
    (tmp_path / "bare.pth").write_bytes(b"\x80\x02no weights")
    with pytest.raises(InputError, match="cannot be read as weights"):
        read_tensors(tmp_path / "bare.pth")


def test_an_archive_whose_parts_are_compressed_is_refused(tmp_path):
    torch.save(foreign()[1], tmp_path / "theirs.pth")
    with (
        zipfile.ZipFile(tmp_path / "theirs.pth") as given,
        zipfile.ZipFile(tmp_path / "packed.pth", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for one in given.infolist():
            packed.writestr(one.filename, given.read(one))
    with pytest.raises(InputError, match="must be stored, not compressed"):
        read_tensors(tmp_path / "packed.pth")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda s: s | {"_part1.weight": torch.full_like(s["_part1.weight"], torch.nan)},
            "_part1.weight must have finite values",
        ),
        (
            lambda s: s | {"_part0.weight": torch.zeros(1).expand(10**12, 1)},
            "its tensor 1 is _part0.weight of shape 1000000000000 x 1",
        ),
        (
            lambda s: s | {"_part0.weight": s["_part0.weight"].to_sparse()},
            "one mapping of names to tensors; it holds none",
        ),
        *(
            (
                lambda s, kind=kind: s | {"_part0.weight": s["_part0.weight"].to(kind)},
                f"_part0.weight must have floating-point values, got {str(kind)[6:]}",
            )
            for kind in (torch.int8, torch.bool, torch.complex64)
        ),
        (lambda s: {"state_dict": s, "state_dict_ema": s}, "it holds state_dict, state_dict_ema"),
        (lambda s: list(s.values()), "it holds none"),
        (lambda s: {}, "it holds none"),
    ],
)
def test_what_is_no_network_of_that_name_is_refused(tmp_path, change, sentence):
    with pytest.raises(InputError, match=sentence):
        converted(tmp_path, change(foreign()[1]))
    assert not (tmp_path / "w.safetensors").exists()


def test_a_part_is_chosen_by_its_name(tmp_path):
    _, state = foreign()
    both = {"state_dict": state, "state_dict_ema": {n: 2 * t for n, t in state.items()}}
    path = converted(tmp_path, both, part="state_dict_ema")
    assert torch.equal(load_file(path)["conv1.0.weight"], 2 * state["_part0.weight"])
    with pytest.raises(InputError, match="no mapping of names to tensors called 'ema'"):
        converted(tmp_path, both, part="ema")


def test_the_command_converts_and_says_a_mistake_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(foreign()[1], "theirs.pth")

    def run(*words):
        return CliRunner().invoke(app, ["weights", "convert", *words])

    done = run("theirs.pth", "--backbone", "test_resnet", "-o", "w.safetensors")
    assert done.exit_code == 0, done.output
    assert done.output.startswith("w.safetensors: theirs.pth, licence unknown; SHA-256 ")
    for words, sentence in [
        (("theirs.pth", "--backbone", "test_resnet", "-o", "w.pth"), "must end in .safetensors"),
        (("none.pth", "--backbone", "test_resnet", "-o", "x.safetensors"), "is no file, and no"),
        (("theirs.pth", "--backbone", "test_vit", "-o", "x.safetensors"), "no weights of test_vit"),
        (("theirs.pth", "--backbone", "tset_vit", "-o", "x.safetensors"), "did you mean test_vit"),
        (("theirs.pth", "--backbone", "band_svm", "-o", "x.safetensors"), "no weights to convert"),
        (("w.safetensors", "--backbone", "test_resnet", "-o", "w.safetensors"), "another file"),
    ]:
        failed = run(*words)
        assert isinstance(failed.exception, InputError), words
        assert sentence in str(failed.exception)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["theirs.pth", "w.safetensors"]
    assert json.dumps(about_weights(tmp_path / "w.safetensors"))
