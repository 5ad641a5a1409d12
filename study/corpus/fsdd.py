"""Lay out the Free Spoken Digit Dataset like ComParE 2020: `python -m study.corpus.fsdd IN OUT`.

IN is the folder `recordings/` of https://github.com/Jakobovski/free-spoken-digit-dataset (licence
CC BY-SA 4.0), with files `{digit}_{speaker}_{index}.wav`. Audio is copied as it is. Partitions are
speaker-disjoint: one speaker is devel, one test, the others train; the clips of each partition are
sorted by name and shuffled. The labels of test are blind in `lab/labels.csv` and lie in
`lab/test_labels.csv`, which no study reads, for `spectune score`.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from search_spaces.grammar.errors import InputError
from study.corpus.layouts.write_compare import shuffled_names, write_labels
from study.files import new_folder

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DEVEL, TEST = "george", "lucas"
_NAME = re.compile(r"([0-9])_([a-z0-9]+)_([0-9]+)\.wav")


def lay_out_fsdd(
    recordings: Path, out: Path, *, devel: str = DEVEL, test: str = TEST, seed: int = 0
) -> None:
    """Write a corpus; the same for the same recordings.

    Args:
        recordings: Folder of the recordings.
        out: Must not exist.
        devel: The speaker of devel.
        test: The speaker of test, whose labels are blind.
        seed: Of the order of the clips.

    Raises:
        InputError: It is no such folder, a speaker is not there, or ``out`` exists.
    """
    names = sorted(path.name for path in recordings.glob("*.wav"))
    found = [match for name in names if (match := _NAME.fullmatch(name))]
    speakers = sorted({match[2] for match in found})
    for speaker in (devel, test):
        if speaker not in speakers:
            raise InputError(
                f"{recordings}: must hold recordings {{digit}}_{{speaker}}_{{index}}.wav by"
                f" {speaker!r}, got speakers {', '.join(speakers) or 'none'}"
            )
    if out.exists():
        raise InputError(f"{out}: exists already; nothing was written")
    part_of = {devel: "devel", test: "test"}
    partitions = [part_of.get(match[2], "train") for match in found]
    info = {"name": out.name, "simulated": False, "licence": "CC BY-SA 4.0", "seed": seed}
    with new_folder(out) as partial:
        (partial / "wav").mkdir()
        clips = []
        for name, i in shuffled_names(partitions, np.random.default_rng(seed)):
            file, digit, speaker = found[i].group(0, 1, 2)
            shutil.copyfile(recordings / file, partial / "wav" / name)
            clips.append((name, WORDS[int(digit)], speaker))
        write_labels(partial, clips, info)


def main(arguments: Sequence[str]) -> int:
    """Run the command line; returns the exit code."""
    if len(arguments) != 2:
        print("usage: python -m study.corpus.fsdd RECORDINGS OUT", file=sys.stderr)
        return 2
    recordings, out = map(Path, arguments)
    try:
        lay_out_fsdd(recordings, out)
    except InputError as error:
        print(f"fsdd: {error}", file=sys.stderr)
        return 2
    print(f"wrote {out}; now: spectune init {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
