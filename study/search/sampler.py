"""Optuna, behind what the coordinator asks of it: the next spec, a verdict, an end.

Only the coordinator's process writes the study. The sampler is made anew for each trial from a
hash of the study's seed and the trial's number, so that a resumed study suggests what an
undisturbed one would have.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import optuna
from optuna.pruners import BasePruner, MedianPruner, NopPruner, PatientPruner
from optuna.samplers import RandomSampler, TPESampler
from optuna.trial import Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from runners.faults import storage_fault
from search_spaces.grammar.errors import InputError
from search_spaces.space import Space
from search_spaces.spec import TrialSpec
from study.config import Pruning
from study.planning.enqueued_trials import EnqueuedTrial, derive_seed
from study.results.trial_record import SAMPLER
from study.text import without_passwords

EIGHTHS = 8
STARTUP_TRIALS = 10  # drawn at random before the model is trusted

optuna.logging.set_verbosity(optuna.logging.WARNING)


class Suggestion(NamedTuple):
    """A trial to run, and where it comes from as `spec.json` says it."""

    number: int
    spec: TrialSpec
    origin: str


def rungs(epochs: int) -> dict[int, int]:
    """Return the epochs after which a trial may be pruned: epoch -> eighth of its schedule.

    The last eighth is the end, where there is nothing left to prune.

    >>> rungs(8), rungs(4)
    ({1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 7}, {1: 2, 2: 4, 3: 6})
    """
    eighths = {-(-eighth * epochs // EIGHTHS): eighth for eighth in range(1, EIGHTHS)}
    return {epoch: eighth for epoch, eighth in eighths.items() if epoch < epochs}


def make_pruner(pruning: Pruning) -> BasePruner:
    """Return the pruner of a configuration."""
    if not pruning.enabled:
        return NopPruner()
    median = MedianPruner(
        n_startup_trials=pruning.startup_trials, n_warmup_steps=round(pruning.warmup * EIGHTHS)
    )
    if not pruning.patience:
        return median
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return PatientPruner(median, patience=pruning.patience)


class Sampling:
    """An Optuna study with one writer.

    Args:
        storage: Optuna storage URL.
        name: Of the Optuna study; it bears the space's digest, since a categorical's choices
            cannot change within one.
        space: What may be chosen.
        enqueued: Trials to run first, in order; with the sampler `grid` they are all.
        n_earlier: Trials before them, which an earlier study ran.
        sampler: `tpe`, `random` or `grid`.
        seed: The study's.
        pruning: When to stop a trial early.
    """

    def __init__(
        self,
        storage: str,
        *,
        name: str,
        space: Space,
        enqueued: Sequence[EnqueuedTrial] = (),
        n_earlier: int = 0,
        sampler: str = "tpe",
        seed: int,
        pruning: Pruning,
    ) -> None:
        try:
            self.study = optuna.create_study(
                storage=storage,
                study_name=name,
                direction="maximize",
                pruner=make_pruner(pruning),
                load_if_exists=True,
            )
        except (
            SQLAlchemyError, optuna.exceptions.StorageInternalError, ImportError, ValueError,
        ) as error:  # fmt: skip
            reason = without_passwords(str(error).partition("\n")[0])
            if "database is locked" in f"{error} {error.__cause__}":
                raise InputError(
                    f"storage: another program holds the Optuna store ({reason}); where it has let"
                    " go, the same command goes on"
                ) from error
            if storage_fault(error) is not None and "unable to open" not in str(error):
                raise  # a full disk is no fault of the input
            raise InputError(
                f"storage: the Optuna store cannot be used: {reason}; where it is a damaged"
                f" optuna.db, move it away and the same command makes it anew from the trials"
            ) from error
        self.space = space
        self.enqueued = tuple(enqueued)
        self.n_earlier = n_earlier
        self.sampler = sampler
        self.seed = seed
        self.trials: dict[int, Trial] = {}

    @property
    def exhausted(self) -> bool:
        """Whether there is nothing left to ask for: a grid has an end."""
        return self.sampler == "grid" and self._next() - self.n_earlier >= len(self.enqueued)

    def ask(self) -> Suggestion:
        """Return the next trial."""
        position = self._next() - self.n_earlier
        return self._ask(self.enqueued[position] if position < len(self.enqueued) else None)

    def repeat(self, spec: TrialSpec, *, origin: str) -> Suggestion:
        """Return a trial of this spec, with a seed of its own."""
        return self._ask(EnqueuedTrial(origin, spec))

    def again(self, number: int) -> Suggestion:
        """Take up a trial that was asked for in an earlier process; the same spec comes of it."""
        self._reseed(number)
        return self._suggest(self._held(number))

    def replay(self, number: int, spec: TrialSpec | None, *, origin: str = SAMPLER) -> None:
        """Ask for a trial again that the store has lost.

        Args:
            number: The next trial that the store would give.
            spec: What it was; None where nothing was written down yet.
            origin: Where it came from.
        """
        if spec is not None:
            self._enqueue(number, EnqueuedTrial(origin, spec, seeded=True))
        self._reseed(number)
        trial = self.study.ask()
        if spec is not None and self.space.parameters(spec) is not None:
            self.space.suggest(trial)
        self.trials[number] = trial

    def running(self) -> list[int]:
        """Return the trials that were asked for and not told."""
        return self._numbers(TrialState.RUNNING)

    def numbers(self) -> set[int]:
        """Return the trials that Optuna knows."""
        return set(self._numbers())

    def _numbers(self, *states: TrialState) -> list[int]:
        trials = self.study.get_trials(deepcopy=False, states=states or None)
        return [trial.number for trial in trials]

    def _next(self) -> int:
        """Return the number of the next trial, which may be enqueued since before a kill."""
        waiting = self._numbers(TrialState.WAITING)
        return waiting[0] if waiting else len(self._numbers())

    def _held(self, number: int) -> Trial:
        """Return a trial of the store, also one that an earlier process asked for."""
        if number in self.trials:
            return self.trials[number]
        return Trial(self.study, self.study.get_trials(deepcopy=False)[number]._trial_id)

    def _enqueue(self, number: int, trial: EnqueuedTrial) -> None:
        """Enqueue the next trial; what the space cannot say stands beside its parameters."""
        seed = trial.spec.seed if trial.seeded else derive_seed(self.seed, number)
        spec = trial.spec.to_dict() | {"seed": seed}
        parameters = self.space.parameters(trial.spec) or {}
        self.study.enqueue_trial(parameters, user_attrs={"origin": trial.origin, "spec": spec})

    def _ask(self, enqueued: EnqueuedTrial | None) -> Suggestion:
        """Ask for the next trial, one that waits since before a kill, or else the enqueued one."""
        number = self._next()
        if enqueued is not None and not self._numbers(TrialState.WAITING):
            self._enqueue(number, enqueued)
        self._reseed(number)
        return self._suggest(self.study.ask())

    def _reseed(self, number: int) -> None:
        """Make the sampler anew, so that a trial's suggestion depends on the history alone."""
        seed = derive_seed(self.seed, number)
        if self.sampler == "random":
            self.study.sampler = RandomSampler(seed=seed)
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self.study.sampler = TPESampler(
                seed=seed, n_startup_trials=STARTUP_TRIALS, multivariate=True, group=True
            )

    def _suggest(self, trial: Trial) -> Suggestion:
        number, about = trial.number, trial.user_attrs
        self.trials[number] = trial
        if "spec" not in about or about["origin"] == SAMPLER:
            seed = derive_seed(self.seed, number)
            return Suggestion(number, self.space.suggest(trial, seed=seed), SAMPLER)
        spec = TrialSpec.from_dict(about["spec"])
        if self.space.parameters(spec) is not None:
            self.space.suggest(trial)  # so that Optuna knows what was tried
        return Suggestion(number, spec, str(about["origin"]))

    def report(self, number: int, *, step: int, uar: float) -> bool:
        """Report the devel UAR at an eighth of the schedule; return whether to prune.

        A trial that has ended for the sampler (its folder has lost the result, and it runs again)
        is not reported: its verdicts are in its folder.
        """
        trial = self.trials[number]
        if self.study.get_trials(deepcopy=False)[number].state.is_finished():
            return False
        trial.report(uar, step)
        return bool(trial.should_prune())  # NumPy's bool is no JSON value

    def tell(self, number: int, *, state: str, uar: float | None, fault: str | None = None) -> None:
        """Tell the end of a trial, once; a trial told before is left as it is.

        Args:
            number: The trial.
            state: `complete`, `pruned` or `failed`.
            uar: Devel UAR of a complete trial, in [0, 1].
            fault: What of its spec made it fail (`memory`, `loss`). Told as pruned with a
                violated constraint of that name: the sampler learns to keep away, while it does not
                see a failure. So it is, too, where the process that asked for the trial is gone.
        """
        known = self.study.get_trials(deepcopy=False)[number]
        if fault is not None and not known.state.is_finished():
            state = "pruned"
            if fault not in known.constraints:  # a kill may have come right after it was set
                self._held(number).set_constraint(fault, 1.0)
        self.trials.pop(number, None)
        ends = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED}
        self.study.tell(
            number,
            uar if state == "complete" else None,
            state=ends.get(state, TrialState.FAIL),
            skip_if_finished=True,
        )
