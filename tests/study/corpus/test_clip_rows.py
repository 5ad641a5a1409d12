"""Rows of other tools' tables are this study's clips by one way of naming, or by none."""

from __future__ import annotations

from pathlib import Path

import pytest

from search_spaces.grammar.errors import InputError
from study.corpus.clip_rows import MatchedRows, match_rows
from study.files.csv_files import CsvTable

NESTED = ["george/1_0.wav", "george/2_0.wav", "theo/1_0.wav", "theo/2_0.wav", "tester/1_0.wav"]
SEGMENTS = ["a.wav#t=0,1", "a.wav#t=1,2.5", "b.wav#t=1,2.5", "b.wav#t=3"]


def matched(clips: list[str], *rows: str, header: str = "file") -> MatchedRows:
    cells = [row.split(",") for row in rows]
    table = CsvTable(Path("t.csv"), header.split(","), cells, list(range(2, len(rows) + 2)))
    return match_rows(table, 0, clips)


@pytest.mark.parametrize(
    ("clips", "rows", "by"),
    [
        (["a.wav", "b.wav"], ["b.wav", "a.wav"], "file name"),
        (["x/a.wav", "x/b.wav"], ["x\\b.wav", "./x/a.wav"], "file name"),
        (
            ["a.wav", "b.wav"],
            ["C:\\data\\b.wav", "C:\\data\\a.wav"],
            "file name, without the first 2 folders of the table's names",
        ),
        (
            ["x/a.wav", "y/b.wav"],
            ["/their/disk/y/b.wav", "/their/disk/x/a.wav"],
            "file name, without the first 2 folders of the table's names",
        ),
        (
            ["x/a.wav", "y/b.wav"],
            ["b.wav", "a.wav"],
            "file name, without the first folder of the clips' names",
        ),
        (
            ["wav/x/a.wav", "wav/y/a.wav"],
            ["16k/y/a.wav", "16k/x/a.wav"],
            "file name, without the folder that all the table's names share",
        ),
        (["x/a.wav", "y/a.wav"], ["y/a", "x/a"], "file name without its ending"),
        (["rec.1.wav", "rec.2.wav"], ["rec.2", "rec.1"], "file name without its ending"),
        (["rec.1", "rec.2"], ["rec.2.npy", "rec.1.npy"], "file name without its ending"),
    ],
)
def test_one_way_of_naming_finds_all_rows_and_is_told(
    clips: list[str], rows: list[str], by: str
) -> None:
    assert matched(clips, *rows) == MatchedRows({clips[0]: 1, clips[1]: 0}, by)


@pytest.mark.parametrize(
    "rows",
    [
        ["jackson/1_0.wav", "jackson/2_0.wav"],  # another speaker
        ["1_0.wav", "2_0.wav"],  # of whom?
        ["x/george/1_0.wav", "y/george/1_0.wav"],  # which of the two?
    ],
)
def test_a_row_that_could_be_anothers_is_nobodys(rows: list[str]) -> None:
    assert matched(NESTED, *rows).rows == {}


def test_why_it_is_not_clear_which_row_is_meant_is_said() -> None:
    hint = matched(NESTED, "1_0.wav").hint
    assert hint.endswith("since 'george/1_0.wav' and 'theo/1_0.wav' are then the same")
    assert "without the first folder of the clips' names it is not clear" in hint
    hint = matched(["a.wav"], "x/a.wav", "y/a.wav").hint
    assert hint.endswith("since 'x/a.wav' and 'y/a.wav' are then the same")


def test_the_first_way_that_finds_a_clip_is_the_only_one() -> None:
    found = matched(["george/1_0.wav", "george/2_0.wav"], "george/1_0.wav", "theo/2_0.wav")
    assert found.rows == {"george/1_0.wav": 0}
    assert found.by == "file name"


@pytest.mark.parametrize(
    "rows",
    [
        ["b.wav,3,", "b.wav,1.0,2.50", "a.wav,1,2.5", "a.wav,0,1"],
        [
            "b.wav,0 days 00:00:03,NaT",
            "b.wav,0 days 00:00:01,0 days 00:00:02.500000",
            "a.wav,00:00:01,00:00:02.5",
            "a.wav,0 days 00:00:00,0 days 00:00:01",
        ],
        ["b.wav,3.0004,", "b.wav,1.0009,2.4995", "a.wav,.9995,2.5", "a.wav,,1"],
        ["b.wav#t=3,,", "b.wav#t=1,2.5,,".replace(",2.5", "|2.5"), "a.wav,1,2.5", "a.wav,0,1"],
    ],
)
def test_segments_are_told_apart_by_their_times(rows: list[str]) -> None:
    cells = [[cell.replace("|", ",") for cell in row.split(",")] for row in rows]
    table = CsvTable(Path("t.csv"), ["file", "start", "end"], cells, [2, 3, 4, 5])
    found = match_rows(table, 0, SEGMENTS)
    assert found.rows == {name: 3 - i for i, name in enumerate(SEGMENTS)}
    long = matched([f"x/{name}" for name in SEGMENTS], "a.wav,1,2.5", header="file,start,end")
    assert long.rows == {"x/a.wav#t=1,2.5": 0}


def test_times_that_are_two_clips_are_neithers_unless_they_are_exactly_one() -> None:
    clips = ["a.wav#t=0,1", "a.wav#t=0,1.0005"]
    header = "file,start,end"
    assert matched(clips, "a.wav,0,1.0005", "a.wav,0,1", header=header).rows == dict(
        zip(clips, (1, 0), strict=True)
    )
    unclear = matched(clips, "a.wav,0,1.0002", header=header)
    assert unclear.rows == {}
    assert unclear.hint.endswith("since two clips have the times of a.wav from 0 to 1.0002 s")
    unclear = matched(clips[:1], "a.wav,0,1.0003", "a.wav,0,.9997", header=header)
    assert unclear.hint.endswith("since two rows have the times of a.wav from 0 to 1 s")


def test_whole_files_and_segments_are_not_taken_for_each_other() -> None:
    found = matched(["a.wav"], "a.wav,0,1.5", header="file,start,end")
    assert found.rows == {}
    assert "leave out its columns start and end if every row is a whole file" in found.hint
    assert matched(["a.wav"], "a.wav,0,NaT", header="file,start,end").rows == {"a.wav": 0}
    found = matched(["a.wav#t=0,1"], "a.wav,0,1000", "a.wav,1000,2000", header="file,start,end")
    assert (found.rows, found.hint) == ({}, "no row has the times of a clip, to 1 ms")
    found = matched(["a.wav#t=0,1"], "a.wav")
    assert found.rows == {}
    assert found.hint.endswith("needs the columns start and end")


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        (["a.wav,0,1", "a.wav,0.0,1"], "t.csv:3: every clip may occur once, 'a.wav' is also"),
        (["a.wav,2,1"], "t.csv:2: a segment must have start and end in seconds"),
        (["a.wav,-1 days +23:59:59,1"], "t.csv:2: a segment must have start and end"),
        (["a.wav#t=1,,1"], "0 <= start < end, as in its name, got '' and '1' for"),
    ],
)
def test_rows_that_make_no_sense_are_refused_with_their_line(rows: list[str], rule: str) -> None:
    with pytest.raises(InputError) as refused:
        matched(["a.wav#t=0,1"], *rows, header="file,start,end")
    assert rule in str(refused.value)
