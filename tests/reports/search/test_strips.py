"""UAR by value of a parameter, and the clips that a system is surest about and wrong."""

import dataclasses

import numpy as np
import pytest

from reports.report import page
from reports.search.dimensions import Parameter
from reports.search.importance import importance
from reports.search.parallel import axis
from reports.search.strips import strips, strips_figure
from reports.sections import sections
from reports.systems.systems import System, systems_on_devel
from reports.systems.wrong import wrong_sections, wrong_table
from study.results import read_results
from support.fake_results import write_results


@pytest.fixture(scope="module")
def results(thirty_trials):
    return read_results(thirty_trials)


@pytest.fixture(scope="module")
def searched(results):
    """Sixty trials whose UAR rises with the learning rate, and a little with the scale."""
    generator = np.random.default_rng(0)
    trials = []
    for number in range(60):
        params = {
            "adamw.lr": float(10 ** generator.uniform(-3, -2)),
            "scale": ("mel", "linear")[number % 2],
        }
        if number % 2 == 0:
            params["mel.n_bands"] = int(generator.choice([48, 64]))
        uar = 0.6 + 0.2 * (np.log10(params["adamw.lr"]) + 3) + 0.05 * (number % 2)
        state = "pruned" if number % 5 == 4 else "complete"
        template = results.trials[1]
        trials.append(
            dataclasses.replace(template, number=number, params=params, uar=uar, state=state)
        )
    return dataclasses.replace(results, trials=tuple(trials))


@pytest.fixture(scope="module")
def found(searched):
    numbers = importance(searched, n_samples=5, n_trees=15)
    return {strip.parameter.name: strip for strip in strips(searched, numbers)}


def test_medians_are_those_of_the_trials_at_a_value(searched, found):
    assert list(found)[:2] == ["adamw.lr", "scale"]  # the most important first
    scale = found["scale"]
    for place, name in enumerate(("linear", "mel")):
        uars = [trial.uar for trial in searched.trials if trial.params["scale"] == name]
        assert scale.medians[place] == (place, place, pytest.approx(np.median(uars)))
    assert sum(scale.pruned) == 12


def test_medians_of_many_values_are_of_equally_many_trials_and_rise_with_uar(searched, found):
    rate = found["adamw.lr"]
    assert len(rate.medians) == 5
    assert [low for low, *_ in rate.medians] == sorted(low for low, *_ in rate.medians)
    assert [uar for *_, uar in rate.medians] == sorted(uar for *_, uar in rate.medians)
    low, high, uar = rate.medians[0]
    inside = [t.uar for t in searched.trials if low <= t.params["adamw.lr"] <= high]
    assert len(inside) == 12
    assert uar == pytest.approx(np.median(inside))


def test_only_trials_that_have_a_parameter_are_in_its_strip(found):
    assert len(found["mel.n_bands"].positions) == 30
    assert set(found["mel.n_bands"].positions) == {48.0, 64.0}


def test_a_rate_drawn_from_a_decade_lies_on_a_logarithmic_axis(found):
    figure = strips_figure(list(found.values()))
    axes = {figure.layout[f"xaxis{n}"].title.text: figure.layout[f"xaxis{n}"] for n in ("", 2, 3)}
    assert axes["adamw.lr"].type == "log"
    assert axes["mel.n_bands"].type is None
    assert list(axes["scale"].ticktext) == ["linear", "mel"]
    drawn = axis(Parameter("adamw.lr", "recipe", (0.0011, 0.0032, 0.0093)))
    assert drawn.positions[1] == pytest.approx(0.5, abs=0.01)
    assert axis(Parameter("p", "augmentation", (0.25, 0.5, 1.0))).positions[1] == pytest.approx(
        1 / 3
    )


def test_an_augmentation_that_is_off_is_a_value_beside_those_that_it_has(searched):
    trials = tuple(
        dataclasses.replace(
            trial,
            params={"backbone": "test_resnet"} | ({"augment.noise.p": 0.5} if on else {}),
            uar=0.5 + 0.2 * on,
        )
        for trial, on in zip(searched.trials, [True, False, False] * 20, strict=True)
    )
    study = dataclasses.replace(searched, trials=trials)
    (strip,) = strips(study, importance(study, n_samples=5, n_trees=15))
    assert strip.medians == ((0.0, 0.0, pytest.approx(0.5)), (0.5, 0.5, pytest.approx(0.7)))
    assert len(strip.uars) == 60


def test_large_numbers_are_written_out(searched, found):
    sizes = Parameter("spectrogram.n_fft", "spectrogram", tuple([512, 1024, 2048, 4096] * 15))
    figure = strips_figure([found["adamw.lr"]._replace(parameter=sizes)])
    assert list(figure.layout.xaxis.ticktext) == ["512", "1024", "2048", "4096"]


def test_pruned_trials_have_a_mark_of_their_own(found):
    complete, pruned, median = strips_figure([found["scale"]]).data
    assert (complete.name, pruned.name, median.name) == ("complete", "pruned", "median")
    assert (len(complete.x), len(pruned.x)) == (48, 12)
    assert complete.marker.symbol != pruned.marker.symbol


def test_nothing_is_drawn_of_an_importance_that_is_not_to_be_trusted(searched, results):
    generator = np.random.default_rng(3)
    noise = dataclasses.replace(
        searched,
        trials=tuple(dataclasses.replace(t, uar=generator.uniform()) for t in searched.trials),
    )
    numbers = importance(noise, n_samples=5, n_trees=15)
    assert not numbers.trustworthy
    assert strips(noise, numbers) == strips(noise, None) == ()
    assert "values" not in {section.id for section in sections(noise)}


def test_the_surest_wrong_clips_come_first():
    system = System(
        "Fusion of 2", ("a", "b"), ("1.wav", "2.wav", "3.wav", "4.wav"), ("a", "a", "b", "b"),
        ("b", "a", "a", "a"), (0.7, 0.99, 0.95, 0.7),
    )  # fmt: skip
    table = wrong_table(system)
    assert table.rows == (
        ("3.wav", "b", "a", "95.0 %"), ("1.wav", "a", "b", "70.0 %"), ("4.wav", "b", "a", "70.0 %"),
    )  # fmt: skip
    (section,) = wrong_sections([system])
    assert "(Fusion of 2, 3 of 4 wrong)" in section.sentence
    right = system._replace(predictions=system.labels)
    assert wrong_table(right) is None
    assert wrong_sections([right])[0].note == "Every devel clip is recognised."
    assert wrong_sections([]) == []


def test_at_most_twenty_wrong_clips_are_named_and_their_names_are_inert(tmp_path):
    folder = write_results(tmp_path / "study", n_trials=4, running=False, clips_per_speaker=60)
    for name in ("clips.json", "ensemble/predictions_devel.csv"):
        path = folder / name
        path.write_text(path.read_text().replace("s0_", "<img src=x onerror=a>"))
    results = read_results(folder)
    assert len(wrong_table(systems_on_devel(results)[0]).rows) == 20
    text = page(results)
    assert 'id="wrong"' in text
    assert "<img src=x" not in text
