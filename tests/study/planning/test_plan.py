"""How a study begins, also where its beginning is cut short."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess

import pytest

from runners.job import Task
from search_spaces.grammar.errors import InputError
from study.planning import plan as opening
from study.planning.plan import plan_study, source_revision, write_study
from study.results import read_results
from support.finished_study import config_of


def test_a_beginning_that_a_full_disk_cuts_short_goes_on(synthetic, tmp_path, monkeypatch):
    config = config_of(synthetic)
    plan = plan_study(config, base=tmp_path)
    with monkeypatch.context() as patch:

        def full(self, path):
            path.write_text("{")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

        patch.setattr(Task, "write", full)
        with pytest.raises(OSError, match="No space"):
            write_study(plan)
    again = plan_study(config, base=tmp_path)
    assert again.resumed
    assert again.state["id"] == plan.state["id"]
    write_study(again)
    assert Task.read(again.folder / "task.json") == again.task
    assert read_results(again.folder).classes == again.task.classes


def test_what_is_left_of_the_very_first_file_is_no_study_of_somebody(synthetic, tmp_path):
    folder = tmp_path / "results" / "tiny"
    folder.mkdir(parents=True)
    (folder / ".state.json.part").write_text('{"format": 1, "id')
    write_study(plan_study(config_of(synthetic), base=tmp_path))
    assert not list(folder.glob(".*.part"))


def test_a_folder_with_files_of_somebody_is_left_alone(synthetic, tmp_path):
    folder = tmp_path / "results" / "tiny"
    folder.mkdir(parents=True)
    (folder / "study.yaml").write_text("mine")
    with pytest.raises(InputError, match=r"is not empty and is no study .* study\.yaml"):
        plan_study(config_of(synthetic), base=tmp_path)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_revision_says_where_a_tracked_file_was_changed(tmp_path, monkeypatch):
    def git(*words: str) -> str:
        who = ["-c", "user.name=me", "-c", "user.email=me@example.org"]
        done = subprocess.run(["git", *who, *words], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    source = tmp_path / "opening.py"
    source.write_text("one")
    monkeypatch.setattr(opening, "__file__", str(source))
    git("init")
    git("add", "opening.py")
    git("commit", "-m", "first")
    git("tag", "-m", "a release", "v1.0")
    revision = git("rev-parse", "HEAD")
    (tmp_path / "notes.txt").write_text("not tracked")
    assert source_revision() == revision
    source.write_text("two")
    assert source_revision() == f"{revision}-dirty"


def test_without_git_the_revision_is_the_version(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert source_revision().startswith("v")
