"""What `spectune export` writes, what it replaces, and what it leaves alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from search_spaces import InputError
from study import load
from study.bundle.bundle import read_bundle
from study.bundle.export import export_bundle
from study.planning.plan import plan_study
from study.results import read_results
from support.finished_study import config_of, copy_study


def test_a_fusion_written_before_there_were_rules_still_becomes_a_bundle(refitted, tmp_path):
    folder = copy_study(refitted, tmp_path)
    path = folder / "ensemble" / "ensemble.json"
    plain = json.loads(path.read_text())
    for member in plain["members"]:
        del member["candidate"]
    path.write_text(json.dumps(plain | {"rule": None}))
    for protocol in ("train", "train+devel"):
        bundle = export_bundle(
            read_results(folder), tmp_path / protocol, protocol=protocol, plan=None, echo=str
        )
        assert load(bundle, device="cpu").predict(np.zeros(8000, np.float32), 8000).shape == (1, 2)


def test_an_export_does_not_write_over_something_else(refitted, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("x")
    options = {"protocol": "train", "plan": None, "echo": lambda text: None}
    with pytest.raises(InputError, match="is no bundle of this study"):
        export_bundle(read_results(refitted), tmp_path / "thesis", **options)
    assert (tmp_path / "thesis" / "thesis.tex").exists()
    bundle = export_bundle(read_results(refitted), tmp_path / "again", **options)
    (bundle / "README.md").write_text("of an earlier export")
    assert export_bundle(read_results(refitted), tmp_path / "again", **options) == bundle
    assert (bundle / "README.md").read_text().startswith("# ")
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize("name", ["mine.txt", "mine.pt2", "inner"])
def test_an_export_keeps_what_a_person_put_into_the_bundle(refitted, bundles, tmp_path, name):
    target = shutil.copytree(bundles["train"], tmp_path / "b")
    options = {"protocol": "train", "plan": lambda: None, "echo": lambda text: None}
    program = read_bundle(target).members[0].path.with_suffix(".pt2")
    program.write_text("of --torch-export")
    export_bundle(read_results(refitted), target, **options)
    assert not program.exists()
    (target / name).mkdir()
    with pytest.raises(InputError, match=f"but the bundle to be replaced, got {name}; nothing"):
        export_bundle(read_results(refitted), target, **options)
    assert (target / name).is_dir()
    (tmp_path / "link").symlink_to(target)
    for odd in (tmp_path / "link", Path()):
        with pytest.raises(InputError, match="must be a folder of its own"):
            export_bundle(read_results(refitted), odd, **options)


def test_an_export_trains_dropped_weights_again(refitted, bundles, synthetic, tmp_path):
    folder = copy_study(refitted, tmp_path / "base")
    results = read_results(folder)
    for member in results.ensemble.members:
        results.trial(member.trial).file("model.safetensors").unlink()
    again = export_bundle(
        results,
        tmp_path / "again",
        protocol="train",
        plan=lambda: plan_study(config_of(synthetic), base=tmp_path / "base"),
        echo=lambda text: None,
    )
    hashes = [
        [m["sha256"] for m in json.loads((b / "bundle.json").read_text())["members"]]
        for b in (again, bundles["train"])
    ]
    assert hashes[0] == hashes[1]
    assert "trained again, bit for bit" in (again / "README.md").read_text()


def test_the_readme_says_what_it_is_and_what_it_reached(bundles):
    text = (bundles["train+devel"] / "README.md").read_text()
    assert "trained on train and devel" in text
    assert "Simulated corpus" in text
    assert "apparent" in text
    assert "not scored" in text
    assert "chosen again without the clips that judge" in text  # the honest value
