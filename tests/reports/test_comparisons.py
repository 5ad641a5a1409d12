import dataclasses
import json
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from reports.search.comparing import ablation_sections, repeats_table, seeds_sections
from reports.sections import sections
from reports.summary import summary
from reports.systems.anchors import MASK_CLIPS, anchor_sections, is_mask_corpus
from reports.systems.worth import worth, worth_figure
from study.results import read_results
from study.results.study_results import ClipRow, PartitionRows


@pytest.fixture(scope="module")
def results(thirty_trials):
    return read_results(thirty_trials)


def _mask(results, *, changed=0, simulated=False, protocol="holdout"):
    """The study on clips that have the real corpus's counts; `changed` devel clips change class."""
    partitions = {}
    for name, counts in MASK_CLIPS.items():
        blind = name == "test"
        labels = [None] * counts if blind else ["clear"] * counts[0] + ["mask"] * counts[1]
        if name == "devel":
            labels[:changed] = ["mask"] * changed
        clips = tuple(ClipRow(f"{name}_{i}.wav", "", label, None) for i, label in enumerate(labels))
        partitions[name] = PartitionRows(name, clips)
    return dataclasses.replace(
        results, partitions=partitions, corpus={"simulated": simulated}, protocol=protocol
    )


def test_the_counts_of_the_mask_corpus_are_the_published_ones():
    assert {n: c if n == "test" else sum(c) for n, c in MASK_CLIPS.items()} == {
        "train": 10_895,
        "devel": 14_647,
        "test": 11_012,
    }


def test_published_results_stand_beside_the_real_mask_corpus_alone(results):
    assert is_mask_corpus(_mask(results))
    (section,) = anchor_sections(_mask(results))
    tests = {row[0]: row[2] for row in section.table.rows}
    assert tests["official baseline: fusion"] == "71.8 %"
    assert tests["winner: Szep and Hariri, fusion"] == "80.1 %"
    for other in (
        results,
        _mask(results, changed=1),
        _mask(results, simulated=True),
        _mask(results, protocol="loso"),
        dataclasses.replace(results, partitions={}, corpus={}),
    ):
        assert anchor_sections(other) == []


def test_test_scores_stand_beside_the_published_ones(results, tmp_path):
    scored = [{"name": "fusion", "protocol": "train+devel", "uar": 0.75, "ci_low": None,
               "ci_high": None, "confusion_matrix": [[3, 1], [1, 3]],
               "labels": ["clear", "mask"]}]  # fmt: skip
    record = {"labels": {"file": "labels.csv"}, "n": 8, "systems": scored}
    (tmp_path / "scores.json").write_text(json.dumps(record))
    (section,) = anchor_sections(dataclasses.replace(_mask(results), folder=tmp_path))
    assert ("this study: fusion, trained on train+devel", "-", "75.0 %") in section.table.rows


def test_apparent_stands_beside_honest_for_fusion_and_best_single(results):
    found = worth(results)
    fusion, single = found.systems
    assert fusion.apparent == results.ensemble.uar
    assert fusion.honest == results.ensemble.honest["nested"]["uar"]
    assert single.apparent == results.best.uar
    honest, apparent = worth_figure(found.systems).data
    assert honest.x == (100 * single.honest, 100 * fusion.honest)
    assert apparent.x == (100 * single.apparent, 100 * fusion.apparent)
    ends = np.add(honest.x, honest.error_x.array)
    starts = np.subtract(honest.x, honest.error_x.arrayminus)
    assert ends == pytest.approx([100 * single.high, 100 * fusion.high])
    assert starts == pytest.approx([100 * single.low, 100 * fusion.low])


def test_without_an_interval_there_is_a_point_and_no_whisker(results):
    systems = tuple(one._replace(low=None, high=None) for one in worth(results).systems)
    honest = worth_figure(systems).data[0]
    assert not honest.error_x.visible
    assert "interval" not in honest.name


def _repeated(results, origin, uars):
    """The first trained trial under several seeds, and another one once."""
    first, other = [t for t in results.trials if t.state == "complete"][1:3]
    trials = [
        dataclasses.replace(
            first, number=n, uar=uar, origin=origin.format(n=n), spec_digest="one"
        )
        for n, uar in enumerate(uars)
    ]  # fmt: skip
    last = dataclasses.replace(other, number=len(uars), origin=origin.format(n=1))
    return dataclasses.replace(results, trials=(*trials, last))


def test_repeated_seeds_are_told_with_mean_spread_and_lower_bound(results):
    uars = [0.70, 0.73, 0.75]
    repeated = _repeated(results, "seed:0", [0.79, *uars])
    trials = [
        dataclasses.replace(t, origin="sampler") if t.number in (0, 4) else t
        for t in repeated.trials
    ]  # the first one is of the search
    table = repeats_table(dataclasses.replace(repeated, trials=tuple(trials)))
    (row,) = table.rows
    low = stats.ttest_1samp(uars, 0).confidence_interval(0.90).low  # two-sided 90: one-sided 95
    spread = (f"{100 * np.std(uars, ddof=1):.1f}", f"{100 * low:.1f} %")
    assert row[1:6] == ("79.0 %", "3", "72.7 %", *spread)
    assert row[6] == "1, 2, 3"
    assert seeds_sections(results) == []


def test_a_grid_has_a_table_of_its_points(results):
    grid = _repeated(results, "grid:{n}", [0.7, 0.7, 0.7])
    (section,) = ablation_sections(grid)
    column = section.table.columns.index
    assert {row[column("seeds")] for row in section.table.rows} == {"1", "3"}
    assert section.table.rows[0][column("difference")] == "the best"
    shares = [float(row[column("UAR")].split()[0]) for row in section.table.rows]
    assert shares == sorted(shares, reverse=True)
    assert ablation_sections(results) == []


def test_a_cross_validated_study_says_who_judged(results):
    devel = results.partitions["devel"].clips
    order = sorted({clip.speaker for clip in devel})
    folds = tuple(order.index(clip.speaker) for clip in devel)
    loso = dataclasses.replace(results, protocol="loso", folds=folds)
    told = dict(summary(loso).facts)["judged"]
    assert f"its {len(devel)} clips" in told
    assert f"network of {len(order)} that" in told
    assert "judged" not in dict(summary(results).facts)


def test_every_section_has_a_name_of_its_own(results):
    counts = Counter(section.id for section in sections(_repeated(results, "grid:{n}", [0.7])))
    assert set(counts.values()) == {1}
    assert {"worth", "ablation"} <= set(counts)
