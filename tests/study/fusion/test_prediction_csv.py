from __future__ import annotations

import numpy as np
import pytest

from search_spaces.grammar.errors import InputError
from study.fusion.prediction_csv import import_predictions

CLASSES = ("clear", "mask")
CLIPS = {"devel": ["devel_1.wav", "devel_2.wav"], "test": ["test_1.wav"]}


def read(path, text, **options):
    path.write_text(text, encoding="utf-8")
    options = {"classes": CLASSES, "file_names": CLIPS, "trained_on": "train", **options}
    return import_predictions(path, **options)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "svm.csv"


@pytest.mark.parametrize(
    "text",
    [
        "file_name,prediction,prob_clear,prob_mask\ndevel_2.wav,mask,.2,.8\ndevel_1.wav,clear,.9,.1\n",
        "filename,probability_mask,probability_clear\ndevel_1.wav,.1,.9\ndevel_2.wav,.8,.2\n",
        ",file,truth,predicted,clear,mask\n0,wav/devel_2.wav,x,y,.2,.8\n1,wav/devel_1.wav,x,y,.9,.1\n",
        "path;mask;clear\nC:\\data\\devel_1.wav;.1;.9\nC:\\data\\devel_2.wav;.8;.2\n",
        "\ufeffname,clear,mask\ndevel_1,.9,.1\ndevel_2,.2,.8\n",
    ],
)
def test_the_columns_of_other_tools_are_aligned_by_file_name(path, text):
    system = read(path, text)
    np.testing.assert_allclose(system.probabilities["devel"], [[0.9, 0.1], [0.2, 0.8]], atol=1e-6)
    assert set(system.probabilities) == {"devel"}
    assert system.probabilities["devel"].dtype == np.float32
    assert (system.trained_on, system.hard) == (("train",), False)
    assert system.n_ignored == 0


def test_test_clips_are_taken_where_all_are_there_and_other_rows_are_counted(path):
    rows = "devel_1.wav,.9,.1\ndevel_2.wav,.2,.8\ntest_1.wav,.5,.5\ntrain_1.wav,.5,.5\n"
    system = read(path, "file,clear,mask\n" + rows)
    assert system.probabilities["test"].tolist() == [[0.5, 0.5]]
    assert system.n_ignored == 1


def test_bare_decisions_are_certain(path):
    system = read(path, "file_name,prediction\ndevel_1.wav,mask\ndevel_2.wav,clear\n")
    assert system.hard
    assert system.probabilities["devel"].tolist() == [[0, 1], [1, 0]]


def test_equal_names_in_several_folders_are_told_apart_by_the_folder(path):
    clips = {"devel": ["a/1.wav", "b/1.wav"]}
    system = read(path, "file,clear,mask\nb/1.wav,.9,.1\na/1.wav,.2,.8\n", file_names=clips)
    assert system.probabilities["devel"][0, 1] == pytest.approx(0.8)


NESTED = {
    "train": ["jackson/1_0.wav", "jackson/2_0.wav", "theo/1_0.wav", "theo/2_0.wav"],
    "devel": ["george/1_0.wav", "george/2_0.wav"],
    "test": ["tester/1_0.wav", "tester/2_0.wav"],
}


def test_a_table_that_predicts_no_test_clip_lends_devel_rows_to_none(path):
    rows = "george/1_0.wav,.9,.1\ngeorge/2_0.wav,.2,.8\n"
    system = read(path, "file,clear,mask\n" + rows, file_names=NESTED)
    assert set(system.probabilities) == {"devel"}
    assert system.matched_by == "file name"
    alone = {name: NESTED[name] for name in ("devel", "test")}
    assert set(read(path, "file,clear,mask\n" + rows, file_names=alone).probabilities) == {"devel"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("theo/1_0.wav,.9,.1\ntheo/2_0.wav,.2,.8\n", "2 of 2 are missing"),
        ("george/1_0.wav,.9,.1\ntheo/2_0.wav,.2,.8\n", r"1 of 2 are missing \(george/2_0.wav\)"),
        ("1_0.wav,.9,.1\n2_0.wav,.2,.8\n", "it is not clear which row is meant"),
        ("George/1_0.wav,1,0\nGeorge/2_0.wav,0,1\n", "has 'George/1_0.wav' for 'george/1_0.wav'"),
    ],
)
def test_predictions_of_other_clips_are_not_taken_for_those_of_devel(path, rows, message):
    with pytest.raises(InputError, match=message):
        read(path, "file,clear,mask\n" + rows, file_names=NESTED)


def test_segments_are_aligned_by_file_and_times(path):
    clips = {"devel": ["a.wav#t=0,1", "a.wav#t=1,2"], "test": ["b.wav#t=0,1"]}
    rows = "a.wav,0 days 00:00:01,0 days 00:00:02,.1,.9\na.wav,0,1.0,.8,.2\nb.wav,0,1,.5,.5\n"
    system = read(path, "file,start,end,clear,mask\n" + rows, file_names=clips)
    np.testing.assert_allclose(system.probabilities["devel"], [[0.8, 0.2], [0.1, 0.9]], atol=1e-6)
    assert system.probabilities["test"].tolist() == [[0.5, 0.5]]


