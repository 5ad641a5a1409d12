import base64
import html.parser
import json
import re

import pytest

from reports import write_report
from reports.page.render import figure_json
from reports.page.section import Panel
from reports.page.theme import figure
from reports.report import page
from reports.sections import sections
from search_spaces.grammar.errors import InputError
from study.results import read_results

EVIL = ("<script>alert(1)</script>", "</script><script>alert(2)</script>", "--><!--<b>&amp;")


class Reader(html.parser.HTMLParser):
    """Collects what a browser would run or load."""

    def __init__(self):
        super().__init__()
        self.scripts, self.loaded, self.handlers, self.figures = 0, [], [], []
        self.in_figure = False

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.in_figure = tag == "script" and values.get("type") == "application/json"
        self.scripts += tag == "script" and not self.in_figure
        self.loaded += [values[key] for key in ("src", "href") if key in values]
        self.handlers += [key for key in values if key.startswith("on")]

    def handle_data(self, data):
        if self.in_figure:
            self.figures.append(data)

    def handle_endtag(self, tag):
        self.in_figure = False


def _read(text):
    reader = Reader()
    reader.feed(text)
    return reader


@pytest.fixture(scope="module")
def text(thirty_trials):
    return page(read_results(thirty_trials))


def test_the_page_holds_every_section_and_valid_figures(text):
    reader = _read(text)
    for name in ("leaderboard", "fusion", "history", "curves", "importance", "parallel"):
        assert f'<section id="{name}">' in text
    for name in ("heatmap", "confusion", "speakers", "calibration", "failures", "provenance"):
        assert f'<section id="{name}">' in text
    names = [json.loads(data)["name"] for data in reader.figures]
    assert len(names) == len(set(names)) == 12


def test_the_page_needs_no_network_and_is_small(text):
    assert len(text.encode()) < 6_000_000
    inside = ("#", "data:image/png;base64,")
    assert all(target.startswith(inside) for target in _read(text).loaded)
    assert "default-src &#39;none&#39;" in text


def test_a_number_does_not_part_from_its_per_cent(text):
    words = re.sub("<script.*?</script>|<style.*?</style>", "", text, flags=re.DOTALL)
    assert "Chance is 50.0\u00a0%" in words
    assert " %" not in words


def test_every_part_of_the_page_has_a_link(text):
    for name in re.findall('<section id="([^"]*)"', text):
        assert f'<a href="#{name}">' in text


def test_every_figure_has_a_sentence(thirty_trials):
    for section in sections(read_results(thirty_trials)):
        assert section.sentence.endswith(".")
        assert section.panels or section.table or section.note


def test_what_the_winner_sees_is_on_the_page_as_it_was_kept(fake_study):
    folder = fake_study(n_trials=12)
    assert 'id="inputs"' not in page(read_results(folder))
    results = read_results(folder)
    order = [results.best.number, *(member.trial for member in results.ensemble.members)]
    kept = list(dict.fromkeys(order))[1:]  # the best one's picture is missing
    pngs = {}
    for number in kept:
        pngs[number] = b"\x89PNG" + bytes([number])
        spec = folder / "trials" / f"{number:05d}" / "spec.json"
        channels = {"kind": "windows", "windows_ms": [8.0, 16.0, 32.0]}
        spec.write_text(
            json.dumps({**json.loads(spec.read_text()), "spec": {"channels": channels}})
        )
        (folder / "trials" / f"{number:05d}" / "input_images.png").write_bytes(pngs[number])
    text = page(read_results(folder))
    assert text.count("From left to right: windows of 8, 16 and 32 ms.") == 3
    shown = [target for target in _read(text).loaded if target.startswith("data:")]
    expected = [base64.b64encode(pngs[number]).decode() for number in kept[:3]]
    assert [target.partition(",")[2] for target in shown] == expected


def test_every_name_is_inert(fake_study):
    folder = fake_study(n_trials=15, classes=EVIL, name=EVIL[1], corpus=EVIL[0])
    for number in (1, 2):
        path = folder / "trials" / f"{number:05d}" / "result.json"
        result = json.loads(path.read_text())
        result |= {"name": EVIL[number - 1], "reason": EVIL[1], "device": "<img src=x onerror=a>"}
        path.write_text(json.dumps(result))
        spec = path.with_name("spec.json")
        values = json.loads(spec.read_text())
        values["params"] |= {EVIL[0]: EVIL[number], "backbone": EVIL[number]}
        spec.write_text(json.dumps(values))
    clips = json.loads((folder / "clips.json").read_text())
    for clip in clips["partitions"]["devel"]["clips"]:
        clip[3] = f"{EVIL[0]}{clip[3]}"
    (folder / "clips.json").write_text(json.dumps(clips))
    text = page(read_results(folder))
    reader = _read(text)
    assert reader.scripts == 2
    assert reader.handlers == []
    assert len(reader.figures) == 12
    for data in reader.figures:
        assert not re.search("[<>&]", data)
        words = json.dumps(json.loads(data))
        assert "<script" not in words  # plotly's own texts are escaped once more
        assert "<b>" not in words
    assert "&lt;script&gt;alert(1)" in text


def test_figure_json_cannot_close_its_script_element():
    panel = Panel("a", figure([], title={"text": "</script><!--\u2028&"}))
    text = figure_json(panel)
    assert not re.search("[<>&\u2028]", text)
    assert json.loads(text)["layout"]["title"]["text"] == "</script><!--\u2028&"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_trials": 0}, "No trial has been started yet."),
        ({"n_trials": 1, "running": False}, "Too few trials: 1"),
        ({"n_trials": 5, "all_failed": True}, "No trial ended with a UAR"),
        ({"n_trials": 12, "ensemble": False}, "there is no fusion yet"),
        ({"n_trials": 12, "speakers": 1}, "Fewer than two devel speakers are known."),
        ({"n_trials": 12, "classes": [f"c{i}" for i in range(30)]}, "and 18 more"),
    ],
)
def test_a_study_in_any_state_gives_a_page(fake_study, options, words):
    path = write_report(fake_study(**options))
    assert path.name == "report.html"
    assert words in path.read_text(encoding="utf-8")


def test_a_study_that_has_only_its_state_gives_a_page(tmp_path):
    (tmp_path / "state.json").write_text('{"format": 1}')
    assert tmp_path.name in write_report(tmp_path).read_text(encoding="utf-8")


def test_a_recorded_corpus_carries_no_mark(fake_study):
    folder = fake_study(n_trials=2, simulated=False)
    assert "Simulated corpus" not in page(read_results(folder))


def test_the_report_is_replaced_as_a_whole_and_leaves_nothing_beside(fake_study):
    folder = fake_study(n_trials=2)
    before = {path.name for path in folder.iterdir()}
    write_report(folder)
    write_report(str(folder))
    assert {path.name for path in folder.iterdir()} == before | {"report.html"}


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"state\.json"):
        write_report(tmp_path)
