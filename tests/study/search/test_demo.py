"""The demo and its folder."""

from __future__ import annotations

import pytest

from search_spaces.grammar.errors import InputError
from study.search import demo


def test_the_demo_goes_on_with_its_own_study_and_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "make_synthetic", lambda folder: folder)
    monkeypatch.setattr(demo, "run_study", lambda config, **options: config.budget.trials)
    assert demo.run_demo(tmp_path / "d", trials=2) == 2
    assert demo.run_demo(tmp_path / "d", trials=5) == 5
    path = tmp_path / "d" / "study.yaml"
    for text in (path.read_text().replace("slots: null", "slots: 2"), "no: study", "["):
        path.write_text(text)
        with pytest.raises(InputError, match="must be the demo's own"):
            demo.run_demo(tmp_path / "d", trials=2)
        assert path.read_text() == text
