"""The page as readers have it: on a phone, in the dark, on paper, saved figure by figure."""

import io
import re
import shutil
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from PIL import Image

from reports import write_report
from support.chromium import Chromium, find_chromium
from support.fake_results import write_results
from support.gallery import DRAWN, picture_mlflow, write_gallery

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="Chromium is not installed")

HISTORY = "document.querySelector('#history .main-svg')"
PHONE = 390  # CSS pixels
LIKE_MLFLOW = """<!DOCTYPE html><div row-id="1"><a>a run</a></div><script>
  const key = 'MLflowLocalStorage-1.1-ExperimentPage-["1"]-ReactComponentState';
  const known = JSON.parse(localStorage[key] || '{"selectedColumns": []}');
  localStorage[key] = JSON.stringify(known);
  document.body.append(...known.selectedColumns);
  const closed = localStorage["mlflow.assistant.panelOpen_v1"] === "false";
  document.body.style.background = closed ? "blue" : "red";
</script>"""
WIDER_THAN_THE_PAGE = """[...document.querySelectorAll('main *, header *')]
  .filter(e => !e.closest('.scroll') && e.getBoundingClientRect().right > innerWidth + 1)
  .map(e => e.outerHTML)"""


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A study of 20 classes with the images that its best network sees."""
    folder = write_results(
        tmp_path_factory.mktemp("results") / "study",
        n_trials=8,  # so few that nothing is said of importance, which takes long
        classes=[f"class {n:02d}" for n in range(20)],
        clips_per_speaker=20,
    )
    for trial in (folder / "trials").iterdir():
        Image.new("RGB", (672, 206), "white").save(trial / "input_images.png")
    return folder


@pytest.fixture(scope="module")
def address(study) -> str:
    """Where its report is."""
    return write_report(study).as_uri()


def saved(folder: Path, name: str) -> Path:
    """A file once the browser has written it."""
    end = time.monotonic() + 60
    while not (folder / name).is_file():
        assert time.monotonic() < end, f"{name} is not saved: {list(folder.iterdir())}"
        time.sleep(0.1)
    return folder / name


def test_figures_and_pictures_are_saved_light_also_from_a_dark_page(address, tmp_path):
    with Chromium(width=1000, dark=True) as browser:
        browser._ask("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
        browser.open(address, until=DRAWN)
        assert browser.ask("getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 28)"
        ink = browser.ask("getComputedStyle(document.querySelector('#history .xtick text')).fill")
        assert min(map(int, re.findall(r"\d+", ink))) > 200
        shade = "getComputedStyle(document.querySelector('#inputs img')).filter"
        assert browser.ask(shade) == "brightness(0.75)"
        for place, name in enumerate(("SVG", "PNG")):
            button = f"document.querySelectorAll('#history .save button')[{place}]"
            assert browser.ask(f"{button}.textContent") == f"save as {name}"
            browser.click(button)
        browser.click("document.querySelector('#inputs .save a')")
        svg = ET.parse(saved(tmp_path, "history.svg")).getroot()
        assert svg.tag.endswith("}svg")
        assert "best so far" in "".join(svg.itertext())
        picture = Image.open(saved(tmp_path, "history.png")).convert("RGB")
        assert picture.size == (2 * int(svg.get("width")), 2 * int(svg.get("height")))
        assert picture.getpixel((0, 0)) == (255, 255, 255)
        assert Image.open(saved(tmp_path, "inputs-1.png")).size == (672, 206)
        assert browser.complaints == []


def test_a_phone_scrolls_wide_figures_and_pictures_but_not_the_page(address):
    with Chromium(width=PHONE, height=844) as browser:
        browser.open(address, until=DRAWN)
        assert browser.ask("innerWidth") == PHONE
        assert browser.ask("document.documentElement.scrollWidth") == PHONE
        assert browser.ask(WIDER_THAN_THE_PAGE) == []
        assert browser.ask("document.querySelector('#inputs img').clientWidth") == 672  # legible
        apart = browser.ask(
            "(ticks => ticks[1].x - ticks[0].x - ticks[0].width)([...document"
            ".querySelectorAll('#confusion figure:first-child .xtick text')]"
            ".map(e => e.getBoundingClientRect()))"
        )
        assert apart > 0
        assert browser.complaints == []


def test_the_page_prints_with_the_numbers_of_many_classes_and_returns_as_it_was(address):
    with Chromium(width=1000, dark=True) as browser:
        browser.open(address, until=DRAWN)
        width = browser.ask(f"{HISTORY}.clientWidth")
        paper = browser.pdf()
        assert paper.startswith(b"%PDF")
        assert paper.rstrip().endswith(b"%%EOF")
        assert len(re.findall(rb"/Type\s*/Page\b", paper)) > 3
        browser._ask("Emulation.setEmulatedMedia", media="print", features=browser.features)
        browser.ask("window.dispatchEvent(new Event('beforeprint'))")
        browser.wait(f"{HISTORY}.clientWidth === 680", seconds=20)
        assert browser.ask("document.querySelectorAll('#confusion .heatmap-label').length") > 20
        assert (
            browser.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        )
        assert (
            browser.ask("[...document.querySelectorAll('.save')].some(e => e.clientWidth)") is False
        )
        browser._ask("Emulation.setEmulatedMedia", media="", features=browser.features)
        browser.ask("window.dispatchEvent(new Event('afterprint'))")
        browser.wait(f"{HISTORY}.clientWidth === {width}", seconds=20)
        assert browser.complaints == []


def test_a_gallery_holds_the_head_and_a_picture_of_every_section_with_figures(study, tmp_path):
    folder = shutil.copytree(study, tmp_path / "study")
    written = write_gallery(folder, tmp_path / "new" / "images", width=700)
    names = [path.stem for path in written]
    assert names[0] == "report"
    assert {"report-fusion", "report-history", "report-calibration"} <= {*names}
    assert "report-leaderboard" not in names  # a table
    assert sorted(path.name for path in (tmp_path / "new" / "images").iterdir()) == sorted(
        path.name for path in written
    )
    for path in written:
        picture = Image.open(io.BytesIO(path.read_bytes())).convert("RGB")
        assert 600 < picture.width <= 724
        assert 100 < picture.height <= 900
        assert len(picture.getcolors(1 << 20)) > 5  # something is drawn


def test_a_picture_of_mlflow_has_columns_for_metrics_and_no_assistant(tmp_path):
    (tmp_path / "runs.html").write_text(LIKE_MLFLOW)
    path = picture_mlflow((tmp_path / "runs.html").as_uri(), tmp_path / "mlflow.png")
    assert Image.open(path).convert("RGB").getpixel((1190, 690)) == (0, 0, 255)
