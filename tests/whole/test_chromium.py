import io
import os

import pytest
from PIL import Image

from search_spaces.grammar.errors import InputError
from support.chromium import Chromium, find_chromium

PAGE = """<!DOCTYPE html><title>a page</title>
<style>
  body { margin: 0 } #box { width: 120px; height: 40px; margin: 1500px 0 0 30px; background: red }
  @media (prefers-color-scheme: dark) { #box { background: blue } }
</style>
<div id="box"></div><button onclick="document.title = 'clicked'; console.error('as asked')">press
</button>"""

there = pytest.mark.skipif(find_chromium() is None, reason="Chromium is not installed")


@there
def test_a_page_is_opened_clicked_pictured_and_its_complaints_are_kept(tmp_path):
    (tmp_path / "page.html").write_text(PAGE)
    with Chromium(width=400, height=300, dark=True, scale=2) as browser:
        browser.open((tmp_path / "page.html").as_uri())
        assert browser.ask("document.title") == "a page"
        picture = Image.open(io.BytesIO(browser.picture(["#box"]))).convert("RGB")
        assert picture.size == (240, 80)
        assert picture.getcolors() == [(240 * 80, (0, 0, 255))]  # dark, and far below the window
        assert browser.complaints == []
        browser.click("document.querySelector('button')")
        browser.wait("document.title === 'clicked'")
        assert browser.complaints == ["as asked"]
        with pytest.raises(RuntimeError, match="nothing is not defined"):
            browser.ask("nothing")
        with pytest.raises(TimeoutError, match="press"):
            browser.wait("false", seconds=0.5)
        process = browser._process
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_a_machine_without_chromium_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr("support.chromium.shutil.which", lambda name: None)
    with pytest.raises(InputError, match="Chromium must be installed"), Chromium():
        pass
