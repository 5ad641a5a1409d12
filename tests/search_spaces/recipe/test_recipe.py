"""The recipe: losses, schedules and averages beside those of torch and of the papers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from search_spaces.recipe import (
    OPTIMIZERS,
    AdamW,
    CrossEntropy,
    Ema,
    Focal,
    Lion,
    NAdamW,
    Recipe,
    Sgd,
    Swa,
    make_schedule,
)


def clips(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and mixed targets of nine clips and four classes."""
    rng = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(9, 4, generator=rng)
    targets = torch.rand(9, 4, generator=rng)
    return logits, targets / targets.sum(1, keepdim=True)


WEIGHT = torch.tensor([0.5, 1.0, 2.0, 0.1])
FLAT = (CrossEntropy(), Focal(gamma=0))


@pytest.mark.parametrize("loss", FLAT)
@pytest.mark.parametrize(("weight", "smoothing"), [(None, 0.0), (None, 0.2), (WEIGHT, 0.0)])
def test_weights_or_smoothing_alone_give_torchs_cross_entropy(loss, weight, smoothing):
    logits, targets = clips()
    expected = F.cross_entropy(logits, targets, weight=weight, label_smoothing=smoothing)
    found = loss(logits, targets, weight=weight, label_smoothing=smoothing)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("loss", FLAT)
def test_with_both_the_smoothed_loss_of_a_clip_is_weighted_by_its_label(loss):
    logits, _ = clips()
    labels = torch.arange(9) % 4
    alone = F.cross_entropy(logits, labels, label_smoothing=0.2, reduction="none")
    found = loss(logits, F.one_hot(labels, 4).float(), weight=WEIGHT, label_smoothing=0.2)
    torch.testing.assert_close(found, (alone * WEIGHT[labels]).mean())


def optimum(loss, labels: torch.Tensor, **options) -> torch.Tensor:
    """Return what the best network that knows the labels says of each class (classes, classes)."""
    logits = torch.zeros(2, 2, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=100, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        total = loss(logits[labels], torch.eye(2)[labels], **options)
        total.backward()
        return total

    optimizer.step(closure)
    return logits.detach().softmax(1)


@pytest.mark.parametrize("loss", [CrossEntropy(), Focal()])
@pytest.mark.parametrize(("ratio", "smoothing"), [(25, 0.1), (12, 0.2), (500, 0.3)])
def test_the_best_network_calls_a_clip_by_its_label_however_rare_others_are(loss, ratio, smoothing):
    labels = torch.tensor([0] * ratio + [1])
    weight = (ratio + 1) / torch.tensor([2.0 * ratio, 2.0])
    found = optimum(loss, labels, weight=weight, label_smoothing=smoothing)
    assert found.argmax(1).tolist() == [0, 1]
    alike = optimum(loss, torch.tensor([0, 1]), weight=None, label_smoothing=smoothing)
    torch.testing.assert_close(found, alike, atol=0.01, rtol=0)


@pytest.mark.parametrize("gamma", [0.5, 2.0, 5.0])
def test_focal_loss_is_the_formula_of_the_paper_on_single_labels(gamma):
    logits, _ = clips()
    labels = np.arange(9) % 4
    q = torch.softmax(logits.double(), 1).numpy()[np.arange(9), labels]
    expected = np.mean(-((1 - q) ** gamma) * np.log(q))
    targets = F.one_hot(torch.from_numpy(labels), 4).float()
    found = Focal(gamma=gamma)(logits, targets, weight=None, label_smoothing=0.0)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_focal_loss_has_a_finite_gradient_where_all_is_right():
    logits = torch.tensor([[60.0, -60.0]], requires_grad=True)
    Focal(gamma=0.5)(
        logits, torch.tensor([[1.0, 0.0]]), weight=None, label_smoothing=0.0
    ).backward()
    assert bool(logits.grad.isfinite().all())


def rates(name: str, steps: int, warmup: float) -> list[list[float]]:
    """The rate of two groups at every step."""
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (1e-2, 1e-3)]
    optimizer = torch.optim.SGD(groups)
    schedule = make_schedule(name, optimizer, steps=steps, warmup=warmup)
    found = []
    for _ in range(steps):
        found.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        schedule.step()
    return found


