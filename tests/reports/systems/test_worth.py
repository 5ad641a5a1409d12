from __future__ import annotations

import dataclasses

import pytest

from reports.report import page
from reports.summary import summary
from reports.systems.fusion import fusion
from reports.systems.fusion_members import members_table
from reports.systems.leaderboard import leaderboard_table
from reports.systems.worth import worth
from study.results import read_results
from study.results.ensemble_json import ImportedMember
from study.results.import_json import ImportedRecord

ROW = {
    "method": "cma_es", "uar": 0.71, "apparent": 0.8, "gain": 0.012, "gain_se": None, "low": None,
    "high": None, "members": 3, "megabytes": 12.34, "milliseconds": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def results(thirty_trials):
    return read_results(thirty_trials)


def with_ensemble(results, **changes):
    return dataclasses.replace(results, ensemble=dataclasses.replace(results.ensemble, **changes))


def test_the_sentences_follow_the_honest_value_and_show_as_text(results):
    said = ("The fusion beats <b>x</b>.", "Second.")
    numbers = worth(with_ensemble(results, sentences=said))
    assert numbers.sentences == (results.ensemble.honest["sentence"], *said)
    assert numbers.methods is None
    html = page(with_ensemble(results, sentences=said))
    assert "<li>The fusion beats &lt;b&gt;x&lt;/b&gt;.</li>" in html


def test_the_methods_are_a_table_with_gaps_where_nothing_is_known(results):
    reference = ROW | {"method": "uniform", "low": 0.6, "high": 0.8, "gain_se": 0.01}
    table = worth(with_ensemble(results, methods=(ROW, reference))).methods
    assert table.rows[0] == (
        "cma_es",
        "71.0 %",
        "-",
        "80.0 %",
        "+1.2 points",
        "-",
        "3",
        "12.3",
        "-",
    )
    assert table.rows[1][0] == "uniform"
    assert table.rows[1][2] == "60.0 % to 80.0 %"
    assert len(table.columns) == len(table.rows[0]) == len(table.numeric)


def test_without_a_fusion_or_an_honest_value_there_is_no_section(results):
    assert worth(dataclasses.replace(results, ensemble=None)) is None
    assert worth(with_ensemble(results, honest={})) is None
    assert "What the fusion is worth" not in page(with_ensemble(results, honest={}))


def test_an_imported_member_has_its_place_in_path_members_and_leaderboard(results, tmp_path):
    record = ImportedRecord("svm", tmp_path, ("train",), 0.66, False, {})
    path = ({"n": 1, "name": "svm", "uar": 0.66}, *results.ensemble.trajectory)
    changed = dataclasses.replace(
        with_ensemble(
            results,
            imported=(ImportedMember("svm", 0.25, 0.66, 5),),
            trajectory=path,
            references={"best_single": {"name": "svm", "uar": 0.66}},
        ),
        imports=(record,),
    )
    numbers = fusion(changed)
    assert numbers.steps[0].member[:3] == (None, "svm", 0.25)
    assert numbers.references[0].label == "best single (svm, imported)"
    assert members_table(numbers).rows[0][:4] == ("1", "imported", "svm", "0.25")
    assert leaderboard_table(changed).rows[-1][:4] == ("-", "imported", "svm", "66.0 %")
    assert "the imported svm" in summary(changed).verdict
    assert f"fusion of {len(results.ensemble.members) + 1} models" in summary(changed).verdict
    assert "imported" in page(changed)
