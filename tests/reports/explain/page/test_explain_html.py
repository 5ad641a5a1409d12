"""The page of an explanation and its section in the report."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess

import numpy as np
import pytest

from reports.explain.page.example_figure import example_figure
from reports.explain.page.explain_html import explain_page, write_explain
from reports.explain.page.figures import deletion_figure, map_figure, occlusion_figure
from reports.explain.page.sections import page_sections, read_explain, report_sections
from reports.page.text import percent
from reports.report import page
from study.metrics.intervals import SELDOM_COMPLETE
from study.results import read_results
from support.quiet_chromium import CHROMIUM, QUIET


@pytest.fixture
def many_classes(planted_numbers):
    """The same numbers as if there were six classes with names that are no HTML."""
    numbers = copy.deepcopy(planted_numbers)
    numbers["classes"] = ["<script>alert(1)</script>", *"bcdef"]
    for part in numbers["systems"][0]["axes"].values():
        for profile in part["profiles"].values():
            for side in profile.values():
                side[:] = [side[0], side[1], *[side[0]] * 4, side[-1]]
    n = 16
    numbers["examples"] = [
        {"file_name": "<b>.wav", "class": "b", "speaker": None, "probability": 0.9, "trial": 0,
         "uar": 0.61, "above_chance": True, "kind": "layercam", "seconds": 1.0,
         "centres_hz": list(range(100, 3300, 100)),
         "image": [[50] * 40] * 32, "map": [[k] * 10 for k in range(n)], "map_offset": 0.0}
    ]  # fmt: skip
    return numbers


def test_figures_show_the_numbers(planted_numbers):
    part = planted_numbers["systems"][0]["axes"]["third_octave"]
    removed = part["profiles"]["removed"]
    traces = {t.name: t for t in occlusion_figure(part).data if t.name}
    points = [100 * value for value in removed["mean"][-1]]
    assert list(traces["removed"].y[::2]) == pytest.approx(points)
    intact = part["deletion"]["orders"]["random"]["uar"][0]
    assert points == pytest.approx([100 * (intact - uar) for uar in part["uar_removed"]], abs=1e-2)
    assert list(traces["removed"].x[2::2]) == part["edges_hz"][1:-1]
    ribbon = next(t for t in occlusion_figure(part).data if t.fill == "toself")
    n = len(ribbon.y) // 2
    assert None in removed["low"][-1]  # of a band that costs nothing: it has no interval
    bounds = zip(removed["low"][-1], removed["mean"][-1], strict=True)
    expected = [100 * (mean if low is None else low) for low, mean in bounds]
    assert list(ribbon.y[:n:2]) == pytest.approx(expected)
    texts = [text for text in traces["removed"].text[::2] if "(" not in text]
    assert len(texts) == removed["low"][-1].count(None)
    shares = {t.name: t for t in map_figure(part).data if t.name}
    assert set(shares) == {"the machine's weights", "a map that is equal everywhere"}
    expected = 100 * sum(part["profiles"]["weights"]["mean"][-1])
    assert sum(shares["the machine's weights"].y[::2]) == pytest.approx(expected)
    curves = {t.name: t for t in deletion_figure(part).data}
    expected = part["deletion"]["orders"]["random"]["probability"]
    assert list(curves["at random"].y) == pytest.approx([100 * p for p in expected])


def test_the_lines_over_a_clip_lie_at_the_frequencies_of_its_map(many_classes):
    picture, lines = example_figure(many_classes["examples"][0]).data
    assert (lines.y[2], lines.y[-3]) == (1.0, 31.0)  # the middles of rows of two bands each
    assert (lines.x[2], picture.x[0]) == (0.05, 0.0125)


def test_the_lines_over_a_clip_lie_where_the_network_hears_them(many_classes):
    example = many_classes["examples"][0] | {"map_offset": -1 / 32}  # half of one of 16 rows
    _, lines = example_figure(example).data
    assert lines.y[3:-2] == tuple(range(2, 32, 2))
    assert (np.diff(lines.y) > 0).all()


def test_the_lines_over_a_clip_close_at_the_edges_of_its_picture(many_classes):
    _, lines = example_figure(many_classes["examples"][0]).data
    found = np.array(lines.z)
    assert (lines.x[0], lines.x[-1], lines.y[0], lines.y[-1]) == (0, 1, 0, 32)
    for edge in (found[0], found[-1], found[:, 0], found[:, -1]):
        assert (edge == 0).all()  # below every line
    np.testing.assert_array_equal(found[2:-2, 1], found[2:-2, 2])  # to there as it is


def test_the_head_names_the_corpus_and_the_system_whose_map_it_judges(planted_numbers):
    numbers = copy.deepcopy(planted_numbers)
    numbers["systems"][0]["title"] = "the fusion of 3"
    part = numbers["systems"][0]["axes"]["third_octave"]
    for trusted, sentence in ((True, "The map agrees."), (False, "Do not trust this map: no.")):
        part["trust"] = {"trusted": trusted, "sentence": sentence}
        text = re.sub("</?a[^>]*>", "", explain_page(numbers))  # links to the meaning of words
        assert "spectune explain on synthetic-cue" in text
        assert '<p class="verdict">The fusion of 3: Without' in text
        assert ("The fusion of 3: Do not trust" in text) == (not trusted)


def test_beside_single_clips_stand_the_networks_uar_and_the_trust_in_the_map(many_classes):
    clips = next(one for one in page_sections(many_classes) if one.id == "clips")
    assert "trial 0 (UAR 61.0 % on the explained clips)" in clips.sentence
    trust = many_classes["systems"][-1]["axes"]["third_octave"]["trust"]["sentence"]
    assert clips.note == f"Of the averages of the winner: {trust}"
    many_classes["examples"][0]["above_chance"] = False
    clips = next(one for one in page_sections(many_classes) if one.id == "clips")
    assert "This trial is not above chance" in clips.note


def test_an_order_of_bands_has_the_deletion_curve_of_its_own(planted_numbers):
    part = planted_numbers["systems"][0]["axes"]["third_octave"]
    areas = {name: curve["area"] for name, curve in part["deletion"]["orders"].items()}
    table = page_sections(planted_numbers)[0].table
    heights = {row[0]: row[-1] for row in table.rows}
    assert heights["occlusion, the other half of the clips"] == "-"
    assert heights["occlusion, all clips"] == percent(areas["occlusion"])
    assert heights["the weights"] == percent(areas["map"])
    assert max(map(len, table.columns)) <= 5  # five columns on a telephone


def test_beside_every_figure_stand_its_agreement_its_deletion_and_whether_to_trust_it(
    planted_numbers,
):
    for section in page_sections(planted_numbers):
        if section.id.startswith("winner"):
            assert "rust this map" in section.note or "The map agrees" in section.note
            titles = [row[0] for row in section.table.rows]
            assert {"the weights", "at random", "energy of the bands"} <= set(titles)
            assert all(re.fullmatch(r"-?\d\.\d\d|-", row[1]) for row in section.table.rows)


def test_the_page_is_one_file_below_six_megabytes_with_names_escaped(many_classes, tmp_path):
    path = write_explain(many_classes, tmp_path / "explain")
    text = path.read_text()
    assert path.stat().st_size < 6e6
    assert "<script>alert" not in text
    assert "<b>.wav" not in text
    assert "http-equiv" in text
    assert read_explain(tmp_path) == json.loads(json.dumps(many_classes))


def test_the_report_has_a_section_only_where_there_is_an_explanation(fake_study, planted_numbers):
    folder = fake_study()
    results = read_results(folder)
    assert report_sections(results) == []
    write_explain(planted_numbers, folder / "explain")
    (section,) = report_sections(results)
    assert len(section.panels) == 3
    assert "1778 to 2239 Hz" in section.sentence
    assert 'id="frequencies"' in page(results)
    (folder / "explain" / "explain.json").write_text('{"format": 99}')
    assert report_sections(results) == []


@pytest.mark.parametrize(
    ("interval", "n_speakers", "words", "everywhere"),
    [
        ("", 8, "Intervals resample speakers.", False),
        ("clips treated as independent; too narrow", None, "intervals resample clips", True),
        ("no interval: 2 speakers, and it takes at least 5", 2, "no tests: 2 speakers", True),
        (SELDOM_COMPLETE, 40, "no intervals: resampled speakers seldom have every class", True),
    ],
)
def test_it_is_told_what_the_intervals_resample(
    planted_numbers, fake_study, interval, n_speakers, words, everywhere
):
    clips = planted_numbers["clips"] | {"interval": interval, "n_speakers": n_speakers}
    numbers = copy.deepcopy(planted_numbers) | {"clips": clips}
    parts = {section.id: section for section in page_sections(numbers)}
    assert words in parts["networks"].sentence
    assert ("resample speakers" in parts["networks"].sentence) == (not everywhere)
    assert (words in parts["winner-linear"].note) == everywhere
    folder = fake_study()
    write_explain(numbers, folder / "explain")
    (section,) = report_sections(read_results(folder))
    assert (words in section.note) == everywhere


def test_bands_without_a_value_are_gaps_and_not_errors(planted_numbers):
    numbers = copy.deepcopy(planted_numbers)
    for part in numbers["systems"][0]["axes"].values():
        for profile in part["profiles"].values():
            profile["low"] = profile["high"] = None
            profile["mean"][0] = [None] * len(profile["mean"][0])
    assert "winner-third_octave" in explain_page(numbers)


def test_shares_of_a_map_are_those_of_its_clips(planted_numbers):
    part = planted_numbers["systems"][0]["axes"]["linear"]
    assert np.abs(part["profiles"]["weights"]["mean"]).sum(1).max() <= 1 + 1e-3
    assert sum(part["equal"]) == pytest.approx(1, abs=1e-3)


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_the_page_draws_every_figure_without_a_word_on_the_console(many_classes, tmp_path):
    path = write_explain(many_classes, tmp_path / "explain")
    command = [
        CHROMIUM, *QUIET, f"--user-data-dir={tmp_path / 'profile'}", "--window-size=500,900",
        "--virtual-time-budget=20000", "--dump-dom", path.as_uri(),
    ]  # fmt: skip
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    drawn = re.search(r'<html[^>]*data-drawn="(\d+)"', done.stdout)
    assert drawn
    assert int(drawn[1]) == 11  # five for each axis, and a clip
