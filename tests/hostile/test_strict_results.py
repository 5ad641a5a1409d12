"""A results folder from elsewhere: what is wrong is told at once, and nothing in it has no end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from search_spaces.grammar.errors import InputError
from study.results import read_results
from study.results.trial_folder import TrialFolder, trial_folders
from study.search.recover import MOST_GAPS, recover
from support.endless import ENDLESS
from support.fake_results import write_results

pytestmark = pytest.mark.timeout(60)
TRIAL = "trials/00001"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_results(tmp_path / "s", n_trials=3, clips_per_speaker=3, running=False)


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


WRONG = {
    "another version": ("state.json", {"format": 2}, r"state\.json: format must be 1, got 2"),
    "a result of another version": (f"{TRIAL}/result.json", {"format": 2}, "format must be 1"),
    "no state": (f"{TRIAL}/result.json", {"state": "weird"}, "state must be complete, pruned or"),
    "a list of files": (f"{TRIAL}/result.json", {"files": []}, "files must be plain file names"),
    "a file elsewhere": (f"{TRIAL}/result.json", {"files": {"../x": ""}}, "files must be plain"),
    "another trial": (f"{TRIAL}/result.json", {"number": 2}, "number must be that of the folder"),
    "no best epoch": (f"{TRIAL}/result.json", {"best_epoch": 99}, "best_epoch must be one of"),
    "no UAR": (f"{TRIAL}/result.json", {"uar": None}, "uar and best_epoch must both be given"),
    "a copied trial": (f"{TRIAL}/spec.json", {"number": 0}, "number must be that of its folder, 1"),
    "swapped classes": ("clips.json", {"classes": ["mask", "clear"]}, "classes must be those of"),
    "equal classes": ("clips.json", {"classes": ["mask", "mask"]}, "classes must be different"),
    "a label without a class": ("clips.json", {"classes": ["mask"]}, "the label of a clip must be"),
    "no partitions": ("clips.json", {"partitions": {}}, "must have classes and a devel partition"),
    "one fold": ("clips.json", {"folds": 5}, "folds must be a list of whole numbers, got 5"),
    "folds of others": ("clips.json", {"folds": [0]}, "folds must be one per devel clip"),
    "another protocol": ("clips.json", {"protocol": "x"}, "protocol must be one of holdout, kfold"),
    "no folds": ("clips.json", {"protocol": "loso"}, "folds must be there under loso, got 0"),
    "texts for clips": (
        "clips.json",
        {"partitions": {"devel": {"digest": "", "clips": ["abcd"]}}},
        "a clip must be",
    ),
    "another fusion": (
        "ensemble/ensemble.json",
        {"identity": {"classes": ["a", "b"]}},
        r"classes must be those of .*ensemble\.json",
    ),
}


@pytest.mark.parametrize(("name", "values", "words"), WRONG.values(), ids=WRONG)
def test_what_does_not_belong_together_is_refused(folder, name, values, words):
    change(folder / name, **values)
    with pytest.raises(InputError, match=words) as refused:
        read_results(folder)
    assert len(refused.value.problems) == 1


def test_trials_without_their_clips_are_refused(folder):
    (folder / "clips.json").unlink()
    with pytest.raises(InputError, match=r"clips\.json: must be there, since there are trials"):
        read_results(folder)


@pytest.mark.parametrize("make", ENDLESS.values(), ids=ENDLESS)
@pytest.mark.parametrize(
    "name",
    [
        "state.json",
        "clips.json",
        "ensemble/ensemble.json",
        "imports/x/import.json",
        *(f"{TRIAL}/{name}" for name in ("spec.json", "result.json", "events.jsonl")),
    ],
)
def test_what_has_no_end_is_refused_unread(folder, name, make):
    path = folder / name
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    make(path)
    with pytest.raises(InputError, match=path.name):
        read_results(folder)


@pytest.mark.parametrize("name", ["²", "1", "000001", "00001.bak", "x", "٣"])
def test_folders_that_are_not_named_as_trials_are_not_ours(folder, name):
    (folder / "trials" / "00001").rename(folder / "trials" / name)
    assert [trial.number for trial in read_results(folder).trials] == [0, 2]
    assert [trial.number for trial in trial_folders(folder / "trials")] == [0, 2]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 1}', '{"format": 1, "number": 1, "state": "weird"}']
)
def test_a_damaged_result_has_not_ended_its_trial_for_who_runs_it(folder, text):
    (folder / TRIAL / "result.json").write_text(text)
    assert TrialFolder(folder / "trials", 1).result() is None


def test_a_result_of_another_version_is_no_damage(folder):
    change(folder / TRIAL / "result.json", format=2)
    with pytest.raises(InputError, match="format must be 1, got 2"):
        TrialFolder(folder / "trials", 1).result()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "must hold a JSON object"),
        ('{"number": 1, "spec": []}', "spec must be a mapping"),
        ('{"number": 1, "spec": {"x": 1}}', "unknown key 'x'"),
        ('{"number": 7}', "number must be that of its folder, 1, got 7"),
    ],
)
def test_a_damaged_spec_is_told_with_its_file(folder, text, words):
    (folder / TRIAL / "spec.json").write_text(text)
    with pytest.raises(InputError, match=rf"00001/spec\.json: .*{words}"):
        TrialFolder(folder / "trials", 1).spec()


def test_a_trial_far_beyond_the_others_is_not_replayed_up_to(folder):
    far = folder / "trials" / "99999"
    (folder / TRIAL).rename(far)
    change(far / "spec.json", number=99_999)
    with pytest.raises(InputError, match=f"99999: at most {MOST_GAPS} trials may be missing"):
        recover(folder / "trials", None)


@pytest.mark.parametrize(
    "event", [{"event": "epoch"}, {"event": "verdict", "epoch": 1}, {"epoch": 1}, {"event": 5}]
)
def test_an_event_that_says_too_little_is_left_out(folder, event):
    before = TrialFolder(folder / "trials", 1).events()
    with (folder / TRIAL / "events.jsonl").open("a") as file:
        file.write(json.dumps(event) + "\n")
    assert TrialFolder(folder / "trials", 1).events() == before


def test_folds_of_a_cross_validation_are_two_or_more_and_none_of_a_holdout(folder):
    clips = json.loads((folder / "clips.json").read_text())["partitions"]["devel"]["clips"]
    change(folder / "clips.json", folds=[k % 2 for k, _ in enumerate(clips)])
    with pytest.raises(InputError, match="folds must be empty under holdout"):
        read_results(folder)
    change(folder / "clips.json", protocol="kfold")
    assert read_results(folder).n_folds == 2
    for k in (0, len(clips)):
        change(folder / "clips.json", folds=[k] * len(clips))
        with pytest.raises(InputError, match="folds must be two or more, 0 first, got"):
            read_results(folder)
