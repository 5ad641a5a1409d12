"""Damaged results folders: told in a sentence or handled, whatever value is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from search_spaces.grammar.errors import InputError
from study.challenge.refit_record import read_refit
from study.results import read_results
from study.results.leaderboard import leaderboard, write_leaderboard
from study.results.status import leaderboard_lines, status_lines, status_of
from support.fake_results import write_results
from support.hostile import TEXTS, sentence, spoilt

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_results(tmp_path / "s", n_trials=3, clips_per_speaker=3, running=False)


def look_at(folder: Path) -> None:
    """All that status and leaderboard do."""
    results, found = read_results(folder), status_of(folder)
    json.dumps(found)
    assert status_lines(found)
    rows = leaderboard(results)
    leaderboard_lines(rows)
    write_leaderboard(results, folder.parent / "leaderboard.csv")


READ = [
    "state.json",
    "clips.json",
    "ensemble/ensemble.json",
    "trials/00001/spec.json",
    "trials/00001/result.json",
]


@pytest.mark.parametrize("name", READ)
def test_any_wrong_value_in_a_results_folder_is_told_or_does_no_harm(folder: Path, name: str):
    path = folder / name
    plain = json.loads(path.read_text())
    refused = 0
    for what, content in spoilt(plain):
        path.write_text(json.dumps(content))
        try:
            look_at(folder)
        except InputError as error:
            sentence(error)
            refused += 1
        except Exception as error:
            pytest.fail(f"{name}: {what}: {error!r}")
    assert refused >= 5


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("i", range(len(TEXTS)))
def test_what_is_no_json_object_is_told_with_its_file(folder: Path, name: str, i: int):
    (folder / name).write_text(TEXTS[i])
    with pytest.raises(InputError) as refused:
        look_at(folder)
    assert name.rpartition("/")[2] in sentence(refused.value)


@pytest.mark.parametrize("name", READ)
def test_a_file_cut_anywhere_is_told(folder: Path, name: str):
    whole = (folder / name).read_bytes()
    for share in (0.01, 0.1, 0.3, 0.5, 0.9, 0.99):
        (folder / name).write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(InputError):
            look_at(folder)


def test_any_wrong_value_in_an_event_is_read_past(folder: Path):
    path = folder / "trials/00001/events.jsonl"
    lines = path.read_text().splitlines()
    for i in range(min(len(lines), 3)):
        for _, content in spoilt(json.loads(lines[i])):
            path.write_text("\n".join([*lines[:i], json.dumps(content), *lines[i + 1 :]]))
            look_at(folder)
    for torn in ("{", '{"event": "epoch"', "\0\0\0", "[" * 100_000):
        path.write_text("\n".join([*lines, torn]))
        look_at(folder)


@pytest.mark.parametrize("text", TEXTS)
def test_a_damaged_refit_is_told(folder: Path, text: str):
    (folder / "refit").mkdir()
    (folder / "refit/refit.json").write_text(text)
    with pytest.raises(InputError, match=r"refit\.json"):
        read_refit(read_results(folder))
