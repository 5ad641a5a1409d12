import dataclasses
import json
import math

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from reports.page.render import figure_json
from reports.page.section import Panel
from reports.page.text import points
from reports.search.curves import curves, curves_figure
from reports.search.failures import failures_table
from reports.search.heatmap import heatmap, heatmap_figure
from reports.search.history import history, history_figure
from reports.sections import sections
from reports.summary import summary
from reports.systems.calibration import calibration, calibration_figure
from reports.systems.confusion import confusion, confusion_figure
from reports.systems.fusion import fusion, fusion_figure
from reports.systems.fusion_members import members_table
from reports.systems.leaderboard import leaderboard_table
from reports.systems.left_out import left_out
from reports.systems.speakers import quantiles_figure, speakers, speakers_figure
from reports.systems.systems import System, systems_on_devel
from search_spaces.grammar.errors import InputError
from study.results import read_results


@pytest.fixture(scope="module")
def results(thirty_trials):
    return read_results(thirty_trials)


def _system(labels, predictions, confidences=None, title="a"):
    names = tuple(f"{i}.wav" for i in range(len(labels)))
    classes = tuple(sorted({*labels, *predictions}))
    confidences = confidences or [1.0] * len(labels)
    return System(title, classes, names, tuple(labels), tuple(predictions), tuple(confidences))


def test_history_follows_the_best_and_leaves_out_what_still_runs(results):
    numbers = history(results)
    assert [point.trial for point in numbers.points] == list(range(29))
    assert [p.trial for p in numbers.points if p.uar is None] == [6, 13]
    uars = [p.uar or 0.0 for p in numbers.points]
    assert numbers.best_so_far == tuple(np.maximum.accumulate(uars))
    names = {trace.name for trace in history_figure(numbers).data}
    assert any(name.startswith("pruned") for name in names)
    assert any(name.startswith("failed") for name in names)


def test_history_that_begins_with_a_failure_has_no_best_yet(results):
    failed_first = dataclasses.replace(results, trials=results.trials[6:9])
    assert history(failed_first).best_so_far[0] is None
    history_figure(history(failed_first))


def test_curves_put_the_best_first_and_merge_the_others(results):
    numbers = curves(results)
    assert numbers.best[0] == results.best
    assert len(numbers.best) == 5
    assert len(numbers.others) == 23  # 22 ranked and the running one
    figure = curves_figure(numbers)
    assert len(figure.data) == 28
    assert sum(trace.showlegend is not False for trace in figure.data) == 6
    best = figure.data[-1]
    assert best.y[numbers.best[0].best_epoch - 1] == round(100 * results.best.uar, 2)


def test_a_missing_value_in_a_curve_is_a_gap(results):
    trial = dataclasses.replace(results.trials[1], uar_per_epoch=(0.5, math.nan, 0.7))
    numbers = curves(dataclasses.replace(results, trials=(trial,)))
    assert curves_figure(numbers).data[0].y == (50.0, None, 70.0)


def test_heat_map_holds_the_best_of_each_combination(results):
    numbers = heatmap(results)
    own = [t.uar for t in results.ranked if t.params.get("backbone") == "test_resnet"]
    assert numbers.backbones[0] == results.best.params["backbone"]
    assert max(max(numbers.uars.get((s, "test_resnet"), [0])) for s in numbers.scales) == max(own)
    assert ("linear", "band_svm") not in numbers.uars
    assert sum(map(len, numbers.uars.values())) == 27
    assert heatmap_figure(numbers).data[0].z[0].count(None) >= 1


def test_fusion_tells_path_gains_and_references(results):
    numbers = fusion(results)
    path = [entry["uar"] for entry in results.ensemble.trajectory]
    assert [step.uar for step in numbers.steps] == path
    assert numbers.steps[0].gain is None
    assert [step.gain for step in numbers.steps[1:]] == pytest.approx(np.diff(path))
    assert sum(step.member.weight for step in numbers.steps) == pytest.approx(1)
    assert numbers.references[0].label == f"best single (trial {results.best.number})"
    assert [trace.line.dash for trace in fusion_figure(numbers).data[:3]] == [
        "dash",
        "dot",
        "dashdot",
    ]


