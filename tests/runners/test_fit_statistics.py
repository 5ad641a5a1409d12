"""Statistics of training clips: taken batch by batch, and only where they are wanted."""

from __future__ import annotations

import weakref

import pytest
import torch

from runners import training
from runners.band_svm import SvmFit
from runners.training import Training
from runners.waveforms import Waveforms
from support.tiny_trial import CPU, job, recipe


class Counting:
    """Counts the windows that are gathered, and the batches of them that are held at once."""

    def __init__(self, monkeypatch) -> None:
        self.windows: list[int] = []
        self.held = self.most = 0
        gather = Waveforms.gather

        def counting(waveforms, clips, starts):
            made = gather(waveforms, clips, starts)
            self.windows.append(len(made))
            self.held += 1
            self.most = max(self.most, self.held)
            weakref.finalize(made, self._let_go)
            return made

        monkeypatch.setattr(Waveforms, "gather", counting)

    def _let_go(self) -> None:
        self.held -= 1


@pytest.fixture
def counted(monkeypatch) -> Counting:
    for module in ("runners.training", "runners.band_svm"):
        monkeypatch.setattr(f"{module}.EVAL_BATCH", 8)
    return Counting(monkeypatch)


def test_a_networks_statistics_hold_a_batch_at_a_time(quick, counted, tmp_path):
    Training(job(tmp_path, recipe()), *quick, CPU)
    assert len(counted.windows) >= 48 / 8
    assert counted.most <= 2  # the next is gathered before the last is let go


def test_a_linear_machine_holds_a_batch_at_a_time(quick, counted):
    next(SvmFit(recipe(backbone={"kind": "band_svm"}), *quick, CPU).epochs())
    assert sum(counted.windows) >= 2 * 48
    assert counted.most <= 2


def test_nothing_is_gathered_for_statistics_that_nobody_reads(quick, counted, tmp_path):
    clip = {"normalize": "clip"}
    Training(job(tmp_path, recipe(image=clip)), *quick, CPU)
    assert counted.windows == []
    next(SvmFit(recipe(image=clip, backbone={"kind": "band_svm"}), *quick, CPU).epochs())
    assert sum(counted.windows) < 2 * 48  # once, for the features


def test_the_statistics_are_of_no_more_clips_than_told(quick, counted, tmp_path, monkeypatch):
    task, waveforms = quick
    monkeypatch.setattr(training, "FIT_CLIPS", 30)
    Training(job(tmp_path, recipe()), *quick, CPU)
    chosen = task.partitions["train"][::2]  # 24: of every clip there would be 48
    assert sum(counted.windows) == len(waveforms.cover(chosen).clips)


@pytest.mark.parametrize("sampling", ["shuffle", "balanced"])
def test_averaged_weights_take_their_statistics_from_clips_drawn_as_in_training(
    sampling, quick, tmp_path
):
    made = recipe(recipe={"sampling": sampling}, averaging={"kind": "swa", "start": 0.3})
    trained = Training(job(tmp_path, made), *quick, CPU)
    labels: list[int] = []
    batch = trained.clips.batch

    def noting(chosen, *args, **options):
        labels.extend(trained.clips.labels[chosen].tolist())
        return batch(chosen, *args, **options)

    trained.clips.labels = torch.tensor((0,) * 42 + (1,) * 6)  # 7 : 1
    counts = torch.bincount(trained.clips.labels)
    trained.clips._draw_weights = 1 / counts[trained.clips.labels].float()
    trained.clips.batch = noting
    for trained.epoch in range(1, 21):
        list(trained._images(trained.average.average))
    share = sum(labels) / len(labels)
    expected = 0.5 if sampling == "balanced" else 1 / 8
    assert share == pytest.approx(expected, abs=0.06)  # SD 0.016
