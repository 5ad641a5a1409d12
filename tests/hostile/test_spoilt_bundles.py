"""A bundle of a real study in which one thing is wrong is refused, in one sentence."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from search_spaces import InputError
from study import load
from study.bundle.bundle import read_bundle
from study.bundle.networks import tensor_shapes


def change(bundle: Path, **values) -> None:
    path = bundle / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def change_member(bundle: Path, **values) -> None:
    plain = json.loads((bundle / "bundle.json").read_text())
    plain["members"][0] |= values
    change(bundle, members=plain["members"])


def first_file(bundle: Path) -> Path:
    return bundle / json.loads((bundle / "bundle.json").read_text())["members"][0]["file"]


def rewrite(bundle: Path, data: bytes) -> None:
    first_file(bundle).write_bytes(data)
    change_member(bundle, sha256=hashlib.sha256(data).hexdigest())


def network_first(bundle: Path) -> None:
    """Put a timm network first, so that its spec and file are the ones that are spoiled."""
    members = json.loads((bundle / "bundle.json").read_text())["members"]
    members.sort(key=lambda m: "band_svm" in m["name"])
    change(bundle, members=members)


def lacks_a_member(bundle: Path) -> None:
    first_file(bundle).unlink()


def has_another_hash(bundle: Path) -> None:
    path = first_file(bundle)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def climbs_out(bundle: Path) -> None:
    shutil.copy(first_file(bundle), bundle.parent / "outside.safetensors")
    change_member(bundle, file="../outside.safetensors")


def links_out(bundle: Path) -> None:
    path = first_file(bundle)
    outside = bundle.parent / "outside.safetensors"
    path.rename(outside)
    path.symlink_to(outside)


def huge_spec(**sections):
    def change_it(bundle: Path) -> None:
        plain = json.loads((bundle / "bundle.json").read_text())["members"][0]["spec"]
        change_member(bundle, spec=plain | sections)

    return change_it


def huge_header(bundle: Path) -> None:
    rewrite(bundle, struct.pack("<Q", 2**62) + b"{}")


def huge_tensor(bundle: Path) -> None:
    tensor = {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 4]}
    head = json.dumps({"front_end.mean": tensor}).encode()
    rewrite(bundle, struct.pack("<Q", len(head)) + head + b"0000")


def repeat(bundle: Path, n: int, make: Callable[[Path, Path], object], **sections) -> None:
    """Make a bundle of `n` members of the first one, each with a file that `make` makes of its."""
    first = json.loads((bundle / "bundle.json").read_text())["members"][0]
    members = []
    for i in range(n):
        name = f"m{i}.safetensors"
        make(bundle / first["file"], bundle / name)
        own = {"file": name, "weight": 1 / n, "candidate": i, "spec": first["spec"] | sections}
        members.append(first | own)
    change(bundle, members=members, rule=None)


def link(source: Path, target: Path) -> None:
    target.symlink_to(source.name)


WRONG = {
    "lacks a member": (lacks_a_member, "the member .* is missing"),
    "has another hash": (has_another_hash, "must have the SHA-256 of bundle.json"),
    "is of another format": (lambda b: change(b, format=2), "format must be 1 .* got 2"),
    "climbs out": (climbs_out, "must be a .safetensors of the bundle, got '../outside"),
    "links out": (links_out, "must not link out of the bundle"),
    "is one file by links": (lambda b: repeat(b, 1000, link), "members must have different files"),
    "is one file by hard links": (
        lambda b: repeat(b, 2, os.link),
        "members must have different files",
    ),
    "has huge filter banks together": (
        lambda b: repeat(
            b,
            17,
            shutil.copy,
            scale={"kind": "linear", "n_bands": 256},
            spectrogram={"hop_ms": 100.0, "n_fft": 65536},
            image={"height": 32, "width": 32},
        ),
        "the filter banks of all members must have at most",
    ),
    "is no JSON": (lambda b: (b / "bundle.json").write_text("{"), "cannot be read as JSON"),
    "is a list": (lambda b: (b / "bundle.json").write_text("[]"), "must hold a JSON object"),
    "has no description": (lambda b: (b / "bundle.json").unlink(), "is no bundle"),
    "has no members": (lambda b: change(b, members=[]), "members must be a list of 1 to"),
    "has no classes": (lambda b: change(b, classes=["a"]), "classes must be 2 to"),
    "lacks a key": (lambda b: change_member(b, spec=None), "is no description of a bundle"),
    "has an endless window": (lambda b: change(b, clip_seconds=1e9), r"clip_seconds must be in"),
    "has an absurd rate": (lambda b: change(b, sampling_rate=2**40), "sampling_rate must be"),
    "has a NaN weight": (lambda b: change_member(b, weight=float("nan")), "weights must be above"),
    "has a huge filter bank": (
        huge_spec(scale={"kind": "linear", "n_bands": 10**9}),
        "n_bands must be at most",
    ),
    "has a huge window": (
        huge_spec(channels={"kind": "mono", "window_ms": 1e12}),
        "a window must have at most",
    ),
    "has a huge network": (
        huge_spec(backbone={"kind": "vit_giant_patch14_224"}),
        "another network than",
    ),
    "names a hub": (huge_spec(backbone={"kind": "hf-hub:someone/evil"}), "unknown backbone"),
    "has a huge header": (huge_header, "is no safetensors file"),
    "claims a huge tensor": (huge_tensor, "claims the shape"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_bundle_is_refused_that(what, bundles, tmp_path):
    spoil, sentence = WRONG[what]
    bundle = tmp_path / "bundle"
    shutil.copytree(bundles["train+devel"], bundle)
    network_first(bundle)
    spoil(bundle)
    with pytest.raises(InputError, match=sentence) as caught:
        load(bundle, device="cpu")
    assert len(caught.value.problems) == 1
    assert "\n" not in caught.value.problems[0]


def test_the_weights_of_all_members_are_bounded_together(bundles, tmp_path, monkeypatch):
    bundle = shutil.copytree(bundles["train"], tmp_path / "b")
    sizes = [member.path.stat().st_size for member in read_bundle(bundle).members]
    monkeypatch.setattr("study.bundle.bundle.MAX_WEIGHTS", sum(sizes))
    read_bundle(bundle)
    repeat(bundle, 3, shutil.copy)
    most = 3 * (bundle / "m0.safetensors").stat().st_size - 1
    monkeypatch.setattr("study.bundle.bundle.MAX_WEIGHTS", most)
    with pytest.raises(InputError, match="the weights of all members must have at most"):
        read_bundle(bundle)


def test_a_header_of_weights_tells_the_shapes(bundles):
    member = read_bundle(bundles["train"]).members[0]
    assert tensor_shapes(member.path)["front_end.mean"] == (1, member.spec.scale.n_bands, 1)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 3e38])
def test_a_bundle_whose_weights_are_not_finite_or_overflow_predicts_nothing(
    bundles, tmp_path, value
):
    bundle = shutil.copytree(bundles["train"], tmp_path / "b")
    for member in read_bundle(bundle).members:
        tensors = load_file(member.path)
        tensors = {k: torch.full_like(t, value) if t.is_floating_point() else t
                   for k, t in tensors.items()}  # fmt: skip
        save_file(tensors, member.path)
        entries = json.loads((bundle / "bundle.json").read_text())["members"]
        for entry in entries:
            if entry["file"] == member.path.name:
                entry["sha256"] = hashlib.sha256(member.path.read_bytes()).hexdigest()
        change(bundle, members=entries)
    with pytest.raises(InputError, match="b: its networks must give finite probabilities, got NaN"):
        load(bundle, device="cpu").predict(np.ones((1, 8000)) / 9, 8000)
