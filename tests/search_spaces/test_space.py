"""Spaces: every mistake is a sentence, every suggestion a spec that is the same from its JSON."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

import optuna
import pytest

from search_spaces import (
    InputError,
    TrialSpec,
    flat_parameters,
    load_space,
    parse_space,
    preset_names,
)
from search_spaces.backbones.backbones import BandSvm
from search_spaces.grammar.kinds import applying, later, left_out_of_digest
from search_spaces.grammar.yaml_file import load_yaml, parse_yaml
from search_spaces.grid import grid_specs
from search_spaces.suggesters import Draw

HERE = Path(__file__).parent


def preset(name: str):
    return load_space(name, folder=HERE)


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_can_be_built_at_the_usual_rates(name):
    for rate in (8000, 16_000, 44_100):
        preset(name).check(sampling_rate=rate)


@pytest.mark.parametrize("name", preset_names())
@pytest.mark.parametrize("i", range(20))
def test_specs_round_trip_through_json_and_back_to_their_choices(name, i):
    space = preset(name)
    spec = space.suggest(Draw(random.Random(i), corner=i % 3), seed=i)
    assert TrialSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    chosen = space.parameters(spec)
    assert chosen is not None
    study = optuna.create_study()
    study.enqueue_trial(chosen)
    assert space.suggest(study.ask(), seed=i) == spec


def test_only_parameters_of_what_was_chosen_are_asked_for():
    space = parse_space(
        {
            "scale": {"mel": {"n_bands": [32, 64]}, "linear": {"n_bands": [100, 200]}},
            "backbone": "test_resnet",
            "augment": {"noise": {"p": [0, 1], "max_snr_db": {"low": 20, "high": 30}}},
        }
    )
    for i in range(20):
        trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=i)).ask()
        spec = space.suggest(trial)
        expected = {"scale", f"{trial.params['scale']}.n_bands", "augment.noise.p"}
        expected |= {"augment.noise.max_snr_db"} if spec.augment else set()
        assert set(trial.params) == expected


def test_a_spec_outside_the_space_has_no_choices():
    assert preset("demo").parameters(preset("demo").baselines["band_svm"]) is None
    assert preset("demo").parameters(preset("demo").baselines["linear_3win"]) is not None


def test_the_digest_of_a_spec_ignores_its_seed_and_that_of_a_space_its_baselines():
    spec = TrialSpec()
    assert spec.digest == TrialSpec.from_dict(spec.to_dict() | {"seed": 7}).digest
    plain = {"scale": ["mel", "log"]}
    assert parse_space(plain).digest == parse_space({**plain, "baselines": {}}).digest
    assert parse_space(plain).digest != parse_space({"scale": ["mel", "linear"]}).digest
    assert parse_space(plain).digest != parse_space({"scale": ["log", "mel"]}).digest


def test_trial_0_is_the_linear_baseline_unless_the_space_says_otherwise():
    assert list(parse_space({"scale": "mel"}).baselines) == ["band_svm"]
    assert parse_space({"baselines": {}}).baselines == {}


def test_flat_parameters_name_every_choice_once():
    flat = flat_parameters(preset("demo").baselines["linear_3win"])
    assert flat["scale"] == "linear"
    assert flat["windows.windows_ms"] == "8/16/32"
    assert flat["augment.gain.max_db"] == 6.0
    assert "mel.n_bands" not in flat


@pytest.mark.parametrize(
    ("plain", "sentence"),
    [
        ({"scael": "mel"}, "unknown key 'scael' (did you mean scale?)"),
        (
            {"scale": "mell"},
            "scale must be one of linear, log, mel, bark, erb, gammatone, constant_q, got 'mell'"
            " (did you mean mel?)",
        ),
        ({"scale": []}, "scale must name at least one kind"),
        ({"scale": {"mel": {"n_band": 3}}}, "unknown parameter 'n_band' (did you mean n_bands?)"),
        ({"scale": {"mel": {"n_bands": 0}}}, "n_bands must be at least 1, got n_bands=0"),
        ({"scale": {"mel": {"n_bands": 64.5}}}, "n_bands must be a whole number, got 64.5"),
        ({"scale": {"mel": {"fmin": 900, "fmax": 300}}}, "fmax must be above fmin=900"),
        ({"recipe": {"epochs": "12"}}, "epochs must be a whole number, got '12'"),
        ({"recipe": {"epochs": True}}, "epochs must be a whole number, got True"),
        ({"recipe": {"epochs": [4, 4]}}, "each choice once, got 4 twice"),
        ({"recipe": {"batch": {"low": 8}}}, "a range needs `high`"),
        ({"recipe": {"batch": {"low": 8, "high": 4}}}, "low must be below high"),
        ({"recipe": {"class_balance": {"low": 0, "high": 1}}}, "must be true or false, got 0"),
        ({"optimizer": {"adamw": {"lr": {"low": 0, "high": 1, "log": True}}}}, "low above 0"),
        ({"backbone": "resnt18"}, "unknown backbone 'resnt18' (did you mean resnet18?)"),
        ({"augment": {"shft": {}}}, "unknown augmentation 'shft' (did you mean shift?)"),
        ({"augment": {"shift": {"p": 2}}}, "p must be in [0, 1], got p=2"),
        ({"channels": {"windows": {"windows_ms": [8, 16]}}}, "windows_ms must be three lengths"),
        ({"baselines": {"x": {"scale": ["mel", "log"]}}}, "scale must be one kind, got mel, log"),
        ({"scale": ["mel", "mel"]}, "scale must have each name once, got 'mel' twice"),
        ({"augment": ["noise", "noise"]}, "augment must have each name once, got 'noise' twice"),
        (
            {"backbone": {"resnet18": {"name": "x"}}},
            "unknown parameter 'name'; its key is its name",
        ),
        (
            {"backbone": "resnet18.nonsense"},
            "timm has no weights 'nonsense' for resnet18; it has a1_",
        ),
        ({"image": {"width": "224"}}, "got '224' (YAML reads '224' as text; write 224)"),
        ({"amplitude": {"pcen": {"time_ms": 1e300}}}, "time_ms must be at most 60000, got"),
        ({"augment": {"eq": {"max_db": 1000}}}, "max_db must be in [0, 100], got max_db=1000"),
        (
            {
                "augment": {
                    "noise": {
                        "min_snr_db": {"low": 0, "high": 30},
                        "max_snr_db": {"low": 10, "high": 40},
                    }
                }
            },
            "augment.noise: min_snr_db must be at most max_snr_db=10, got min_snr_db=30",
        ),  # a sampler chooses each by itself
        (
            {"augment": {"reverb": {"min_rt60": [0.05, 0.5], "max_rt60": [0.6, 0.3]}}},
            "augment.reverb: max_rt60 must be in [0.5, 10], got max_rt60=0.3",
        ),
        ({"baselines": {"x": {"recipe": {"epochs": [1, 2]}}}}, "recipe.epochs must have one value"),
    ],
)
def test_a_mistake_is_one_sentence_with_the_key_the_rule_and_the_value(plain, sentence):
    with pytest.raises(InputError) as caught:
        parse_space(plain)
    assert len(caught.value.problems) == 1
    assert sentence in caught.value.problems[0]


def test_all_mistakes_are_told_at_once():
    with pytest.raises(InputError) as caught:
        parse_space({"scael": 1, "scale": "mell", "recipe": {"epochs": 0}})
    assert len(caught.value.problems) == 3


def test_a_combination_that_cannot_be_built_is_told_before_the_study_begins():
    space = parse_space(
        {
            "spectrogram": {"n_fft": 256},
            "channels": {"mono": {"window_ms": [8, 64]}},
            "baselines": {},
        }
    )
    with pytest.raises(InputError, match=r"mono.window_ms=64.*does not fit n_fft=256"):
        space.check(sampling_rate=16_000)


def test_a_window_beyond_any_transform_is_told_before_memory_is_taken():
    space = parse_space({"channels": {"mono": {"window_ms": 1e9}}, "baselines": {}})
    with pytest.raises(InputError, match=r"is 16000000000 samples at 16000 Hz; it must be at most"):
        space.check(sampling_rate=16_000)


def test_the_check_draws_what_a_sampler_may_draw():
    space = parse_space(
        {
            "channels": {"deltas": {"width": {"low": 3, "high": 9, "step": 2}}},
            "amplitude": {"log1p": {"gain": {"low": 1e1, "high": 1e7, "log": True}}},
            "recipe": {"batch": {"low": 16, "high": 60, "step": 16}},
            "augment": {"shift": {"p": {"low": 0.1, "high": 0.5, "step": 0.2}}},
            "baselines": {},
        }
    )
    space.check(sampling_rate=8000)
    drawn = [space.suggest(Draw(random.Random(i), corner=i % 3)) for i in range(300)]
    assert {spec.channels.width for spec in drawn} == {3, 5, 7, 9}
    assert {spec.recipe.batch for spec in drawn} == {16, 32, 48}
    assert {spec.augment[0].p for spec in drawn} == {0.1, 0.3, 0.5}
    gains = sorted(spec.amplitude.gain for spec in drawn[::3])
    assert 1e3 < gains[50] < 1e5
    assert all(space.parameters(spec) is not None for spec in drawn)


@pytest.mark.parametrize("name", ["scales", "channels", "masks-scales", "masks-channels"])
def test_the_grids_of_the_documentation_are_grids(name):
    path = HERE.parent.parent / "docs" / "ablations" / f"{name}.yaml"
    specs = grid_specs(parse_space({**load_yaml(path)["space"], "baselines": {}}))
    assert len(specs) == (8 if name.endswith("scales") else 10)
    table = (path.parent.parent / "comparing.md").read_text()
    assert f"spectune run {name}.yaml" in table


def test_a_linear_machine_is_asked_for_nothing_that_it_does_not_use():
    space = parse_space(
        {
            "backbone": ["band_svm", "test_resnet"],
            "optimizer": {"adamw": {"lr": {"low": 1e-4, "high": 1e-2}}},
            "loss": ["cross_entropy", "focal"],
            "averaging": ["none", "ema"],
            "recipe": {"epochs": [4, 8]},
            "augment": {"noise": {"p": [0, 1]}, "mixup": {"p": [0, 1]}},
            "baselines": {},
        }
    )
    specs = grid_specs(parse_space(space.plain | {"optimizer": {"adamw": {"lr": [1e-4, 1e-2]}}}))
    linear = [spec for spec in specs if isinstance(spec.backbone, BandSvm)]
    assert (len(linear), len(specs)) == (1, 1 + 2 * 2 * 2 * 2 * 2 * 2)
    assert space.parameters(linear[0]) == {"backbone": "band_svm"}
    assert not [name for name in flat_parameters(linear[0]) if "recipe" in name or "lr" in name]


def test_steps_that_are_no_binary_fractions_stay_in_their_range():
    space = parse_space(
        {"recipe": {"label_smoothing": {"low": 0, "high": 0.3, "step": 0.1}}, "baselines": {}}
    )
    found = grid_specs(space)
    assert [spec.recipe.label_smoothing for spec in found] == [0, 0.1, 0.2, 0.3]
    assert all(space.parameters(spec) is not None for spec in found)


def test_a_spec_with_an_unknown_key_is_refused():
    with pytest.raises(InputError, match="unknown key 'scal'"):
        TrialSpec.from_dict({"scal": {"kind": "mel"}})


def test_yaml_reads_exponents_as_numbers_and_keeps_lines_in_errors():
    assert parse_yaml("lr: 1e-3\nn: 2E5", where="x") == {"lr": 0.001, "n": 200000.0}
    with pytest.raises(InputError, match=r"x:2: key 'a' is given twice"):
        parse_yaml("a: 1\na: 2", where="x")


@pytest.mark.parametrize(
    "text",
    [
        "a: &x [1]\nb: *x",
        "a: !!python/object/apply:os.system [ls]",
        "a: !!binary aGk=",
        "[1, 2]",
        "1: 2",
        "a: [",
        "a: " + "[" * 200 + "]" * 200,
        "a:\tb: c",
    ],
)
def test_yaml_beyond_plain_values_is_refused(text):
    with pytest.raises(InputError):
        parse_yaml(text, where="study.yaml")


def test_a_yaml_file_that_is_not_there_or_not_text_is_a_sentence(tmp_path):
    with pytest.raises(InputError, match="cannot be read: No such file"):
        load_yaml(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read"):
        load_yaml(tmp_path / "bytes.yaml")


def test_an_unknown_preset_names_the_nearest():
    with pytest.raises(InputError, match=r"no preset 'smal' \(did you mean small\?\)"):
        load_space("smal", folder=HERE)


@dataclass(frozen=True)
class _Kind:
    mode: str = "plain"
    new: int = later(5)
    strength: float = later(0.5, when=lambda chosen: chosen["mode"] == "strong")
    factor: float = later(1.0, when="new")


def test_a_parameter_that_came_later_is_left_out_of_the_digest_only_at_its_default():
    assert left_out_of_digest(_Kind()) == ["new", "strength", "factor"]
    assert left_out_of_digest(_Kind(new=6)) == ["strength", "factor"]


def test_a_conditional_parameter_applies_only_beside_what_its_condition_says():
    assert applying(_Kind, {}, {}) == ["mode", "new", "factor"]
    assert applying(_Kind, {"mode": "strong", "new": 0}, {}) == ["mode", "new", "strength"]
