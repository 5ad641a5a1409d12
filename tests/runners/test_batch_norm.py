"""Running statistics at the beginning of a training: of batches, not of what layers begin with."""

from __future__ import annotations

import torch

from runners.batch_norm import FirstStatistics
from runners.training import Training
from support.tiny_trial import CPU, job, recipe


def test_running_statistics_begin_as_the_mean_over_the_batches():
    torch.manual_seed(0)
    layer = torch.nn.BatchNorm1d(4)
    statistics = FirstStatistics(layer)
    batches = 5 + 3 * torch.randn(30, 16, 4)
    for step, batch in enumerate(batches):
        statistics.begin_step(step)
        layer(batch)
        if step < 10:
            seen = batches[: step + 1]
            torch.testing.assert_close(layer.running_mean, seen.mean((0, 1)))
            torch.testing.assert_close(layer.running_var, seen.var(1).mean(0))
    assert layer.momentum == 0.1  # its own again


def test_a_layer_that_forgets_nothing_or_more_keeps_its_momentum():
    layers = torch.nn.ModuleList(torch.nn.BatchNorm1d(4, momentum=m) for m in (None, 0.5, 0.01))
    statistics = FirstStatistics(layers)
    statistics.begin_step(9)
    assert [layer.momentum for layer in layers] == [None, 0.5, 0.1]


def momenta(training: Training) -> list[float]:
    """The first layer's momentum at every step, until the training ends."""
    layer = next(m for m in training.model.modules() if isinstance(m, torch.nn.BatchNorm2d))
    found: list[float] = []
    step = training._step

    def noting(chosen):
        found.append(layer.momentum)
        return step(chosen)

    training._step = noting
    list(training.epochs())
    return found


def test_steps_are_counted_over_epochs_and_from_a_checkpoint_on(quick, tmp_path):
    expected = [max(0.1, 1 / (step + 1)) for step in range(18)]
    whole = Training(job(tmp_path, recipe()), *quick, CPU)
    assert momenta(whole) == expected
    first = Training(job(tmp_path, recipe(), last_epoch=1), *quick, CPU)
    list(first.epochs())
    again = Training(job(tmp_path, recipe()), *quick, CPU)
    assert again.set_state(first.state())
    assert momenta(again) == expected[6:]


def test_steps_of_a_resting_body_do_not_count(quick, pretrained, tmp_path):
    made = recipe(backbone={"kind": "test_resnet", "pretrained": True, "freeze": 0.3})
    training = Training(job(tmp_path, made, weights=str(pretrained)), *quick, CPU)
    assert momenta(training)[6:] == [max(0.1, 1 / (step + 1)) for step in range(12)]
