"""Damaged arrays, ledgers and bundles: told in a sentence, before memory is taken."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest

from search_spaces.grammar.errors import InputError
from search_spaces.spec import TrialSpec
from study.bundle.bundle import MAX_JSON, read_bundle
from study.bundle.networks import tensor_shapes
from study.challenge.submission import read_ledger
from study.results.probabilities import load_devel, load_test
from support.hostile import TEXTS, sentence, spoilt

pytestmark = pytest.mark.timeout(120)


ENTRY = {
    "n": 1,
    "file": "c.test.team_1.csv",
    "sha256": "0" * 64,
    "protocol": "train",
    "predicted": {"mask": 3},
}
LEDGER = {"format": 1, "tries": 5, "entries": [ENTRY]}


@pytest.mark.parametrize("text", TEXTS)
def test_a_damaged_ledger_is_never_taken_for_an_empty_one(tmp_path: Path, text: str):
    (tmp_path / "ledger.json").write_text(text)
    with pytest.raises(InputError, match=r"ledger\.json"):
        read_ledger(tmp_path)


@pytest.mark.parametrize(
    "values", [{"n": 0}, {"n": -5}, {"n": True}, {"file": "../l.csv"}, {"predicted": None}]
)
def test_a_try_of_the_ledger_is_counted_from_1_and_its_file_lies_beside_it(tmp_path: Path, values):
    (tmp_path / "ledger.json").write_text(json.dumps(LEDGER))
    assert read_ledger(tmp_path) == LEDGER
    (tmp_path / "ledger.json").write_text(json.dumps({**LEDGER, "entries": [ENTRY | values]}))
    with pytest.raises(InputError, match="ledger of tries cannot be read"):
        read_ledger(tmp_path)


def test_any_wrong_value_in_the_ledger_is_told_or_does_no_harm(tmp_path: Path):
    for what, content in spoilt(LEDGER):
        (tmp_path / "ledger.json").write_text(json.dumps(content))
        try:
            assert len(read_ledger(tmp_path)["entries"]) <= 1, what
        except InputError as error:
            sentence(error)


GOOD = np.full((2, 3, 2), 0.5, np.float16)
ARRAYS = {
    "another type": GOOD.astype(np.int16),
    "doubles": GOOD.astype(np.float64),
    "complex numbers": GOOD.astype(np.complex64),
    "text": np.full((2, 3, 2), "0.5"),
    "fewer axes": GOOD[0],
    "more clips": np.concatenate([GOOD, GOOD], 1),
    "more classes": np.concatenate([GOOD, GOOD], 2),
    "no epochs": GOOD[:0],
    "NaN": GOOD * np.float16(np.nan),
    "negative": -GOOD,
    "above 1": GOOD * np.float16(3),
    "sums of 0.2": GOOD * np.float16(0.2),
}


@pytest.mark.parametrize("what", ARRAYS)
def test_probabilities_of_another_kind_are_told(tmp_path: Path, what: str):
    np.save(tmp_path / "devel.npy", ARRAYS[what])
    with pytest.raises(InputError) as refused:
        load_devel(tmp_path / "devel.npy", clips=3, classes=2)
    assert "devel.npy" in sentence(refused.value)


@pytest.mark.parametrize("n", [0, 1, 5, 6, 10, 60, 127, 128, 130, 151])
def test_probabilities_cut_short_are_told(tmp_path: Path, n: int):
    np.save(tmp_path / "whole.npy", GOOD)
    data = (tmp_path / "whole.npy").read_bytes()
    assert len(data) == 152
    (tmp_path / "cut.npy").write_bytes(data[:n])
    for load in (load_devel, load_test):
        with pytest.raises(InputError, match=r"cut\.npy"):
            load(tmp_path / "cut.npy", clips=3, classes=2)


def test_a_header_of_an_array_that_claims_terabytes_costs_none(tmp_path: Path):
    np.save(tmp_path / "x.npy", GOOD)
    data = (tmp_path / "x.npy").read_bytes()
    head = b"'shape': (2, 3, 2), }"
    huge = b"'shape': (99999999999, 3, 2), }"
    data = data.replace(head + b" " * (len(huge) - len(head)), huge)
    assert huge in data
    (tmp_path / "x.npy").write_bytes(data)
    with pytest.raises(InputError, match=r"x\.npy"):
        load_devel(tmp_path / "x.npy", clips=3, classes=2)


WEIGHTS = bytes(64)


def write_bundle(folder: Path) -> dict:
    (folder / "00003.safetensors").write_bytes(WEIGHTS)
    member = {
        "file": "00003.safetensors",
        "sha256": hashlib.sha256(WEIGHTS).hexdigest(),
        "weight": 1.0,
        "spec": TrialSpec().to_dict(),
        "name": "linear resnet18",
        "trial": 3,
    }
    plain = {
        "format": 1,
        "name": "s",
        "protocol": "train",
        "classes": ["a", "b"],
        "sampling_rate": 16000,
        "clip_seconds": 1.0,
        "pad": "zero",
        "members": [member],
    }
    (folder / "bundle.json").write_text(json.dumps(plain))
    return plain


def test_any_wrong_value_in_a_bundle_is_told_or_does_no_harm(tmp_path: Path):
    plain = write_bundle(tmp_path)
    refused = 0
    for what, content in spoilt(plain):
        (tmp_path / "bundle.json").write_text(json.dumps(content))
        try:
            bundle = read_bundle(tmp_path)
        except InputError as error:
            told = sentence(error)
            refused += "bundle.json" in told or "00003" in told
        except Exception as error:
            pytest.fail(f"{what}: {error!r}")
        else:
            assert [m.path.parent for m in bundle.members] == [tmp_path], what
            assert all(math.isfinite(m.weight) for m in bundle.members), what
            assert all(isinstance(name, str) for name in bundle.classes), what
    assert refused > 300


FILES = [
    "../00003.safetensors", "/etc/passwd", "a/00003.safetensors", "a\\00003.safetensors", "..",
    ".safetensors", "x.bin", "x.safetensors\0", "x\n.safetensors", "~/x.safetensors",
    "C:x.safetensors", "x" * 200 + ".safetensors", "00003.safetensors/", "-x.safetensors",
]  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_member_may_only_be_a_file_of_the_bundle(tmp_path: Path, name: str):
    plain = write_bundle(tmp_path)
    plain["members"][0]["file"] = name
    (tmp_path / "bundle.json").write_text(json.dumps(plain))
    with pytest.raises(InputError, match=r"file must be a \.safetensors of the bundle"):
        read_bundle(tmp_path)


@pytest.mark.parametrize("text", [*TEXTS, " " * (MAX_JSON + 1)])
def test_a_description_that_is_none_is_told(tmp_path: Path, text: str):
    write_bundle(tmp_path)
    (tmp_path / "bundle.json").write_text(text)
    with pytest.raises(InputError, match=r"bundle\.json"):
        read_bundle(tmp_path)


def header(shape: list[int], offsets: list[int], dtype: str = "F32") -> bytes:
    return json.dumps({"w": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}).encode()


HEADERS = {
    "nothing": b"",
    "seven bytes": bytes(7),
    "a length alone": (100).to_bytes(8, "little"),
    "a length of 2^63": (2**63).to_bytes(8, "little") + b"{}",
    "a length of 2^64 - 1": b"\xff" * 8 + b"{}",
    "a length of nothing": bytes(8),
    "no JSON": (4).to_bytes(8, "little") + b"abcd",
    "a list": (2).to_bytes(8, "little") + b"[]",
    "brackets": (50_000).to_bytes(8, "little") + b"[" * 50_000,
    "a tensor of text": (7).to_bytes(8, "little") + b'{"w":3}',
    "a pickle": b"\x80\x04\x95" + bytes(100),
    "a zip": b"PK\x03\x04" + bytes(100),
}
CLAIMS = {
    "terabytes": ([10**6, 10**6], [0, 4 * 10**12]),
    "more than there is": ([4], [0, 16]),
    "a negative size": ([-1], [0, -4]),
    "a negative offset": ([1], [-4, 0]),
    "offsets the wrong way": ([1], [4, 0]),
    "fractions": ([0.5], [0, 2]),
    "an overflow": ([2**62, 8], [0, 0]),
}


@pytest.mark.parametrize("what", [*HEADERS, *CLAIMS, "an unknown type"])
def test_weights_whose_header_lies_are_told_before_memory_is_taken(tmp_path: Path, what: str):
    data = HEADERS.get(what)
    if data is None:
        head = header(*CLAIMS[what]) if what in CLAIMS else header([1], [0, 4], "Q128")
        data = len(head).to_bytes(8, "little") + head + bytes(4)
    (tmp_path / "w.safetensors").write_bytes(data)
    with pytest.raises(InputError, match=r"w\.safetensors"):
        tensor_shapes(tmp_path / "w.safetensors")
