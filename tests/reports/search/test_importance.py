import dataclasses
import math

import numpy as np
import pytest

from reports.search.dimensions import MISSING, Parameter, branches, dimension, used_params, varied
from reports.search.importance import encode, importance, importance_figure
from reports.search.parallel import ABSENT, axis, parallel, parallel_figure
from reports.search.searched import left_out_baselines
from reports.sections import sections
from reports.systems.leaderboard import leaderboard_table
from study.results import read_results


@pytest.fixture(scope="module")
def results(thirty_trials):
    return read_results(thirty_trials)


def _study(results, params, uars):
    template = results.trials[1]
    trials = tuple(
        dataclasses.replace(template, number=n, params=p, uar=u, state="complete")
        for n, (p, u) in enumerate(zip(params, uars, strict=True))
    )
    return dataclasses.replace(results, trials=trials)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("scale", "scale"),
        ("mel.n_bands", "scale"),
        ("bark.n_bands", "scale"),
        ("windows.windows_ms", "channels"),
        ("db.floor_db", "amplitude"),
        ("augment.noise.p", "augmentation"),
        ("backbone", "backbone"),
        ("optimizer", "recipe"),
        ("adamw.lr", "recipe"),
        ("recipe.epochs", "recipe"),
        ("loss", "recipe"),
        ("focal.gamma", "recipe"),
        ("averaging", "recipe"),
        ("ema.span", "recipe"),
        ("swa.start", "recipe"),
        ("spectrogram.hop_ms", "spectrogram"),
        ("image.height", "spectrogram"),
        ("something.new", "other"),
        ("resnet18.a1_in1k.drop_rate", "backbone"),
    ],
)
def test_a_parameter_belongs_to_the_dimension_that_chose_its_branch(name, expected):
    chosen_by = branches([{"scale": "bark"}, {"backbone": "resnet18.a1_in1k"}])
    assert dimension(name, chosen_by) == expected


def test_only_what_varies_is_kept_and_a_branch_with_one_value_says_nothing(results):
    params = [{"scale": "mel", "mel.n_bands": 64, "hop": 1}, {"scale": "log", "hop": 1}]
    study = _study(results, params, [0.5, 0.6])
    assert [p.name for p in varied(study.trials)] == ["scale"]


def test_what_comes_and_goes_without_a_branch_is_told_once_as_a_switch(results):
    on = {"scale": "mel", "augment.noise.p": 0.5, "augment.noise.min_snr_db": 5.0}
    study = _study(results, [on, {"scale": "mel"}], [0.5, 0.6])
    (parameter,) = varied(study.trials)
    assert parameter.name == "augment.noise.p"
    assert parameter.switch
    assert encode(parameter)[0, 0] > encode(parameter)[1, 0]


def test_an_augmentation_that_is_off_counts_as_a_value(results):
    params = [
        {"adamw.lr": n / 30, **({"augment.noise.p": 0.5} if n % 2 else {})} for n in range(30)
    ]
    numbers = importance(
        _study(results, params, [0.5 + 0.1 * (n % 2) for n in range(30)]), n_samples=5
    )
    assert numbers.parameters[0].name == "augment.noise.p"
    assert numbers.parameters[0].share > 0.5


def test_absent_is_a_level_of_its_own_for_words_and_numbers():
    words = encode(Parameter("a", "scale", ("x", MISSING, "y")))
    assert words.tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    numbers = encode(Parameter("a", "scale", (3.0, MISSING, 5.0)))
    assert numbers[[0, 2], 0].tolist() == [3.0, 5.0]
    assert numbers[1, 0] < 3.0 - 10