def test_whole_files_with_times_of_pandas_are_whole_files(path):
    rows = "a.wav,0 days,NaT,.1,.9\nb.wav,0 days,NaT,.8,.2\n"
    system = read(path, "file,start,end,clear,mask\n" + rows, file_names={"devel": ["b.wav"]})
    np.testing.assert_allclose(system.probabilities["devel"], [[0.8, 0.2]], atol=1e-6)


@pytest.mark.parametrize("trained_on", ["train+devel", ["train", "dev"], "validation", "Devel"])
def test_systems_that_have_seen_devel_are_refused(path, trained_on):
    with pytest.raises(InputError, match="trained on devel cannot be a candidate"):
        read(path, "file,clear,mask\n", trained_on=trained_on)


@pytest.mark.parametrize("trained_on", ["train", "train+out-of-fold", "devel"])
def test_where_devel_is_train_too_only_predictions_out_of_fold_are_taken(path, trained_on):
    with pytest.raises(InputError, match="trained_on=out-of-fold says so, got trained_on=") as told:
        read(path, "file,clear,mask\n" + GOOD, trained_on=trained_on, held_out=True)
    assert trained_on in str(told.value)
    system = read(path, "file,clear,mask\n" + GOOD, trained_on="out-of-fold", held_out=True)
    assert system.trained_on == ("out-of-fold",)
    with pytest.raises(InputError, match=r"must name partitions .* got 'out-of-fold'"):
        read(path, "file,clear,mask\n" + GOOD, trained_on="out-of-fold")


@pytest.mark.parametrize("trained_on", [None, "", [], " "])
def test_what_a_system_was_trained_on_must_be_said(path, trained_on):
    with pytest.raises(InputError, match="trained_on must say which partitions"):
        read(path, "file,clear,mask\n", trained_on=trained_on)


GOOD = "devel_1.wav,.9,.1\ndevel_2.wav,.2,.8\n"


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "needs a header and at least one row"),
        ("file,clear,mask\n", {}, "needs a header and at least one row"),
        ("id,clear,mask\n1,.5,.5\n", {}, "needs a column with file names"),
        ("file,clear\na,.5\n", {}, "mask is missing beside clear"),
        ("file,score\na,.5\n", {}, "needs a column per class"),
        ("file,clear,mask\ndevel_1.wav,.9\n", {}, r"svm.csv:2: must have 3 cells"),
        ("file,clear,mask\ndevel_1.wav,.9,.1\n", {}, r"1 of 2 are missing \(devel_2.wav\)"),
        (
            "file,clear,mask\ndevel_1.wav,.9,.1\ndevel_9.wav,.5,.5\n",
            {},
            r"names compared by file name; line 3, 'devel_9.wav', is no clip",
        ),
        ("file,clear,mask\n" + GOOD + GOOD, {}, r"svm.csv:4: every clip may occur once"),
        ("file,clear,mask\ndevel_1.wav,nan,.1\n", {}, r"svm.csv:2: clear must be a probability"),
        ("file,clear,mask\ndevel_1.wav,x,.1\n", {}, "got 'x'"),
        ("file,clear,mask\n\n\ndevel_1.wav,2,.1\n", {}, r"svm.csv:4: clear must be"),
        ("file,clear,mask\n\ndevel_1.wav,.5,.1\n", {}, r"svm.csv:3: .* sum to 1, got 0.6"),
        ("file,clear,mask\n\n" + GOOD + "\n" + GOOD, {}, r"svm.csv:6: .* also in line 3"),
        ("file,prediction\n\ndevel_1.wav,loud\n", {}, r"svm.csv:3: .* got 'loud'"),
        ("file,clear,mask\ndevel_1.wav,-3,4\n", {}, r"in \[0, 1\], got '-3'"),
        ("file,clear,mask\ndevel_1.wav,.5,.1\n", {}, r"svm.csv:2: .* sum to 1, got 0.6"),
        ("file,prediction\ndevel_1.wav,loud\n", {}, "must be one of clear, mask, got 'loud'"),
        ("file,clear,mask\n" + GOOD, {"trained_on": "all"}, "must name partitions .* got 'all'"),
        (
            "file,clear,mask\n" + GOOD + "t1.wav,.5,.5\n",
            {"file_names": {**CLIPS, "test": ["t1.wav", "t2.wav"]}},
            r"every clip of test, 1 of 2 are missing \(t2.wav\)",
        ),
        ("file,clear,mask\na/devel_1.wav,1,0\nb/devel_1.wav,0,1\n", {}, "2 of 2 are missing"),
    ],
)
def test_files_that_cannot_be_candidates_are_refused_with_file_and_line(
    path, text, options, message
):
    with pytest.raises(InputError, match=message) as refused:
        read(path, text, **options)
    assert str(path) in str(refused.value)


def test_missing_and_undecodable_files_are_refused(path):
    options = {"classes": CLASSES, "file_names": CLIPS, "trained_on": "train"}
    with pytest.raises(InputError, match="must be there and readable, got No such file"):
        import_predictions(path, **options)
    path.write_bytes(b"file,clear\xff\n")
    with pytest.raises(InputError, match=r"svm\.csv:1: must be UTF-8 text, got byte 0xff"):
        import_predictions(path, **options)