def test_a_star_marks_the_step_that_was_kept_of_a_path_in_which_members_return(results):
    first, second = results.ensemble.members[:2]
    path = tuple(
        {"n": n, "trial": member.trial, "name": member.name, "uar": uar}
        for n, (member, uar) in enumerate(
            zip((first, second, first, second), (0.7, 0.72, 0.75, 0.71), strict=True), start=1
        )
    )
    ensemble = dataclasses.replace(results.ensemble, trajectory=path, uar=0.75)
    figure = fusion_figure(fusion(dataclasses.replace(results, ensemble=ensemble)))
    assert figure.layout.xaxis.title.text == "steps (a member may enter again)"
    star = figure.data[-1]
    assert (star.x, star.y, star.marker.symbol) == ((3,), (75.0,), "star")
    assert star.name == "the fusion, kept at step 3: 75.0 %"
    assert fusion_figure(fusion(results)).layout.xaxis.title.text == "members"


def test_leaving_a_member_out_is_told_beside_what_it_added(results):
    classes, clips = results.classes, results.partitions["devel"].clips
    labels = [classes.index(clip.label) for clip in clips]
    values = [
        np.load(trial.file("devel.npy"))[trial.best_epoch - 1].astype(float)
        for trial in (results.trial(member.trial) for member in results.ensemble.members)
    ]

    def uar(kept):
        return balanced_accuracy_score(labels, np.mean(kept, axis=0).argmax(1))

    expected = [uar(values[:n] + values[n + 1 :]) - uar(values) for n in range(len(values))]
    numbers = fusion(results)
    assert [step.member.without for step in numbers.steps] == pytest.approx(expected)
    table = members_table(numbers)
    assert table.columns[-2:] == ("added then", "without it")
    assert table.rows[0][-1] == points(expected[0])


def test_leaving_out_takes_all_seeds_of_a_spec_and_no_bias(results):
    members = tuple(
        dataclasses.replace(member, candidate=place, weight=weight)
        for member, place, weight in zip(
            results.ensemble.members[:3], (0, 0, 1), (0.3, 0.3, 0.4), strict=True
        )
    )
    decision = {"temperature": 0.5, "bias": [0.0, 9.0]}
    rule = {"kind": "average", "decision": decision}
    ensemble = dataclasses.replace(results.ensemble, members=members, rule=rule)
    changed = dataclasses.replace(results, ensemble=ensemble)
    single = results.trial(members[2].trial).uar
    values = [
        np.load(results.trial(m.trial).file("devel.npy"))[results.trial(m.trial).best_epoch - 1]
        for m in members
    ]
    labels = [results.classes.index(clip.label) for clip in results.partitions["devel"].clips]
    both = np.average(values, axis=0, weights=(0.3, 0.3, 0.4)).argmax(1)
    whole = balanced_accuracy_score(labels, both)
    assert left_out(changed)[0] == pytest.approx(single - whole)
    entry = {"n": 1, "trial": members[0].trial, "name": members[0].name, "uar": 0.7}
    step = fusion(
        dataclasses.replace(changed, ensemble=dataclasses.replace(ensemble, trajectory=(entry,)))
    ).steps[0]
    assert step.member.weight == pytest.approx(0.6)


def test_what_is_gone_or_cannot_be_left_out_is_not_told(results, fake_study):
    one = dataclasses.replace(results.ensemble, members=results.ensemble.members[:1])
    assert left_out(dataclasses.replace(results, ensemble=one)) == {}
    assert left_out(dataclasses.replace(results, ensemble=None)) == {}
    folder = fake_study(n_trials=4)
    again = read_results(folder)
    again.trial(again.ensemble.members[0].trial).file("devel.npy").unlink()
    assert left_out(again) == {}
    assert members_table(fusion(again)).columns[-1] == "added then"


def test_fusion_without_references_is_drawn(results):
    bare = dataclasses.replace(results.ensemble, references={}, trajectory=())
    numbers = fusion(dataclasses.replace(results, ensemble=bare))
    assert numbers.references == ()
    assert members_table(numbers).columns == (
        "trial", "name", "weight", "alone", "without it",
    )  # fmt: skip
    assert members_table(numbers._replace(members=())) is None
    fusion_figure(numbers)


def test_systems_agree_with_the_uar_that_the_study_recorded(results):
    together, single = systems_on_devel(results)
    assert confusion(together).uar == pytest.approx(results.ensemble.uar)
    assert confusion(single).uar == pytest.approx(results.best.uar)
    assert single.title == f"Best single, trial {results.best.number}"
    assert balanced_accuracy_score(single.labels, single.predictions) == pytest.approx(
        results.best.uar
    )


