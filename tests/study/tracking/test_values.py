from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from study.tracking import values


def test_a_text_below_the_limit_stays_as_it_is():
    assert values.cut("a" * 50, 50) == "a" * 50


@given(st.text(max_size=300), st.integers(min_value=40, max_value=200))
def test_a_cut_text_fits_and_says_how_long_it_was(text, length):
    shown = values.cut(text, length)
    assert len(shown) <= length
    assert shown == text or shown.endswith(f"[cut, was {len(text)} long]")


def test_nested_parameters_become_dotted_names():
    params = {"front_end": {"scale": "mel", "windows_ms": (25, 50)}, "mixup": {}, "lr": 0.1 + 0.2}
    assert values.flatten_params(params) == {
        "front_end.scale": "mel",
        "front_end.windows_ms": "[25,50]",
        "mixup": "{}",
        "lr": "0.3",
    }


def test_a_parameter_that_mlflow_would_cut_in_silence_is_cut_visibly():
    (shown,) = values.flatten_params({"clips": "x" * 7000}).values()
    assert len(shown) < 6000
    assert shown.endswith("[cut, was 7000 long]")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (np.float32(0.5), "0.5"),
        (np.int64(3), "3"),
        (True, "true"),
        (None, "none"),
        ("NA", "NA"),
        (math.nan, "nan"),
        (1e-7, "1e-07"),
        (Path("a/b"), "a/b"),
    ],
)
def test_a_value_is_shown_short(value, shown):
    assert values.show_value(value) == shown


@settings(deadline=None)  # the first example imports mlflow
@example("a/" * 200)
@given(st.text(max_size=400))
def test_a_cleaned_key_is_one_that_mlflow_accepts(key):
    from mlflow.utils.validation import _validate_param_name

    cleaned = values.clean_key(key)
    _validate_param_name(cleaned)
    assert 0 < len(cleaned) <= 250


def test_metrics_that_are_not_finite_become_tags_and_missing_ones_nothing():
    metrics = {"a": 1, "b": math.inf, "c": math.nan, "d": None, "e/f": -math.inf}
    finite, notes = values.split_metrics(metrics, "epoch 7")
    assert finite == {"a": 1.0}
    assert notes == {
        "spectune.nonfinite.b": "inf, epoch 7",
        "spectune.nonfinite.c": "nan, epoch 7",
        "spectune.nonfinite.e/f": "-inf, epoch 7",
    }


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "[x](javascript:y)", "a\n# b", "`x`", "![x](y)"]
)
def test_an_escaped_name_holds_no_html_no_link_and_no_second_line(name):
    escaped = values.escape_markdown(name)
    assert "<" not in escaped
    assert "\n" not in escaped
    assert "](" not in escaped.replace("\\]\\(", "")


def test_artifacts_of_every_kind_are_laid_out_under_their_names(tmp_path):
    source = tmp_path / "probabilities.npy"
    source.write_bytes(b"\x93NUMPY")
    stage = tmp_path / "stage"
    stage.mkdir()
    missing = values.stage_artifacts(
        {
            "confusion.csv": "a,b\n",
            "deep/data.json": {"uar": 0.5},
            "rows.json": [1, 2],
            "raw.bin": b"\x00",
            "renamed.npy": source,
            "gone.npy": tmp_path / "gone.npy",
            "../outside.txt": "x",
            "/absolute.txt": "x",
        },
        stage,
    )
    assert missing == ["gone.npy", "../outside.txt", "/absolute.txt"]
    assert (stage / "confusion.csv").read_text() == "a,b\n"
    assert json.loads((stage / "deep/data.json").read_text()) == {"uar": 0.5}
    assert (stage / "renamed.npy").read_bytes() == b"\x93NUMPY"
    assert not (tmp_path / "outside.txt").exists()
