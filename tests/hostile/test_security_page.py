"""A corpus whose names hold tags and formulas, through a real study, its report and Chromium."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from mlflow import MlflowClient

from reports import write_report
from study.challenge.submission import submit
from study.results import read_results
from support.finished_study import make_study

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CLASSES = {
    "clear": "<script>document.title='pwned'</script>",
    "mask": '="><img src=x onerror="document.title=\'pwned\'">',
}
SPEAKER = "</script><script>document.title='pwned'</script> "
NAME = "{part}_<img src=x onerror=document.title='pwned'>=1+1_{n}.wav"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def hostile_corpus(source: Path, target: Path) -> Path:
    """The synthetic corpus under names and labels that a page or a spreadsheet might obey."""
    (target / "wav").mkdir(parents=True)
    (target / "lab").mkdir()
    names = {}
    for path in sorted((source / "wav").iterdir()):
        part, _, n = path.stem.partition("_")
        names[path.name] = NAME.format(part=part, n=n)
        shutil.copy(path, target / "wav" / names[path.name])
    for file in ("labels.csv", "speakers.csv"):
        with (source / "lab" / file).open(newline="") as read:
            rows = list(csv.reader(read))
        with (target / "lab" / file).open("w", newline="") as write:
            writer = csv.writer(write)
            writer.writerow(rows[0])
            for name, value in rows[1:]:
                said = SPEAKER + value if file == "speakers.csv" else CLASSES.get(value, value)
                writer.writerow([names[name], said])
    about = '{"name": "<b onmouseover=x>corpus</b>", "simulated": true, "licence": "<i>x</i>"}'
    (target / "corpus.json").write_text(about)
    return target


@pytest.fixture(scope="module")
def studied(synthetic, tmp_path_factory) -> Path:
    base = tmp_path_factory.mktemp("hostile")
    corpus = hostile_corpus(synthetic, base / "corpus")
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{base}/mlflow.db"
    try:
        folder = make_study(corpus, base, tracking=True, experiment="<script>x</script>")
    finally:
        del os.environ["MLFLOW_TRACKING_URI"]
    write_report(folder)
    return folder


def test_the_page_shows_every_name_and_runs_none(studied: Path, tmp_path: Path):
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--enable-logging=stderr",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--virtual-time-budget=20000",
        "--dump-dom",
        (studied / "report.html").as_uri(),
    ]
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    title = re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)
    assert title
    assert "pwned" not in title[1]
    assert re.search(r'<html[^>]*data-drawn="\d+"', done.stdout), "the page's own script ended"
    assert not re.search(r"<(img|script|b|i)\b[^>]*(onerror|onmouseover|pwned)", done.stdout)
    assert "&lt;script&gt;document.title" in done.stdout
    assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def test_the_file_itself_holds_no_tag_of_a_name(studied: Path):
    page = (studied / "report.html").read_text("utf-8")
    assert "<script>document.title" not in page
    assert "<img src=x" not in page
    assert "<b onmouseover" not in page


def test_descriptions_in_mlflow_hold_no_tag_of_a_name(studied: Path):
    state = read_results(studied).state
    client = MlflowClient(f"sqlite:///{studied.parents[1]}/mlflow.db")
    runs = client.search_runs([state["mlflow"]["experiment_id"]])
    assert len(runs) >= 5
    notes = [run.data.tags.get("mlflow.note.content", "") for run in runs]
    assert any(notes)
    for note in notes:
        assert not re.search(r"(?<!\\)<(script|img|b|i)\b", note)


def test_tables_hold_no_formula_and_the_submission_the_names_as_given(studied: Path):
    tables = [studied / "leaderboard.csv", *studied.glob("ensemble/*.csv")]
    assert len(tables) >= 3
    for path in tables:
        with path.open(newline="") as file:
            for row in csv.reader(file):
                for cell in row:
                    if not re.fullmatch(r"[-+]?[0-9.]+(e[-+]?[0-9]+)?", cell):
                        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")), path
    results = read_results(studied)
    done = submit(results, protocol="train", team="t", tries=1)
    with done.path.open(newline="") as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows[1:]] == [c.file_name for c in results.partitions["test"].clips]
    assert {row[1] for row in rows[1:]} <= set(CLASSES.values())
