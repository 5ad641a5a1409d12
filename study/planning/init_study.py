"""`spectune init`: look at a folder, say what it is, and write a commented study.yaml for it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from search_spaces.grammar.errors import InputError
from study.corpus import Corpus, divide, list_corpus, make_partitions, read_corpus, summarise
from study.corpus.audio.headers import AudioLook, look_at_audio, usual_rate, usual_seconds
from study.corpus.corpus import Listing
from study.corpus.layouts.names import known_partition
from study.corpus.partition_file import write_partitions
from study.corpus.partitioning import Division
from study.files import dump_yaml, replace_text
from study.planning.protocol_advice import Advice, advise_protocol

_PARTITIONS = "partitions.csv"
TEMPLATE = """\
# A spectune study. Launch or resume it with
# `spectune run {file}`. Only the first {n_needed} keys are needed; the rest are the defaults.
{name_line}
{corpus}
space: small              # a preset (`spectune spaces`), a YAML file, or the space itself
budget: {{trials: 60}}      # and/or hours: 8

seed: 0                   # the same seed gives the same study again (CPU, one slot)
{clip_seconds}
pad: repeat               # what shorter clips are filled up with: repeat, reflect, zero
{sampling_rate}
# from: results/earlier   # a study whose finished trials are the first of this one
# sampler: random         # or grid, every point of the space; by default tpe
{protocol}
# folds: 5                # of protocol: kfold
# seeds: {{top: 5, n: 3}}   # after the search: the best five specs again, three trainings of each
# baselines: [band_svm]   # of the space, tried first; by default all of them
# slots: 2                # trials at once; by default one per GPU, or one on the CPU
# threads: 2              # CPU threads of a slot, by default its share; as many give the same bits
# pruning: {{enabled: true, startup_trials: 8, warmup: 0.25, patience: 1}}
# ensemble: {{max_members: 8}}
# refit: {{seeds: 3}}       # networks per member that `spectune refit` trains on train+devel
# submission: {{team: team, tries: 5}}  # in the file names of `spectune submit`; how many it writes
# keep_weights: 30        # the best trials' weights that stay on disk; others are trained again
# results: results        # where results/<name>/ is made; relative to this file
# storage: postgresql://... # an Optuna storage URL; by default SQLite in the results folder
# experiment: {name}      # of MLflow; its store is $MLFLOW_TRACKING_URI or mlflow.db in this folder
# tracking: false         # nothing goes to MLflow
# hang_minutes: 10        # a worker that is silent for so long is replaced
# checkpoint_seconds: 30  # between two checkpoints of a trial
"""
PROTOCOLS = "holdout, kfold or loso (docs/comparing.md)"
_UNUSED = {  # keys of a corpus that need not be said of this one
    "layout": "# layout: manifest        # how the corpus is read; by default what it looks like",
    "label_column": "# label_column: label     # of a manifest or database",
    "audio": "# audio: recordings       # folder of the files, where it is not the corpus's",
    "partitions": "# partitions: parts.csv   # file_name,partition; by default the corpus's own",
}


def init_study(
    corpus: Path,
    *,
    folder: Path,
    layout: str | None = None,
    label_column: str | None = None,
    audio: Path | None = None,
    echo: Callable[[str], None] = print,
) -> Path:
    """Write `study.yaml` for a corpus into `folder`, and `partitions.csv` where it has none.

    Args:
        corpus: A folder or a manifest CSV.
        folder: Where the study will be.
        layout: As in study.yaml; None to look.
        label_column: As in study.yaml.
        audio: Folder of the files, where that is not the corpus's.
        echo: Prints what the corpus is and what was written.

    Raises:
        InputError: If the corpus is wrong, or there is a file already; nothing is written then.
    """
    path = folder / "study.yaml"
    if os.path.lexists(path):
        raise InputError(f"{path}: exists already; nothing was written")
    how: Any = {"layout": layout, "label_column": label_column, "base": folder, "audio": audio}
    listing = list_corpus(corpus, **how)
    division = None
    if _has_no_devel(listing):
        division = make_partitions(listing.rows)
        read = divide(listing, division.partitions)
    else:
        read = read_corpus(corpus, **how)
    look = look_at_audio(read.clips)
    keys = {
        "corpus": _relative(corpus, folder),
        "layout": layout,
        "label_column": label_column,
        "audio": None if audio is None else _relative(audio, folder),
        "partitions": None if division is None else _PARTITIONS,
    }
    keys = {key: value for key, value in keys.items() if value is not None}
    advice = advise_protocol(read)
    text = _study_yaml(read, look, keys, advice, path.name)
    if division is not None:
        write_partitions(folder / _PARTITIONS, listing.rows, division.partitions)
    replace_text(path, text)
    durations = look.durations if look.complete else None
    echo(summarise(read, durations, _rates(look)))
    if division is not None:
        echo(f"{division_sentence(division)}; written to {_PARTITIONS}")
    echo(f"protocol {advice.protocol}: {advice.reason}")
    if advice.caution:
        echo(advice.caution)
    echo(f"wrote {path.name}; now: spectune run {path.name}")
    return path


def _relative(path: Path, folder: Path) -> str:
    """What names a path in a file of a folder, links followed: `..` of a link leads elsewhere."""
    return os.path.relpath(path.resolve(), folder.resolve())


def _has_no_devel(listing: Listing) -> bool:
    """Whether there are no partitions at all, or train and test alone."""
    names = {row.partition and (known_partition(row.partition) or "other") for row in listing.rows}
    return not names & {"devel", "other"}


def division_sentence(division: Division) -> str:
    """How clips were shared out, with a warning where one voice may be on both sides."""
    counts = ", ".join(f"{n} in {name}" for name, n in division.n_groups.items() if n)
    sentence = f"partitions made by {division.by}: {counts}"
    if division.n_kept:
        sentence += f"; {division.n_kept:,} clips without a label or in test already stay in test"
    if division.by != "speaker":
        sentence += (
            "; a voice may be in several partitions, which flatters every figure (name speakers in"
            " a column `speaker` where they are known)"
        )
    return sentence


def _study_yaml(
    corpus: Corpus, look: AudioLook, keys: Mapping[str, object], advice: Advice, file: str
) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", corpus.name).strip("-._")[:80] or "study"
    about = {
        "corpus": f"layout {corpus.layout}; relative to this file",
        "layout": "how the corpus is read",
        "label_column": "the column that is the label",
        "audio": "folder of the files; relative to this file",
        "partitions": "made by `spectune init`; a CSV that you may change before the first run",
    }
    lines = [_line(key, value, about[key]) for key, value in keys.items()]
    lines += [text for key, text in _UNUSED.items() if key not in keys]
    return TEMPLATE.format(
        file=file,
        n_needed={4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight"}[3 + len(keys)],
        name=name,
        name_line=dump_yaml({"name": name}).strip(),
        corpus="\n".join(lines),
        clip_seconds=_line("clip_seconds", usual_seconds(look), _heard(look)),
        sampling_rate=_sampling_rate(look),
        protocol=_line("protocol", advice.protocol, f"{PROTOCOLS}; {advice.reason}"),
    )


def _line(key: str, value: object, comment: str) -> str:
    """A YAML line with its comment at the usual column."""
    text = dump_yaml({key: value}, width=1000).strip()
    return f"{text:<25} # {comment}"


def _heard(look: AudioLook) -> str:
    sentence = "what a network hears at once; longer clips are covered by windows"
    if not look.durations:
        return sentence
    low, high = min(look.durations), max(look.durations)
    return f"{sentence} (clips last {low:.2f} to {high:.2f} s)"


def _sampling_rate(look: AudioLook) -> str:
    rate = usual_rate(look)
    if len(look.rates) > 1:
        return _line("sampling_rate", rate, f"Hz; the files have {_rates(look)}")
    return f"{'# sampling_rate: ' + str(rate):<25} # Hz; by default the corpus's own"


def _rates(look: AudioLook) -> str | None:
    if len(look.rates) <= 1:
        return next((f"{rate:,} Hz" for rate in look.rates), None)
    return " or ".join(f"{rate:,} Hz ({n:,})" for rate, n in look.rates.most_common(4))
