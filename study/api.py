"""A study from Python: what people do in a notebook.

Beside the command line it alone sees every room, and the reports.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_spaces.grammar.errors import InputError
from study.locate import config_and_base, results_folder
from study.results import StudyResults, TrialRecord, read_results
from study.shown import undisturbed
from study.text import percent

if TYPE_CHECKING:
    import pandas as pd

    from reports.figures import Figures
    from study.config import StudyConfig
    from study.planning.plan import Plan

EXIT_DONE, EXIT_INTERRUPTED = 0, 130


def run(study: Path | str | Mapping[str, Any], /, **overrides: Any) -> Results:
    """Run a study, or go on with it; prints what `spectune run` prints.

    Args:
        study: A study.yaml, a results folder, or what would stand in a study.yaml, with paths
            relative to the working directory.
        overrides: Other values of its keys: `budget={"trials": 20}`, which leaves `budget.hours`,
            or `**{"budget.trials": 20}`.

    Raises:
        InputError: Something that was given is wrong; nothing is written then.
        KeyboardInterrupt: It was interrupted, and has stopped cleanly; the same call goes on.
        RuntimeError: It stopped because of faults, or no trial ended with a result.
    """
    from reports.report import write_report
    from study.config import changed, parse_config
    from study.search.session import run_study

    if isinstance(study, Mapping):
        config, base = (
            parse_config(changed(changed({}, study), overrides), where="study"),
            Path.cwd(),
        )
    else:
        config, base = config_and_base(_path(study), changes=overrides)
    folder = (base / config.results / config.name).resolve()
    with undisturbed():
        code = run_study(config, base=base, report=write_report, command="study.run")
    if code == EXIT_INTERRUPTED:
        raise KeyboardInterrupt("the study has stopped cleanly; the same call goes on")
    if code != EXIT_DONE:
        raise RuntimeError(
            f"{folder}: the study stopped, and what it printed says why; study.open gives what"
            f" there is of it"
        )
    return Results(read_results(folder), _named=(config, base))


def open_study(study: Path | str) -> Results:
    """Open a study to look at it, also while it runs.

    Args:
        study: A study.yaml or a results folder.

    Raises:
        InputError: There is none, or a file in it is damaged.
    """
    study = _path(study)
    folder = results_folder(study)
    return Results(read_results(folder), _named=None if study.is_dir() else config_and_base(study))


def _path(study: object) -> Path:
    if not isinstance(study, (str, os.PathLike)) or not str(study):
        raise InputError(f"a study must be a study.yaml or a results folder, got {study!r:.80}")
    return Path(study)


@dataclass(frozen=True, repr=False)
class Results:
    """A study as it was when it was opened; `study.open(results.folder)` reads it again.

    UAR is in [0, 1] everywhere.

    Args:
        study: All that its results folder told.
        _named: Its configuration and the folder that paths are relative to, where a person gave
            them; None: what there is of a results folder alone.
    """

    study: StudyResults
    _named: tuple[StudyConfig, Path] | None = None

    @property
    def name(self) -> str:
        """The study's name."""
        return self.study.name

    @property
    def folder(self) -> Path:
        """The results folder."""
        return self.study.folder

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of every probability."""
        return self.study.classes

    @property
    def trials(self) -> tuple[TrialRecord, ...]:
        """All trials by number, also running and failed ones."""
        return self.study.trials

    @property
    def best(self) -> TrialRecord | None:
        """The trial with the highest devel UAR; None before one has ended with a UAR."""
        return self.study.best

    @property
    def status(self) -> dict[str, Any]:
        """Where the study stands, as `spectune status --json` prints it."""
        from study.results.status import status_of

        return status_of(self.folder, self.study)

    @property
    def fusion(self) -> Fusion | None:
        """The fusion; None where none was selected yet."""
        return None if self.study.ensemble is None else _fusion(self.study)

    @cached_property
    def figures(self) -> Figures:
        """The figures of the report, as `figures.history()`; `dir(results.figures)` lists them."""
        from reports.figures import Figures

        return Figures(self.study)

    def leaderboard(self) -> pd.DataFrame:
        """One row a trial, best first, its parameters as columns; imported systems come last.

        Columns: rank, trial, name, uar, best_epoch, state, seconds, and the parameters; where
        specs were trained again also together, the UAR that all trainings of a spec are ranked by.
        """
        import pandas as pd

        from study.results.leaderboard import FIXED, leaderboard

        rows = leaderboard(self.study)
        parameters = sorted({key for row in rows for key in row} - {*FIXED})
        table = pd.DataFrame(rows, columns=[*FIXED, *parameters])
        return table.astype(dict.fromkeys(("rank", "trial", "best_epoch"), "Int64"))

    def predictions(self, partition: str = "devel", *, trial: int | None = None) -> pd.DataFrame:
        """What the fusion, or one trial at its best epoch, said about every clip.

        Columns: file_name, label (empty where it is blind), prediction, and prob_<class> each.

        Args:
            partition: `devel` or `test`.
            trial: A trial's number; None: the fusion.

        Raises:
            InputError: There are none.
        """
        import pandas as pd

        from study.results.predictions import fusion_predictions, trial_predictions

        if partition not in ("devel", "test"):
            raise InputError(f"partition must be devel or test, got {partition!r}")
        if trial is None:
            found = fusion_predictions(self.study, partition)
            if found is None:
                raise InputError(f"{self.folder}: no fusion has predictions of {partition} yet")
        else:
            found = trial_predictions(self.study, self.study.trial(trial), partition)
        columns = {f"prob_{name}": found.probabilities[:, i] for i, name in enumerate(self.classes)}
        table = {"file_name": found.file_names, "label": found.labels}
        return pd.DataFrame({**table, "prediction": found.predictions, **columns})

    def ablation(self, **reference: Any) -> pd.DataFrame:
        """The points of a grid, best first, as `spectune ablation --csv` writes them.

        Args:
            reference: Settings of the point to compare with, like `scale="linear"`; by default
                the best one.

        Raises:
            InputError: No trial is complete, or the reference is not one of the points.
        """
        import pandas as pd

        from study.honest import ablation_rows
        from study.honest.ablation import Trainings
        from study.honest.ablation_table import ablation_records

        wanted = {key: str(value) for key, value in reference.items()}
        rows = ablation_rows(Trainings.from_results(self.study), reference=wanted)
        return pd.DataFrame(ablation_records(rows))

    def seeds(self) -> pd.DataFrame:
        """The specs that were trained again with other seeds, best first.

        Columns: name, n, mean, sd, lower (of a one-sided 95 % interval of the mean), trials,
        uars, and chosen: number and UAR of the training that the spec was chosen by.
        """
        import pandas as pd

        from study.config import load_config
        from study.results.seeds_table import seeds_table

        rank = load_config(self.folder / "study.yaml").seeds.rank
        columns = ["name", "n", "mean", "sd", "lower", "trials", "uars", "chosen"]
        rows = [
            vars(row) | {"n": len(row.uars)} for row in seeds_table(self.study.ranked, rank=rank)
        ]
        return pd.DataFrame(rows, columns=columns)

    def export(self, folder: Path | str, *, protocol: str | None = None) -> Path:
        """Write the fusion as a bundle for `study.load`, as `spectune export` does.

        Args:
            folder: Must not exist, or be a bundle of this study, which is replaced.
            protocol: `train` or `train+devel`; None: what there is of a refit.

        Raises:
            InputError: There is no fusion, or something else in the folder.
        """
        from study.bundle.export import export_bundle
        from study.challenge.refit_record import default_protocol
        from study.planning.plan import plan_study
        from study.results import StudyLock

        def plan() -> Plan:
            config, base = self._named or config_and_base(self.folder)
            return plan_study(config, base=base)

        with StudyLock(self.folder, purpose="export"):
            now = read_results(self.folder)
            return export_bundle(
                now,
                Path(folder),
                protocol=default_protocol(now) if protocol is None else protocol,
                plan=plan,
            )

    def __repr__(self) -> str:
        from study.results.status import status_lines

        return "\n".join([*status_lines(self.status), f"folder: {self.folder}"])


@dataclass(frozen=True, repr=False, eq=False)
class Fusion:
    """The fusion of a study; UAR in [0, 1].

    Args:
        method: How its members were selected.
        members: Columns trial (missing for an imported system), name, weight, uar.
        apparent: Devel UAR; optimistic, since devel chose the members.
        honest: Devel UAR where the clips that judge chose nothing; None where it is not known.
        low: Lower end of its 95 % interval; None where there is none.
        high: Upper end.
        sentences: What is to be said of it, the honest value first.
    """

    method: str
    members: pd.DataFrame
    apparent: float
    honest: float | None
    low: float | None
    high: float | None
    sentences: tuple[str, ...]

    def __repr__(self) -> str:
        n = len(self.members)
        head = f"fusion of {n} ({self.method}): {percent(self.apparent)} (apparent)"
        return "\n".join([head, self.members.to_string(index=False), *self.sentences])


def _fusion(results: StudyResults) -> Fusion:
    import pandas as pd

    from study.files import mapping, number

    assert results.ensemble is not None
    ensemble = results.ensemble
    members = pd.DataFrame(
        [vars(member) for member in (*ensemble.members, *ensemble.imported)],
        columns=["trial", "name", "weight", "uar"],
    )
    honest = mapping(ensemble.honest.get("nested"))
    said = (ensemble.honest.get("sentence"), *ensemble.sentences)
    return Fusion(
        ensemble.method,
        members.astype({"trial": "Int64"}),
        ensemble.uar,
        number(honest.get("uar")),
        number(honest.get("low")),
        number(honest.get("high")),
        tuple(str(sentence) for sentence in said if sentence),
    )