def test_unlabelled_devel_clips_are_left_out(fake_study):
    folder = fake_study(n_trials=3)
    clips = json.loads((folder / "clips.json").read_text())
    clips["partitions"]["devel"]["clips"][0][2] = None
    (folder / "clips.json").write_text(json.dumps(clips))
    single = systems_on_devel(read_results(folder))[-1]
    assert len(single.labels) == 239


def test_predictions_without_a_column_are_refused_by_name(fake_study):
    folder = fake_study(n_trials=3)
    (folder / "ensemble" / "predictions_devel.csv").write_text("file_name,label\na.wav,mask\n")
    with pytest.raises(InputError, match=r"predictions_devel\.csv"):
        systems_on_devel(read_results(folder))


def test_confusion_counts_by_label_and_prediction():
    numbers = confusion(_system("aaab", "aabb"))
    assert numbers.counts == ((2, 1), (0, 1))
    assert numbers.uar == pytest.approx((2 / 3 + 1) / 2)
    trace = confusion_figure(numbers).data[0]
    assert [list(row) for row in trace.z] == [[0, 100], [66.7, 33.3]]  # first class on top


def test_many_classes_are_written_small_on_the_width_of_the_page():
    names = [f"class {n:02d}" for n in range(30)]
    figure = confusion_figure(confusion(_system(names, [*names[:-1], names[0]])))
    trace = figure.data[0]
    assert trace.texttemplate == "%{text}"
    assert (trace.text[-1][0], trace.text[-1][1]) == ("100", "")  # nobody: nothing written
    assert Panel("a", figure).wide
    assert not Panel("a", confusion_figure(confusion(_system("ab", "ab")))).wide


def test_class_names_that_shorten_alike_keep_their_own_rows():
    long = ["a very long class name one", "a very long class name two"]
    figure = confusion_figure(confusion(_system(long, long)))
    assert len(figure.layout.xaxis.ticktext) == 2
    assert list(figure.data[0].x) == list(figure.layout.xaxis.tickvals) == long
    assert list(figure.data[0].y) == long[::-1]
    assert figure.layout.xaxis.type == "category"  # also of classes like 1 and 10


def test_what_is_told_of_a_cell_has_a_line_for_each_class():
    told = confusion_figure(confusion(_system("ab", "ab"))).data[0].hovertemplate
    lines = [line for line in told.split("<br>") if "%{x}" in line or "%{y}" in line]
    assert len(lines) == told.count("%{x}") + told.count("%{y}") == 2  # one of both is cut off


def test_two_hundred_classes_stay_small():
    generator = np.random.default_rng(0)
    names = [f"class number {n}" for n in range(200)]
    labels, guesses = (generator.choice(names, 20_000) for _ in range(2))
    figure = confusion_figure(confusion(_system(labels.tolist(), guesses.tolist())))
    assert len(figure_json(Panel("a", figure))) < 350_000  # two of them, and plotly.js has 4.7 MB


def test_speakers_are_scored_over_the_classes_they_have(results):
    clips = results.partitions["devel"].clips[:4]
    voices = [
        dataclasses.replace(clip, file_name=f"{i}.wav", speaker="xxyy"[i])
        for i, clip in enumerate(clips)
    ]
    devel = dataclasses.replace(results.partitions["devel"], clips=tuple(voices))
    study = dataclasses.replace(results, partitions={"devel": devel})
    numbers = speakers(study, [_system("abaa", "abab")])
    assert numbers.speakers == ("y", "x")
    assert numbers.uars == ((0.5, 1.0),)
    assert numbers.n_classes == (1, 2)
    speakers_figure(numbers)


