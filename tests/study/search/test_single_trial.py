"""`spectune trial`: one trial in the foreground, beside what the study has of it."""

from __future__ import annotations

from pathlib import Path

from study.results.trial_folder import TrialFolder


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_trial_of_the_study_gives_the_same_numbers_and_leaves_it_alone(spectune, finished):
    before = content(finished)
    code, out, _ = spectune("trial", finished.parent.parent / "study.yaml", 1)
    result = TrialFolder(finished / "trials", 1).result()
    assert code == 0
    assert "the same in all 4 epochs" in out.splitlines()[-1]
    told = [line for line in out.splitlines() if line.startswith("epoch ")]
    uars = [f"devel UAR {100 * uar:.1f} %" for uar in result["uar_per_epoch"]]
    assert [line.partition(": ")[2].partition(",")[0] for line in told] == uars
    assert content(finished) == before


def test_a_spec_of_ones_own_is_written_like_a_baseline(spectune, finished, tmp_path):
    spec = tmp_path / "mine.yaml"
    spec.write_text("scale: {linear: {n_bands: 32}}\nbackbone: test_resnet\nrecipe: {epochs: 2}\n")
    code, out, _ = spectune("trial", finished, spec)
    assert code == 0
    assert out.startswith("linear-mono test_resnet on cpu")
    assert " of 2, " in out.splitlines()[-1]


def test_what_fails_is_told_with_its_traceback(spectune, finished, tmp_path):
    spec = tmp_path / "much.yaml"
    spec.write_text(
        "scale: mel\nbackbone: test_resnet\noptimizer: {sgd: {lr: 1.0e+30}}\nrecipe: {batch: 4}\n"
    )
    code, out, _ = spectune("trial", finished, spec)
    assert code == 3
    assert "Traceback" in out
    assert out.splitlines()[-1].startswith("failed (loss): ")


def test_what_is_no_trial_is_a_sentence(spectune, finished, tmp_path):
    spec = tmp_path / "open.yaml"
    for text, words in (
        ("scale: [mel, log]\n", "baselines.open.scale must be one kind"),
        ("scale: barks\n", "did you mean bark?"),
        ("- mel\n", "mapping"),
    ):
        spec.write_text(text)
        code, out, error = spectune("trial", finished, spec)
        assert (code, out) == (2, "")
        assert words in error
        assert "Traceback" not in error
    assert spectune("trial", finished, 99)[2].endswith("there is no trial 99\n")
    assert "none.yaml" in spectune("trial", finished, tmp_path / "none.yaml")[2]
