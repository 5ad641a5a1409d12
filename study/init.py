"""`spectune init`: a commented study.yaml to begin from."""

from __future__ import annotations

import os
import re
from pathlib import Path

from search_spaces.errors import InputError

__all__ = ["write_study_yaml"]

TEMPLATE = """\
# A spectune study. Launch or resume it with
# `spectune run {file}`. Only the first four keys are needed; the rest are the defaults.
name: {name}
corpus: {corpus}          # wav/ and lab/labels.csv as in ComParE 2020; relative to this file
space: small              # a preset (`spectune spaces`), a YAML file, or the space itself
budget: {{trials: 60}}      # and/or hours: 8

seed: 0                   # the same seed gives the same study again (CPU, one slot)
clip_seconds: 1.0         # what a network hears at once; longer clips are covered by windows
pad: repeat               # what shorter clips are filled up with: repeat, reflect, zero
# sampling_rate: 16000    # Hz; by default the corpus's own
# baselines: [band_svm]   # of the space, tried first; by default all of them
# slots: 2                # trials at once; by default one per GPU, or one on the CPU
# pruning: {{enabled: true, startup_trials: 8, warmup: 0.25, patience: 1}}
# ensemble: {{max_members: 8, seed: 0}}
# refit: {{seeds: 3}}       # networks per member that `spectune refit` trains on train+devel
# submission: {{team: team, tries: 5}}  # in the file names of `spectune submit`; how many it writes
# keep_weights: 30        # the best trials' weights that stay on disk; the fusion's always do
# results: results        # where results/<name>/ is made; relative to this file
# storage: postgresql://... # an Optuna storage URL; by default SQLite in the results folder
# experiment: {name}      # of MLflow; its store is $MLFLOW_TRACKING_URI or mlflow.db in this folder
"""


def write_study_yaml(corpus: Path, *, folder: Path) -> Path:
    """Write `study.yaml` for a corpus into `folder`.

    Raises:
        InputError: If there is one already.
    """
    path = folder / "study.yaml"
    if path.exists():
        raise InputError(f"{path}: exists already; nothing was written")
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", corpus.resolve().name).strip("-._") or "study"
    relative = os.path.relpath(corpus.resolve(), folder.resolve())
    shown = relative if re.fullmatch(r"[\w./-]+", relative) else f'"{relative}"'
    path.write_text(TEMPLATE.format(file=path.name, name=name, corpus=shown))
    return path
