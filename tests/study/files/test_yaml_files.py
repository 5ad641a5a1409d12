"""What is written as YAML reads the same again."""

from __future__ import annotations

import json
import os
import shutil

import pytest
import yaml

from search_spaces.grammar.yaml_file import parse_yaml
from study.config import Budget, StudyConfig, load_config
from study.files import dump_yaml
from study.planning.init_study import init_study

NAMES = ["1e5", "2020", "null", "true", "no", "1_000", "0x10", "1.5", ".inf", "~", "012", "{0}"]


@pytest.mark.parametrize("text", [*NAMES, "", "1:30", "2020-01-01", "=", "a: b", "#x", "ü", "a\nb"])
def test_a_text_stays_a_text_for_readers_of_both_versions(text):
    plain = {"key": text, "list": [text, 1, 1.5e-9, None, True]}
    assert parse_yaml(dump_yaml(plain), where="x") == plain
    assert yaml.safe_load(dump_yaml(plain)) == plain


def test_what_occurs_twice_is_written_twice():
    shared = {"n": 3}
    assert parse_yaml(dump_yaml({"a": shared, "b": shared}), where="x")["b"] == shared


@pytest.mark.parametrize("name", [name for name in NAMES if name[0].isalnum()])
def test_a_study_of_any_name_is_read_again(tmp_path, name):
    config = StudyConfig(name=name, corpus=name, budget=Budget(trials=1), experiment=name)
    (tmp_path / "study.yaml").write_text(config.to_yaml())
    assert load_config(tmp_path / "study.yaml") == config


@pytest.mark.parametrize("name", NAMES)
def test_init_writes_a_study_for_a_folder_of_any_name(synthetic, tmp_path, name):
    corpus = shutil.copytree(synthetic, tmp_path / name, copy_function=os.link)
    about = json.loads((synthetic / "corpus.json").read_text())
    (corpus / "corpus.json").unlink()
    (corpus / "corpus.json").write_text(
        json.dumps({key: value for key, value in about.items() if key != "name"})
    )
    path = init_study(corpus, folder=tmp_path, echo=lambda line: None)
    assert load_config(path).corpus == name


def test_init_leaves_nothing_where_the_study_is_a_dangling_link(synthetic, tmp_path):
    (tmp_path / "study.yaml").symlink_to(tmp_path / "no" / "where.yaml")
    with pytest.raises(ValueError, match="exists already; nothing was written"):
        init_study(synthetic, folder=tmp_path, echo=lambda line: None)
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]
