"""The corpus check as a section of the report."""

import json
import shutil

import numpy as np
import pytest

from reports.corpus_check import check_sections, findings_table, probes, probes_figure
from reports.report import page
from study.checking.check import Check, check_to_json
from study.checking.check_file import read_check
from study.checking.counts import Counts
from study.checking.findings import found
from study.checking.leakage import Probe
from study.results import read_results

EVIL = "<script>alert(1)</script>"


def checked(*findings, matters=True):
    every = [
        Probe("label", "level", 0.91, 0.5, 0.85, 0.97, 0.005, 100, "speaker", matters),
        Probe("label", "duration", 0.52, 0.5, 0.45, 0.59, 0.4, 100, "speaker", False),
        Probe("test", "level", 0.48, 0.5, 0.4, 0.56, 0.7, 150, "speaker", False),
    ]
    counts = Counts((), (), ())
    return Check("c", "/c", "compare2020", False, counts, tuple(findings), tuple(every))


def test_the_table_has_a_row_per_kind_with_its_count_and_first_names():
    names = [f"{n}.wav" for n in range(7)]
    table = findings_table(checked(*found("missing", names), *found("leakage", ["the label"])))
    assert table.rows == (
        ("label files", "missing", "7", "a listed clip must be a file on disk",
         "0.wav, 1.wav, 2.wav and 4 more"),
    )  # fmt: skip
    assert findings_table(checked()) is None


def test_the_numbers_are_those_of_the_probes_by_target():
    by_target = probes(checked())
    assert list(by_target) == ["label", "test"]
    label = [(p.group, p.uar, p.low, p.high, p.matters) for p in by_target["label"]]
    assert label == [("level", 0.91, 0.85, 0.97, True), ("duration", 0.52, 0.45, 0.59, False)]
    assert [probe.group for probe in by_target["test"]] == ["level"]


def test_the_figure_draws_each_probe_with_its_interval_and_a_star_where_it_matters():
    figure = probes_figure(probes(checked()))
    label, test = figure.data
    assert label.x == pytest.approx((91.0, 52.0))
    assert label.error_x.array == pytest.approx((6.0, 7.0))
    assert label.error_x.arrayminus == pytest.approx((6.0, 7.0))
    assert label.marker.symbol == ("star", "circle")
    assert np.ptp([label.y[0], test.y[0]]) < 0.5  # of one group, beside each other
    assert figure.layout.shapes[0].x0 == 50


def test_a_study_with_a_check_shows_it_and_one_without_shows_none(tmp_path, thirty_trials):
    folder = shutil.copytree(thirty_trials, tmp_path / "study")
    assert 'id="check"' not in page(read_results(folder))
    voices = found("voice and class", [f"2 of 3 speakers say one class alone ({EVIL!r} 2)"])
    check = checked(*found("missing", [EVIL]), *voices, *found("leakage", ["told"]))
    (folder / "check.json").write_text(json.dumps(check_to_json(check)))
    text = page(read_results(folder))
    assert '<section id="check">' in text
    assert "The label can be guessed from level alone (UAR 91.0\u00a0%" in text
    assert "2 of 3 speakers say one class alone" in text
    assert EVIL not in text
    assert "&lt;script&gt;alert(1)" in text


def test_the_note_keeps_the_words_of_the_check_as_they_are(monkeypatch, tmp_path, thirty_trials):
    monkeypatch.setattr("reports.corpus_check.headline", lambda check: "check: 64 DC")
    folder = shutil.copytree(thirty_trials, tmp_path / "study")
    (folder / "check.json").write_text(json.dumps(check_to_json(checked())))
    assert check_sections(read_results(folder))[0].note == "Check: 64 DC."


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": 2}', '{"format": 1}'])
def test_a_damaged_check_is_none(tmp_path, text):
    (tmp_path / "check.json").write_text(text)
    assert read_check(tmp_path) is None
