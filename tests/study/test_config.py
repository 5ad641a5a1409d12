"""study.yaml: every mistake is a sentence with the key, the rule and the value."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from search_spaces import InputError
from study.config import changed, load_config, parse_config
from study.planning.init_study import init_study

GOOD = {"name": "s", "corpus": "c", "budget": {"trials": 3}}


def test_three_keys_are_enough_and_the_rest_has_defaults():
    config = parse_config(GOOD, where="study.yaml")
    assert (config.space, config.pad, config.ensemble.max_members) == ("small", "repeat", None)
    assert parse_config(yaml.safe_load(config.to_yaml()), where="again") == config


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"bugdet": {}}, "unknown key 'bugdet' (did you mean budget?)"),
        ({"budget": {"trails": 3}}, "unknown key 'budget.trails' (did you mean trials?)"),
        ({"budget": {}}, "budget needs `trials` or `hours`"),
        ({"budget": {"trials": 0}}, "budget.trials must be greater than or equal to 1, got 0"),
        ({"budget": {"trials": "3"}}, "budget.trials must be a valid integer, got '3'"),
        ({"budget": {"hours": -1.0}}, "budget.hours must be greater than 0, got -1.0"),
        ({"name": "../x"}, "name must be letters, digits"),
        ({"name": None}, "name must be a valid string, got None"),
        ({"pad": "mirror"}, "pad must be 'repeat', 'reflect' or 'zero', got 'mirror'"),
        ({"clip_seconds": float("nan")}, "clip_seconds"),
        ({"slots": 0}, "slots must be greater than or equal to 1, got 0"),
        ({"seeds": {"top": 5}}, "must be at least 2 with seeds.top, got seeds.n=1"),
        ({"seeds": {"n": 3}}, "seeds.top must be at least 1 with seeds.n above 1"),
        ({"seeds": {"top": 5, "n": 3}, "sampler": "grid"}, "got seeds.top=5"),
        ({"sampling_rate": 1.5}, "sampling_rate must be a valid integer"),
    ],
)
def test_a_mistake_is_one_sentence(change, sentence):
    with pytest.raises(InputError) as caught:
        parse_config({**GOOD, **change}, where="study.yaml")
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith("study.yaml: ")
    assert sentence in caught.value.problems[0]


def test_repetitions_of_a_search_have_both_numbers_and_those_of_a_grid_one():
    search = parse_config({**GOOD, "seeds": {"top": 5, "n": 3}}, where="study.yaml")
    grid = parse_config({**GOOD, "seeds": {"n": 3}, "sampler": "grid"}, where="study.yaml")
    assert (search.seeds.top, search.seeds.n, grid.seeds.n) == (5, 3, 3)


def test_a_missing_key_is_named():
    with pytest.raises(InputError, match="corpus is missing"):
        parse_config({"name": "s", "budget": {"trials": 1}}, where="study.yaml")


def test_overrides_reach_nested_keys(tmp_path):
    (tmp_path / "study.yaml").write_text("name: s\ncorpus: c\nbudget: {trials: 3}\n")
    config = load_config(tmp_path / "study.yaml", ["budget.trials=40", "ensemble.seed=2"])
    assert (config.budget.trials, config.ensemble.seed) == (40, 2)


@pytest.mark.parametrize(
    "text",
    [
        "budget.trials", "=3", "name.x=3", "budget.trials=[", "seed=x", "seed=0\nx: 4",
        "seed=0\ry: 1", "ensemble.seed=-1", "ensemble.seed=2147483648", "clip_seconds=1e-9",
        "clip_seconds=0.009",
    ],
)  # fmt: skip
def test_an_override_that_makes_no_sense_is_refused(tmp_path, text):
    (tmp_path / "study.yaml").write_text("name: s\ncorpus: c\nbudget: {trials: 3}\n")
    with pytest.raises(InputError):
        load_config(tmp_path / "study.yaml", [text])


def test_init_writes_a_file_that_is_read_back_and_never_over_another(tmp_path, synthetic):
    corpus = tmp_path / "my corpus"
    shutil.copytree(synthetic, corpus)
    (corpus / "corpus.json").unlink()
    path = init_study(corpus, folder=tmp_path, echo=lambda line: None)
    config = load_config(path)
    assert (config.name, (tmp_path / config.corpus).resolve()) == ("my-corpus", corpus)
    text = path.read_text()
    uncommented = "\n".join(line.removeprefix("# ") for line in text.splitlines()[2:])
    uncommented = uncommented.replace("slots: 2", "slots: 1").replace("postgresql://...", "x")
    (tmp_path / "all.yaml").write_text(uncommented.replace("[band_svm]", '["band_svm"]'))
    assert load_config(tmp_path / "all.yaml").sampling_rate == 8000
    with pytest.raises(InputError, match="exists already"):
        init_study(corpus, folder=tmp_path)
    assert path.read_text() == text


def test_a_file_that_is_not_there_is_a_sentence():
    with pytest.raises(InputError, match="cannot be read"):
        load_config(Path("nowhere.yaml"))


def test_a_search_needs_a_bound_and_a_grid_does_not():
    plain = {"name": "s", "corpus": "c"}
    with pytest.raises(InputError, match="t: budget needs `trials` or `hours`"):
        parse_config(plain, where="t")
    assert parse_config(plain | {"sampler": "grid"}, where="t").budget.trials is None


def test_a_mapping_keeps_what_python_values_do_not_change():
    plain = {"budget": {"hours": 8, "trials": 5}, "ensemble": {"max_members": 3, "seed": 5}}
    found = changed(changed({}, plain), {"ensemble": {"seed": 9}, "budget": {"trials": 20}})
    assert found == {
        "budget": {"hours": 8, "trials": 20},
        "ensemble": {"max_members": 3, "seed": 9},
    }


def test_numpy_values_are_plain_ones():
    found = changed({}, {"seed": np.int64(3), "budget": {"hours": np.float32(2)}})
    assert found == {"seed": 3, "budget": {"hours": 2.0}}
    assert type(found["seed"]) is int
    assert changed({}, {"baselines": np.array(["a", "b"])}) == {"baselines": ["a", "b"]}


@pytest.mark.parametrize("changes", [{3: 4}, {None: 4}, {"budget": {3: 4}}])
def test_a_key_that_is_no_text_is_a_sentence(changes):
    with pytest.raises(InputError, match="a key must be text, got"):
        changed({}, changes)
