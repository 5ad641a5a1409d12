"""Files from elsewhere run no code and write nowhere but their folder; see `docs/security.md`."""

from __future__ import annotations

import ast
import csv
import functools
import io
import json
import os
import pickle
import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import study
from runners.clips import Clips
from search_spaces.grammar.errors import InputError
from search_spaces.grammar.yaml_file import parse_yaml
from study.bundle.networks import tensor_shapes
from study.challenge.submission import submission_csv
from study.cli import app
from study.files import predictions_csv
from study.files.csv_files import spreadsheet_plain, spreadsheet_safe
from study.fusion.prediction_csv import import_predictions
from study.results.probabilities import load_devel, load_test
from study.text import printable
from study.tracking.tracker import escape_markdown
from support.clips import clips_of, write_clips

ROOT = Path(study.__file__).parents[1]
SOURCES = sorted(
    path
    for room in ("study", "runners", "search_spaces", "reports")
    for path in (ROOT / room).rglob("*.py")
)
# What runs code that a file brings along, by the dotted name of the call.
FORBIDDEN = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "torch.load",
    "torch.jit.load",
    "torch.hub.load", "pickle.load", "pickle.loads", "joblib.load", "marshal.loads", "shelve.open",
    "dill.load", "cloudpickle.load", "pd.read_pickle", "pandas.read_pickle", "yaml.unsafe_load",
    "yaml.full_load", "yaml.load_all", "torch.export.load", "mlflow.pyfunc.load_model",
}  # fmt: skip


UNPICKLERS = {"pickle", "dill", "joblib", "marshal", "shelve", "cloudpickle"}
# A program is loaded where it was written a moment before, to compare it with its network.
# Weights are read with `weights_only`, which makes tensors and plain values alone.
OWN = {("torch_export.py", "torch.export.load"), ("tensors.py", "torch.load")}


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


@functools.cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(path.read_text("utf-8"))))


@functools.cache
def calls(path: Path) -> list[tuple[ast.Call, str]]:
    return [(node, ast.unparse(node.func)) for node in nodes(path) if isinstance(node, ast.Call)]


def test_the_search_sees_the_sources():
    assert len(SOURCES) > 100
    found = [name for path in SOURCES for _, name in calls(path)]
    assert found.count("json.loads") > 5


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_is_unpickled_and_no_text_is_run(path: Path):
    for node, name in calls(path):
        where = f"{path}:{node.lineno}: {name}"
        assert name not in FORBIDDEN or (path.name, name) in OWN, where
        given = {word.arg: ast.unparse(word.value) for word in node.keywords}
        assert given.get("allow_pickle", "False") == "False", where
        assert given.get("shell", "False") == "False", where
        assert given.get("trust_remote_code", "False") == "False", where
        if name == "torch.load":
            assert given.get("weights_only") == "True", where
        if name in ("np.load", "numpy.load"):
            assert given.get("allow_pickle") == "False", where
        if name == "yaml.load":
            loader = given.get("Loader") or ast.unparse(node.args[1])
            assert loader in ("PlainLoader", "yaml.SafeLoader"), where
    for node in nodes(path):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
            assert not names & {"pickle", "dill", "joblib", "marshal", "shelve", "cloudpickle"}, (
                path
            )


def test_code_of_a_persons_own_is_run_in_one_place_alone():
    running = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        for _, name in calls(path)
        if name.endswith((".exec_module", "run_path", "spec_from_file_location"))
    }
    assert running <= {"study/corpus/layouts/own_code.py"}


def test_a_pickled_array_is_refused_and_never_loaded(tmp_path: Path):
    target = tmp_path / "pwned"
    bomb = np.empty((1, 1, 1), object)
    bomb[0, 0, 0] = Bomb(target)
    np.save(tmp_path / "devel.npy", bomb, allow_pickle=True)
    (tmp_path / "bare.npy").write_bytes(pickle.dumps(Bomb(target)))
    np.savez(tmp_path / "archive.npz", x=bomb)
    shutil.move(tmp_path / "archive.npz", tmp_path / "archive.npy")
    for name in ("devel.npy", "bare.npy", "archive.npy"):
        for load in (load_devel, load_test):
            with pytest.raises(InputError, match=name):
                load(tmp_path / name, clips=1, classes=1)
    assert not target.exists()
    np.load(tmp_path / "devel.npy", allow_pickle=True)  # the bomb is a real one
    assert target.is_dir()


def test_a_pickle_in_place_of_cached_samples_is_refused(tmp_path: Path):
    folder, target = tmp_path / "cache", tmp_path / "pwned"
    write_clips(clips_of([np.ones(4)], 8000), folder)
    for name in ("offsets.npy", "scale.npy", "samples.npy"):
        (folder / name).write_bytes(pickle.dumps(Bomb(target)))
        with pytest.raises(InputError):
            Clips.open(folder)
    assert not target.exists()


