from __future__ import annotations

import dataclasses
import hashlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.grammar.errors import InputError
from study.results import probabilities
from study.results.probabilities import (
    Identity,
    PartitionIdentity,
    check_joinable,
    combine_digest,
    load_devel,
    load_epoch,
    load_test,
)

IDENTITY = Identity(
    classes=("clear", "mask"),
    protocol="holdout",
    fold=0,
    seed=1,
    partitions={"devel": PartitionIdentity("d" * 64, 3), "test": PartitionIdentity("e" * 64, 2)},
)


def test_identity_survives_json():
    text = json.dumps(IDENTITY.to_json())
    assert Identity.from_json(json.loads(text)) == IDENTITY


@pytest.mark.parametrize(
    "values", [{}, {"classes": []}, {**IDENTITY.to_json(), "partitions": {"devel": 3}}, None]
)
def test_a_broken_identity_is_refused_with_its_fields(values):
    with pytest.raises(InputError, match="needs classes, protocol, fold, seed and partitions"):
        Identity.from_json(values)


def test_only_the_seed_may_differ():
    check_joinable(IDENTITY, dataclasses.replace(IDENTITY, seed=99))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": ("mask", "clear")}, "same classes in the same order"),
        ({"protocol": "loso"}, "same protocol: trial 1 has holdout, trial 2 has loso"),
        ({"partitions": {"devel": IDENTITY.partitions["devel"]}}, "of test in trial 2"),
        (
            {
                "partitions": {
                    "devel": PartitionIdentity("x", 3),
                    "test": IDENTITY.partitions["test"],
                }
            },
            "same clips of devel",
        ),
    ],
)
def test_probabilities_of_different_things_are_not_joined(changes, message):
    other = dataclasses.replace(IDENTITY, **changes)
    with pytest.raises(InputError, match=message):
        check_joinable(IDENTITY, other, names=("trial 1", "trial 2"))


pairs = st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), max_size=4)


@given(pairs, pairs)
def test_different_lists_have_different_digests(a, b):
    digests = [combine_digest([name for name, _ in p], [digest for _, digest in p]) for p in (a, b)]
    assert (digests[0] == digests[1]) == (a == b)


def test_the_digest_is_what_its_docstring_says():
    text = b"1;5:a.wav2:0f"
    assert combine_digest(["a.wav"], ["0f"]) == hashlib.sha256(text).hexdigest()
    with pytest.raises(ValueError, match="same length, got 1 and 0"):
        combine_digest(["a"], [])


def rows(*shape, dtype=np.float16):
    values = np.random.default_rng(0).dirichlet([1, 1, 1], shape)
    return values.astype(dtype)


def test_probabilities_are_read_as_they_were_written(tmp_path):
    np.save(tmp_path / "devel.npy", rows(2, 5))
    np.save(tmp_path / "test.npy", rows(5, dtype=np.float32))
    assert (load_devel(tmp_path / "devel.npy", clips=5, classes=3) == rows(2, 5)).all()
    assert load_test(tmp_path / "test.npy", clips=5, classes=3).dtype == np.float32


def broken(kind):
    values = rows(2, 5)
    if kind == "nan":
        values[0, 0, 0] = np.nan
    elif kind == "negative":
        values[0, 0] = [-0.5, 1, 0.5]
    elif kind == "logits":
        values = values * 9
    elif kind == "sum":
        values = values * np.float16(0.5)
    elif kind == "integers":
        values = np.ones((2, 5, 3), dtype=np.int64)
    elif kind == "float64":
        values = values.astype(np.float64)
    elif kind == "clips":
        values = values[:, :4]
    elif kind == "axes":
        values = values[0]
    elif kind == "empty":
        values = values[:0]
    return values


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("nan", "must be finite, 1 are not"),
        ("negative", r"must lie in \[0, 1\]"),
        ("logits", r"must lie in \[0, 1\]"),
        ("sum", "must sum to 1"),
        ("integers", "must be float16, got int64"),
        ("float64", "must be float16, got float64"),
        ("clips", "must hold 5 clips, got 4"),
        ("axes", r"axes \(epochs, clips, classes\)"),
        ("empty", "holds no epochs"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_the_rule(tmp_path, kind, message):
    path = tmp_path / "devel.npy"
    np.save(path, broken(kind))
    with pytest.raises(InputError, match=message) as refused:
        load_devel(path, clips=5, classes=3)
    assert str(path) in str(refused.value)


def test_epochs_are_counted_where_asked(tmp_path):
    np.save(tmp_path / "devel.npy", rows(2, 5))
    with pytest.raises(InputError, match="must hold 3 epochs, got 2"):
        load_devel(tmp_path / "devel.npy", clips=5, classes=3, epochs=3)


def test_missing_truncated_pickled_and_foreign_files_are_refused(tmp_path):
    path = tmp_path / "devel.npy"
    with pytest.raises(InputError, match="does not exist"):
        load_devel(path, clips=5, classes=3)
    np.save(path, rows(2, 5))
    whole = path.read_bytes()
    for length in (0, 20, len(whole) - 3):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match="not a complete NumPy array file"):
            load_devel(path, clips=5, classes=3)
    path.write_bytes(whole.replace(b"}", b" ", 1))  # found by fuzzing: a header without an end
    with pytest.raises(InputError, match="not a complete NumPy array file"):
        load_devel(path, clips=5, classes=3)
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="not a complete NumPy array file"):
        load_devel(path, clips=5, classes=3)
    np.savez(tmp_path / "many.npz", a=rows(2, 5))
    with pytest.raises(InputError, match="got an archive"):
        load_devel(tmp_path / "many.npz", clips=5, classes=3)


def large(path, shape) -> None:
    """Lay a sparse file of zeros out, with one epoch of equal probabilities in it."""
    with path.open("wb") as file:
        header = {"descr": "<f2", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        begin = file.tell()
        one = np.full(shape[1:], 1 / shape[2], dtype=np.float16)
        file.seek(begin + 2 * one.nbytes)
        file.write(one.tobytes())
        file.truncate(begin + shape[0] * one.nbytes)


def test_an_epoch_of_a_file_beyond_memory_is_read_alone(tmp_path):
    path = tmp_path / "devel.npy"
    large(path, (1100, 1000, 1000))
    assert path.stat().st_size > 2**31
    found = load_epoch(path, 3, clips=1000, classes=1000)
    assert type(found) is np.ndarray
    assert found.shape == (1000, 1000)
    with pytest.raises(InputError, match="must sum to 1"):
        load_epoch(path, 1, clips=1000, classes=1000)
    with pytest.raises(InputError, match="epoch must be 1 to 1100, got 1101"):
        load_epoch(path, 1101, clips=1000, classes=1000)


def test_a_large_file_is_mapped_and_still_judged(tmp_path, monkeypatch):
    monkeypatch.setattr(probabilities, "MAPPED_FROM", 200)
    path = tmp_path / "devel.npy"
    np.save(path, rows(40, 5))
    found = load_devel(path, clips=5, classes=3)
    assert isinstance(found, np.memmap)
    assert (found == rows(40, 5)).all()
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    with pytest.raises(InputError, match="not a complete NumPy array file"):
        load_devel(path, clips=5, classes=3)
    wrong = rows(40, 5)
    wrong[39, 4] = 0
    np.save(path, wrong)
    with pytest.raises(InputError, match="must sum to 1"):
        load_devel(path, clips=5, classes=3)
