"""A person's own function lists the clips; and what is wrong with one is a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from search_spaces.grammar.errors import InputError
from study.corpus import Corpus, read_corpus

OWN = """
def load(folder):
    for path in sorted((folder / "wav").iterdir()):
        kind, _, number = path.stem.partition("_")
        label = None if kind == "test" else LABELS[path.name]
        yield {"file": f"wav/{path.name}", "label": label, "split": kind, "number": int(number)}

def broken(folder):
    return [{"file": 3}, 4, {"label": "x"}]

def raises(folder):
    raise KeyError("no such thing")
def leaves(root):
    raise SystemExit(0)
"""


def test_a_persons_own_function_may_list_the_clips(truth: Corpus, tmp_path: Path) -> None:
    labels = {clip.file_name: clip.label for clip in truth.clips}
    (tmp_path / "mine.py").write_text(f"LABELS = {labels!r}\n{OWN}")
    corpus = read_corpus(truth.root, layout="mine.py:load", base=tmp_path)
    assert corpus.layout == "mine.py:load"
    found = {(Path(c.file_name).name, c.label, c.partition) for c in corpus.clips}
    assert found == {(c.file_name, c.label, c.partition) for c in truth.clips}
    assert corpus.clips[0].metadata == {"number": "1"}


@pytest.mark.parametrize(
    ("layout", "told"),
    [
        ("none.py:load", "must name a Python file that exists"),
        ("mine.txt:load", "must name a Python file, which ends in .py"),
        ("mine.py:nothing", "must have a function 'nothing', got None"),
        ("mine.py:LABELS", "must have a function 'LABELS'"),
        ("mine.py:raises", "mine.py:raises raised KeyError: 'no such thing'"),
        ("mine.py:leaves", "mine.py:leaves raised SystemExit: 0"),
        ("wrong.py:load", "SyntaxError"),
        ("mine.py:broken", "the function must return a mapping per clip, got 4"),
        ("mine.py:broken", "a clip must have a file_name, got {'label': 'x'}"),
    ],
)
def test_what_is_wrong_with_an_own_function_is_a_sentence(
    tmp_path: Path, layout: str, told: str
) -> None:
    (tmp_path / "mine.py").write_text(f"LABELS = {{}}\n{OWN}")
    (tmp_path / "mine.txt").touch()
    (tmp_path / "wrong.py").write_text("def load(:\n")
    (tmp_path / "c").mkdir()
    with pytest.raises(InputError) as caught:
        read_corpus(tmp_path / "c", layout=layout, base=tmp_path)
    assert told in str(caught.value)
