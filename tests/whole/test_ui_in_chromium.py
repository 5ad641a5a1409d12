"""A person's way through MLflow's interface, in a real browser."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from study.results import read_results
from study.tracking.store import open_client
from study.tracking.store_checks import tracking_store
from support.chromium import Chromium, find_chromium

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(find_chromium() is None, reason="Chromium is not installed"),
]
PATIENCE = 300.0  # seconds; MLflow's pages take long on a busy machine


@pytest.fixture
def address(tracked):
    """What `spectune ui` prints for a real study of three trials."""
    command = [sys.executable, "-m", "study", "ui", str(tracked)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "starting MLflow ...\n"
        line = process.stdout.readline()
        assert line.startswith("MLflow: http://127.0.0.1:")
        yield line.split()[1]
        process.terminate()  # as Ctrl-C, which a job in the background does not hear
        assert process.wait(60) == 0


@pytest.fixture
def runs(tracked):
    """The study's runs, by the first word of their names."""
    state = json.loads((tracked / "state.json").read_text())
    client = open_client(tracking_store(state, tracked.parents[1]))
    found = client.search_runs([state["mlflow"]["experiment_id"]])
    return {run.info.run_name.split()[0]: run for run in found}


def test_a_person_opens_the_experiment_compares_runs_and_opens_an_artifact(address, runs, tracked):
    experiment = address.partition("/runs")[0]
    one, two = runs["000"], runs["001"]
    with Chromium(width=1400, height=900) as browser:
        # The printed address lists the trials by their names, the best first.
        browser.open(address)
        for run in (one, two):
            name = json.dumps(run.info.run_name)
            browser.wait(f"document.body.innerText.includes({name})", seconds=PATIENCE)
        listed = browser.ask("[...document.querySelectorAll('[row-id]')].map(r => r.innerText)")
        numbers = [int(text) for row in listed for text in re.findall(r"\b(\d{3}) ", row)]
        best_first = sorted(read_results(tracked).ranked, key=lambda trial: -trial.uar)
        assert numbers == [trial.number for trial in best_first]
        around = browser.ask("document.body.innerText").splitlines()
        assert {"Runs", "Models"} <= set(around)  # and not what language models need
        assert "Evaluation runs" not in around

        # Two runs beside each other, with the parameters and metrics in which they differ.
        ids = json.dumps([one.info.run_id, two.info.run_id], separators=(",", ":"))
        number = json.dumps([one.info.experiment_id])
        compare = f"{address.partition('#')[0]}#/compare-runs?runs={ids}&experiments={number}"
        browser.open(compare)
        for word in (two.info.run_name, "devel/uar_best", "Parallel Coordinates"):
            shown = f"document.body.innerText.includes({json.dumps(word)})"
            browser.wait(shown, seconds=PATIENCE)

        # An artifact of a trial, opened from its link.
        browser.open(f"{experiment}/runs/{two.info.run_id}/artifacts/confusion_matrix.json")
        browser.wait("""document.body.innerText.includes('"recall"')""", seconds=PATIENCE)

        # The fusion's run leads to its members.
        fusion = runs["fusion"]
        browser.open(f"{experiment}/runs/{fusion.info.run_id}")
        member = runs[f"{int(fusion.data.tags['spectune.members'].split(',')[0]):03d}"]
        link = f"document.querySelector('a[href*=\"{member.info.run_id}\"]')"
        assert browser.wait(f"{link} && {link}.innerText", seconds=PATIENCE) == member.info.run_name
        browser.open(browser.ask(f"{link}.href"))
        heading = f"document.querySelector('h1, h2')?.innerText === '{member.info.run_name}'"
        browser.wait(heading, seconds=PATIENCE)