def test_of_many_speakers_the_worst_and_the_best_have_a_row_and_all_a_line(results):
    clips = tuple(
        dataclasses.replace(results.partitions["devel"].clips[0], file_name=f"{n}.wav", speaker=who)
        for n, who in enumerate(f"{n // 4:03d}" for n in range(4 * 100))
    )
    devel = dataclasses.replace(results.partitions["devel"], clips=clips)
    study = dataclasses.replace(results, partitions={"devel": devel})
    guesses = ["b" if n % 4 == 0 and n // 4 < 50 else "a" for n in range(400)]
    numbers = speakers(study, [_system("a" * 400, guesses)])
    assert numbers.uars[0] == (0.75,) * 50 + (1.0,) * 50
    assert numbers.speakers[:2] == ("000", "001")
    figure = speakers_figure(numbers)
    assert figure.data[0].x == (75.0,) * 20 + (100.0,) * 20
    assert figure.layout.height < 1300
    quantiles = quantiles_figure(numbers).data[0]
    assert (quantiles.x[0], quantiles.x[49], quantiles.x[51]) == (75.0, 75.0, 100.0)
    assert len(quantiles.x) == 101


def test_speakers_need_two_that_are_known(results):
    assert speakers(results, []) is None
    assert speakers(dataclasses.replace(results, partitions={}), [_system("ab", "ab")]) is None


def test_calibration_of_a_system_that_is_right_as_often_as_it_says():
    right = [True] * 8 + [False] * 2 + [True] * 6 + [False] * 4
    labels = "a" * 20
    predictions = "".join("a" if r else "b" for r in right)
    numbers = calibration(_system(labels, predictions, [0.8] * 10 + [0.6] * 10))
    assert [(b.confidence, b.accuracy, b.n) for b in numbers.bins] == [
        (pytest.approx(0.6), 0.6, 10),
        (pytest.approx(0.8), 0.8, 10),
    ]
    assert numbers.error == pytest.approx(0)
    calibration_figure([numbers])


def test_calibration_says_that_the_fusion_was_tempered_on_the_clips_that_judge(results):
    def notes(temperature):
        rule = {"kind": "average", "decision": {"temperature": temperature, "bias": [0.0, 0.0]}}
        told = ("No bias per class; expected calibration error 9.0 % before and 5.8 % after.",)
        ensemble = dataclasses.replace(results.ensemble, rule=rule, sentences=told)
        found = sections(dataclasses.replace(results, ensemble=ensemble))
        return {section.id: section.note for section in found}

    told = notes(0.13)
    assert "temperature (0.13) was fitted to these clips" in told["calibration"]
    assert "single model's probabilities are raw" in told["calibration"]
    assert "not fitted on" in told["worth"]
    assert notes(1.0)["calibration"] == ""


def test_calibration_of_a_single_clip_is_one_bin():
    assert len(calibration(_system("a", "b", [0.9])).bins) == 1


def test_leaderboard_table_shows_twenty_and_who_is_in_the_fusion(results):
    table = leaderboard_table(results)
    assert len(table.rows) == 20
    assert table.rows[0][3] == f"{100 * results.best.uar:.1f} %"
    weight = table.columns.index("in fusion")
    assert sum(row[weight] != "-" for row in table.rows) == 5
    assert "scale" in table.columns
    assert len(table.numeric) == len(table.columns) == len(table.rows[0])


def test_failures_are_grouped_by_reason(results):
    assert failures_table(results).rows == (
        ("failed", "2", "6, 13", "the loss became NaN in epoch 2"),
        ("tried again", "1", "4", "the worker died (signal 9)"),
    )


def test_summary_says_what_won_by_how_much_and_that_it_is_apparent(results):
    head = summary(results)
    single = results.ensemble.references["best_single"]["uar"]
    assert f"{100 * (results.ensemble.uar - single):.1f} points above" in head.verdict
    assert "Chance is 50.0 %" in head.verdict
    gain = 100 * results.ensemble.honest["gain"]
    assert f"judge, its UAR is {gain:.1f} points above that of the best" in head.verdict
    assert head.caution.startswith("Apparent")
    assert head.simulated
    assert ("command", "spectune run study.yaml") in head.provenance
    assert ("revision", "abc1234") in head.provenance
    assert ("begun", "2025-10-09 08:53 UTC") in head.provenance


def test_summary_of_a_fusion_that_gains_nothing_or_loses(results):
    def verdict(uar):
        ensemble = dataclasses.replace(results.ensemble, uar=uar)
        return summary(dataclasses.replace(results, ensemble=ensemble)).verdict

    single = results.ensemble.references["best_single"]["uar"]
    assert "82.8 %, no more than the best single model" in verdict(single)
    assert "2.0 points below" in verdict(single - 0.02)


def test_summary_tells_a_loss_that_choosing_again_shows_and_a_fusion_of_one(results):
    def verdict(**changes):
        ensemble = dataclasses.replace(results.ensemble, **changes)
        return summary(dataclasses.replace(results, ensemble=ensemble)).verdict

    loss = {**results.ensemble.honest, "gain": -0.0034}
    assert "its UAR is 0.3 points below that of the best single model" in verdict(honest=loss)
    assert "Chosen again" not in verdict(honest={})
    assert "The fusion of one model has" in verdict(members=results.ensemble.members[:1])


def test_summary_without_fusion_names_the_best_single(results):
    head = summary(dataclasses.replace(results, ensemble=None))
    assert f"trial {results.best.number}" in head.verdict
    assert head.caution