def test_a_pickle_in_place_of_weights_is_refused(tmp_path: Path):
    import torch

    from runners.model import load_weights

    target = tmp_path / "pwned"
    weights = tmp_path / "m.safetensors"
    torch.save({"w": Bomb(target)}, weights)
    for data in (weights.read_bytes(), pickle.dumps(Bomb(target))):
        weights.write_bytes(data)
        with pytest.raises(InputError):
            tensor_shapes(weights)
        with pytest.raises((InputError, ValueError, RuntimeError)):
            load_weights(torch.nn.Linear(1, 1), weights)
    assert not target.exists()


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.mkdir ['{}']",
        "!!python/object/new:os.mkdir ['{}']",
        "!!python/name:os.mkdir",
        "!!python/module:os",
        "!<tag:yaml.org,2002:python/object/apply:os.mkdir> ['{}']",
        "&x !!python/object/apply:os.mkdir ['{}']",
    ],
)
def test_a_yaml_tag_makes_no_object(tmp_path: Path, text: str):
    target = tmp_path / "pwned"
    with pytest.raises(InputError, match="not allowed"):
        parse_yaml(f"a: {text.format(target)}\n", where="x")
    assert not target.exists()


CELLS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "'=1",
    "'",
    "=cmd|'/c calc'!A1",
    "mask",
    "",
]


@pytest.mark.parametrize("text", CELLS)
def test_a_cell_is_never_a_formula_and_comes_back_as_it_was(text: str):
    cell = spreadsheet_safe(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert spreadsheet_plain(cell) == text


def test_tables_neutralise_formulas_in_names_labels_and_classes(tmp_path: Path):
    classes = ("+1", "=cmd|'/c calc'!A1")
    names = ["@a.wav", "-b.wav"]
    text = predictions_csv(names, ["+1", ""], classes, np.array([[0.9, 0.1], [0.2, 0.8]]))
    for row in csv.reader(io.StringIO(text)):
        for cell in row:
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")), row
    (tmp_path / "p.csv").write_text(text)
    options = {"file_names": {"devel": names}, "trained_on": "train"}
    found = import_predictions(tmp_path / "p.csv", classes=classes, **options)
    np.testing.assert_allclose(found.probabilities["devel"], [[0.9, 0.1], [0.2, 0.8]], atol=1e-6)


def test_a_submission_keeps_names_and_labels_as_they_were_given():
    text = submission_csv(["=a.wav", "-b.wav"], ["+1", "@x"])
    assert text == "file_name,prediction\n=a.wav,+1\n-b.wav,@x\n"


def test_no_name_reaches_a_terminal_as_a_command():
    said = printable("\x1b]0;x\x07 \x9b2J \udcff ok\tä\n")
    assert said == "\\x1b]0;x\\x07 \\x9b2J \\udcff ok\tä\n"


def test_a_bad_input_with_an_escape_sequence_is_printed_without(
    tmp_path: Path, monkeypatch, capsys
):
    from study.cli import main

    monkeypatch.setattr("sys.argv", ["spectune", "status", str(tmp_path / "\x1b[2Jx.yaml")])
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr().err
    assert end.value.code == 2
    assert "\x1b" not in said
    assert "\\x1b[2Jx.yaml" in said


def test_descriptions_for_mlflow_hold_no_tags_links_or_images():
    text = escape_markdown("<script>x</script> [a](javascript:b) ![c](d) **e** `f` <http://g>")
    assert "<" not in text.replace("\\<", "").replace("&lt;", "")
    for mark in ("[a]", "](", "![", "**", "`f`"):
        assert mark not in text


def test_a_study_is_only_written_under_its_own_name(tmp_path: Path):
    """A results folder is `results`/`name`; the name cannot leave it."""
    from study.config import parse_config

    for name in ("..", ".", "a/b", "/x", "a\\b", "", "x" * 81, "a\n", "~"):
        with pytest.raises(InputError, match="name must be"):
            parse_config({"name": name, "corpus": "c", "budget": {"trials": 1}}, where="x")


def test_state_json_cannot_send_a_command_elsewhere(tmp_path: Path):
    """The folder that `state.json` names is where study.yaml is looked for, never written to."""
    folder = tmp_path / "results" / "s"
    folder.mkdir(parents=True)
    (folder / "state.json").write_text(json.dumps({"format": 1, "base": str(tmp_path / "other")}))
    before = sorted(tmp_path.rglob("*"))
    for command in ("status", "leaderboard", "report", "ensemble"):
        CliRunner().invoke(app, [command, str(folder)])
    left = [path for path in sorted(tmp_path.rglob("*")) if path not in before]
    assert all(folder in path.parents for path in left)


def test_servers_listen_on_loopback():
    from study.tracking.ui import HOST

    assert HOST == "127.0.0.1"
    assert socket.getaddrinfo(HOST, 0)[0][4][0].startswith("127.")
    for path in SOURCES:
        assert "0.0.0.0" not in path.read_text("utf-8"), path