@pytest.mark.parametrize("name", ["one_cycle", "cosine"])
@pytest.mark.parametrize("warmup", [0.05, 0.1, 0.2, 0.25, 1 / 3, 0.5])
def test_a_schedule_of_any_length_is_finite_and_never_above_its_peak(name, warmup):
    for steps in range(1, 41):
        found = np.array(rates(name, steps, warmup))
        assert np.isfinite(found).all()
        assert found.min() >= 0
        assert found.max() <= 1e-2 + 1e-9


def test_a_rise_of_no_steps_begins_at_the_peak_as_one_a_little_shorter():
    found, shorter = rates("one_cycle", 9, 0.1), rates("one_cycle", 9, 0.0999)
    np.testing.assert_allclose(found, shorter, rtol=1e-3, atol=1e-7)
    assert found[0] == pytest.approx([1e-2, 1e-3])


@pytest.mark.parametrize("name", ["one_cycle", "cosine"])
def test_a_schedule_peaks_at_the_rate_of_each_group_after_the_warm_up_and_ends_near_zero(name):
    found = np.array(rates(name, 200, 0.25))
    np.testing.assert_allclose(found.max(0), [1e-2, 1e-3], rtol=1e-3)
    np.testing.assert_allclose(found[:, 0], 10 * found[:, 1])
    assert found[:, 0].argmax() == pytest.approx(50, abs=1)
    assert (np.diff(found[:50, 0]) > 0).all()
    assert (np.diff(found[51:, 0]) < 0).all()
    assert found[-1, 0] < 1e-5


def test_cosine_is_torchs_linear_and_cosine_schedules_one_after_the_other():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    rise = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1 / 11, total_iters=10)
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=30)
    both = torch.optim.lr_scheduler.SequentialLR(optimizer, [rise, fall], milestones=[10])
    expected = []
    for _ in range(40):
        expected.append(optimizer.param_groups[0]["lr"] * 1e-2)
        optimizer.step()
        both.step()
    found = np.array(rates("cosine", 40, 0.25))[:, 0]
    np.testing.assert_allclose(found, expected, atol=1e-8)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS.kinds))
def test_every_optimiser_finds_the_bottom_of_a_bowl_and_shrinks_what_has_no_gradient(name):
    steep, flat = torch.nn.Parameter(torch.tensor(1.0)), torch.nn.Parameter(torch.tensor(1.0))
    made = {"adamw": AdamW, "nadamw": NAdamW, "sgd": Sgd, "lion": Lion}[name](
        lr=0.02, weight_decay=0.1
    )
    optimizer = made.make([steep, flat], fused=name in ("adamw", "sgd"))
    for _ in range(300):
        optimizer.zero_grad()
        (steep.square() + 0 * flat).backward()
        optimizer.step()
    assert abs(steep.item()) < 0.05
    assert flat.item() == pytest.approx((1 - 0.02 * 0.1) ** 300, rel=0.05) or name == "sgd"
    assert flat.item() < 0.9


def test_an_exponential_average_forgets_over_its_share_of_the_schedule():
    ema = Ema(span=0.1)
    kept = math.prod(ema.decay(step, 1000) for step in range(500, 600))
    assert kept == pytest.approx(math.exp(-1), rel=1e-6)
    assert ema.decay(0, 1000) == 0  # the weights before the first step count for nothing


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Recipe(schedule="step"), "schedule must be one of one_cycle, cosine, got"),
        (lambda: Recipe(sampling="all"), "sampling must be one of shuffle, balanced, got"),
        (lambda: Focal(gamma=-1), "gamma must be at least 0"),
        (lambda: Ema(span=0), r"span must be in \(0, 1\], got span=0"),
        (lambda: Swa(start=1), r"start must be in \[0, 1\), got start=1"),
        (lambda: Lion(lr=0), "lr must be at least 1e-08"),
        (lambda: NAdamW(weight_decay=-1), "weight_decay must be at least 0"),
    ],
)
def test_values_out_of_range_are_refused_with_the_rule_and_the_value(make, message):
    with pytest.raises(ValueError, match=message):
        make()