def test_shares_of_what_acts_alone_are_shares_of_the_variance(results):
    params, uars = [], []
    for n in range(240):
        backbone, scale = "abc"[n % 3], ("mel", "log")[n // 3 % 2]
        params.append({"backbone": backbone, "scale": scale, "adamw.lr": n * 7 % 240 / 240})
        uars.append({"a": 0.5, "b": 0.6, "c": 0.7}[backbone] + (0.08 if scale == "log" else 0.0))
    numbers = importance(_study(results, params, uars), n_samples=6, n_trees=15)
    shares = {bar.name: bar.share for bar in numbers.dimensions}
    of_backbone = np.var([0.5, 0.6, 0.7]) / np.var(uars)
    assert shares["backbone"] == pytest.approx(of_backbone, abs=0.1)
    assert shares["scale"] == pytest.approx(1 - of_backbone, abs=0.1)


def test_what_a_linear_machine_does_not_use_is_absent(results):
    recipe = {
        "scale": "mel", "optimizer": "adamw", "adamw.lr": 1e-3, "loss": "focal", "focal.gamma": 2.0,
        "averaging": "none", "recipe.epochs": 12, "augment.gain.p": 1,
    }  # fmt: skip
    machine = {**recipe, "backbone": "band_svm", "band_svm.c": 0.01}
    network = {**recipe, "backbone": "resnet18", "adamw.lr": 1e-2, "recipe.epochs": 8}
    study = _study(results, [machine, network, {**network, "adamw.lr": 2e-2}], [0.8, 0.6, 0.7])
    used = used_params(study.trials[0])
    assert used == {"scale": "mel", "backbone": "band_svm", "band_svm.c": 0.01}
    assert used_params(study.trials[1]) == network
    rates = next(p for p in varied(study.trials) if p.name == "adamw.lr")
    assert rates.values == (MISSING, 1e-2, 2e-2)
    assert "recipe.epochs" not in {p.name for p in varied(study.trials)}
    choices = leaderboard_table(study)
    optimizer = [row[choices.columns.index("backbone") :] for row in choices.rows]
    assert optimizer[0] == ("band_svm",)


def _with_linear_machines(results, share, *, n=120):
    """UAR is 20 points of the backbone, 2 of the scale; linear machines have no augmentation."""
    generator = np.random.default_rng(0)
    params, uars = [], []
    for _ in range(n):
        machine = generator.random() < share
        one = {
            "backbone": "band_svm" if machine else str(generator.choice(["resnet18", "convnext"])),
            "scale": str(generator.choice(["mel", "linear"])),
            "optimizer": "adamw",
            "adamw.lr": float(10 ** generator.uniform(-4, -2)),
            "recipe.epochs": int(generator.choice([6, 8])),
        }
        if not machine:
            one |= {"augment.noise.p": 0.5, "augment.noise.min_snr_db": generator.uniform(0, 20)}
        params.append(one)
        uar = (0.55 if machine else 0.75) + 0.02 * (one["scale"] == "linear")
        uars.append(uar + generator.normal(0, 0.01))
    return _study(results, params, uars)


def test_what_a_backbone_leaves_unused_takes_nothing_from_its_importance(results):
    study = _with_linear_machines(results, 1 / 3)
    numbers = importance(study, n_samples=6, n_trees=15)
    for bars in (numbers.dimensions, numbers.parameters):
        shares = {bar.name: bar.share for bar in bars}
        assert shares.pop("backbone") > 0.8
        assert max(shares.values()) < 0.1


def test_a_baseline_whose_backbone_is_not_searched_is_left_out_and_named(results):
    study = _with_linear_machines(results, 0.0, n=40)
    machine = {**study.trials[0].params, "backbone": "band_svm"}
    first = dataclasses.replace(
        study.trials[0], params=machine, uar=0.55, origin="baseline:band_svm"
    )
    study = dataclasses.replace(study, trials=(first, *study.trials[1:]))
    numbers = importance(study)
    assert (numbers.n_trials, numbers.left_out) == (39, (0,))
    assert numbers.dimensions[0].name == "scale"
    section = {section.id: section for section in sections(study)}["importance"]
    assert "Left out: trial 0, a baseline whose backbone the search does not have." in section.note
    searched = dataclasses.replace(study.trials[5], params=machine)
    assert left_out_baselines((first, *study.trials[1:5], searched)) == ()


def test_a_searched_null_is_a_level_and_no_branch_that_was_not_taken(results):
    heights = [None, 128]
    params = [{"image.height": heights[n % 2], "adamw.lr": n / 40} for n in range(40)]
    study = _study(results, params, [0.5 + 0.1 * (n % 2) for n in range(40)])
    height = next(p for p in varied(study.trials) if p.name == "image.height")
    assert (height.levels, height.conditional) == (("128", "none"), False)
    assert importance(study, n_samples=5).parameters[0].name == "image.height"
    assert set(axis(height).labels) == {"128", "none"}


def test_a_default_that_is_not_written_down_made_no_difference(results):
    study = _study(results, [{"scale": "mel"}, {"scale": "log", "image.flip": "none"}], [0.5, 0.6])
    assert [p.name for p in varied(study.trials)] == ["scale"]


def test_too_few_trials_or_nothing_to_explain_give_nothing(results):
    params = [{"scale": "mel" if n % 2 else "log"} for n in range(20)]
    assert importance(_study(results, params[:9], np.linspace(0.5, 0.6, 9))) is None
    assert importance(_study(results, params, [0.5] * 20)) is None
    assert importance(_study(results, [{"scale": "mel"}] * 20, np.linspace(0, 1, 20))) is None


def test_importance_finds_the_dimension_that_made_the_difference(results):
    generator = np.random.default_rng(1)
    params = [
        {
            "scale": str(generator.choice(["mel", "log"])),
            "backbone": str(generator.choice(["a", "b", "c"])),
            "adamw.lr": float(generator.uniform()),
        }
        for _ in range(60)
    ]
    uars = [{"a": 0.5, "b": 0.7, "c": 0.9}[p["backbone"]] for p in params]
    numbers = importance(_study(results, params, uars), n_samples=8, n_trees=15)
    assert numbers.dimensions[0].name == "backbone"
    assert numbers.dimensions[0].share == pytest.approx(1, abs=0.1)
    assert all(bar.high <= 1 for bar in numbers.dimensions)
    assert all(abs(bar.share) < 0.1 for bar in numbers.dimensions[1:])
    assert numbers.r2 > 0.8
    assert numbers.trustworthy
    assert all(bar.low <= bar.share <= bar.high for bar in numbers.dimensions)


def test_a_conditional_number_matters_only_where_it_is(results):
    generator = np.random.default_rng(2)
    params, uars = [], []
    for _ in range(80):
        bands = int(generator.choice([32, 64]))
        if generator.uniform() < 0.5:
            params.append({"scale": "mel", "mel.n_bands": bands})
            uars.append(0.6 if bands == 32 else 0.8)
        else:
            params.append({"scale": "linear", "linear.fmin": float(bands)})
            uars.append(0.7)
    numbers = importance(_study(results, params, uars), n_samples=8, n_trees=15)
    shares = {bar.name: bar.share for bar in numbers.parameters}
    assert [bar.name for bar in numbers.dimensions] == ["scale"]
    assert shares["mel.n_bands"] > 0.5
    assert abs(shares["linear.fmin"]) < 0.05


def test_noise_is_not_trusted(results):
    generator = np.random.default_rng(3)
    params = [{"adamw.lr": float(generator.uniform())} for _ in range(40)]
    study = _study(results, params, generator.uniform(size=40))
    assert not importance(study, n_samples=8, n_trees=15).trustworthy


def test_importance_is_the_same_again_and_is_drawn_most_important_on_top(results):
    first, again = (importance(results, n_samples=3, n_trees=10) for _ in range(2))
    assert first == again
    assert first.n_trials == 26
    figure = importance_figure(first.dimensions)
    assert figure.layout.yaxis.ticktext[-1] == first.dimensions[0].name
    assert figure.data[0].x[-1] == 100 * first.dimensions[0].share


def test_wide_ranges_are_logarithmic_and_absent_lies_below():
    lr = axis(Parameter("adamw.lr", "recipe", (1e-4, 1e-3, 1e-2, MISSING)))
    assert lr.positions == pytest.approx((0, 0.5, 1, ABSENT))
    assert dict(zip(lr.labels, lr.ticks, strict=True))["absent"] == ABSENT
    narrow = axis(Parameter("p", "augment", (0.0, 0.25, 1.0)))
    assert narrow.positions == (0.0, 0.25, 1.0)


def test_uar_lies_on_a_linear_axis_whatever_its_range(results):
    uars = (0.03, 0.3, 0.6)  # of many classes, the first trial at chance
    pairs = zip(results.ranked, uars, strict=False)
    trials = tuple(dataclasses.replace(trial, uar=uar) for trial, uar in pairs)
    numbers = parallel(dataclasses.replace(results, trials=trials))
    assert numbers.axes[-1].positions == pytest.approx((0, 27 / 57, 1))


def test_words_and_lists_stand_at_levels():
    windows = axis(Parameter("w", "channels", ([8, 16, 32], [16, 32, 64], [8, 16, 32])))
    assert windows.positions == (1.0, 0.0, 1.0)
    assert windows.labels == ("16+32+64", "8+16+32")


def test_parallel_draws_every_trial_from_worst_to_best(results):
    numbers = parallel(results, order=["backbone", "adamw.lr"])
    assert [a.name for a in numbers.axes[:2]] == ["backbone", "adamw.lr"]
    assert numbers.axes[-1].name == "devel UAR (%)"
    uars = [line.uar for line in numbers.lines]
    assert uars == sorted(uars)
    assert numbers.axes[-1].positions[-1] == 1.0
    assert len(numbers.lines) == 27
    figure = parallel_figure(numbers)
    assert len(figure.data) == 27
    assert all(math.isfinite(y) for trace in figure.data for y in trace.y)


def test_without_known_importance_what_chose_a_branch_comes_first(results):
    few = dataclasses.replace(results, trials=results.trials[:6])
    order = [a.name for a in parallel(few).axes]
    assert order[:4] == ["backbone", "scale", "channels", "amplitude"]
    section = {section.id: section for section in sections(few)}["parallel"]
    assert f"{parallel(few).axes_left_out} other parameters" in section.note


@pytest.mark.parametrize("longer", ["", "augment."])
@pytest.mark.parametrize(
    "name",
    [
        "frequency_mask.max_fraction",
        "swin_tiny_patch4_window7_224.drop_path_rate",
        "mobilenetv3_large_100.body_lr",
        "resnet18.a1_in1k.drop_rate",
    ],
)
def test_headings_of_neighbouring_axes_do_not_meet(results, name, longer):
    params = [{longer + name: 1.0}, {longer + name: 2.0}]
    figure = parallel_figure(parallel(_study(results, params, [0.5, 0.6])))
    lines = figure.layout.xaxis.ticktext[0].split("<br>")
    assert max(map(len, lines)) <= 16
    assert "".join(lines) == name


def test_parallel_needs_two_trials_that_differ(results):
    assert parallel(_study(results, [{"scale": "mel"}], [0.5])) is None
    assert parallel(_study(results, [{"scale": "mel"}] * 2, [0.5, 0.6])) is None
    same = parallel(_study(results, [{"scale": "mel"}, {"scale": "log"}], [0.5, 0.5]))
    assert same.axes[-1].positions == (0.5, 0.5)
    parallel_figure(same)
