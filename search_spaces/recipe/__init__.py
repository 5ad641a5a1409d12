"""The training recipe: how long and on what, optimiser, schedule, loss, averaging of weights."""

from __future__ import annotations

from search_spaces.recipe.averaging import AVERAGINGS, Averaging, Ema, NoAveraging, Swa
from search_spaces.recipe.losses import LOSSES, CrossEntropy, Focal, Loss
from search_spaces.recipe.optimizers import OPTIMIZERS, AdamW, Lion, NAdamW, Optimizer, Sgd
from search_spaces.recipe.recipe import Recipe
from search_spaces.recipe.schedules import SCHEDULES, make_schedule

__all__ = [
    "AVERAGINGS",
    "LOSSES",
    "OPTIMIZERS",
    "SCHEDULES",
    "AdamW",
    "Averaging",
    "CrossEntropy",
    "Ema",
    "Focal",
    "Lion",
    "Loss",
    "NAdamW",
    "NoAveraging",
    "Optimizer",
    "Recipe",
    "Sgd",
    "Swa",
    "make_schedule",
]
