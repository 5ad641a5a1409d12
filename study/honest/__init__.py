"""What a choice is worth on speakers that took no part in it: nested and out-of-bag estimates."""

from __future__ import annotations

from study.honest.ablation import ablation_rows
from study.honest.candidates import CandidateEpochs
from study.honest.estimate import HonestValue, estimate_library
from study.honest.held_out import fold_splits, held_out_hits
from study.honest.method import Fitted, Method

__all__ = [
    "CandidateEpochs",
    "Fitted",
    "HonestValue",
    "Method",
    "ablation_rows",
    "estimate_library",
    "fold_splits",
    "held_out_hits",
]
