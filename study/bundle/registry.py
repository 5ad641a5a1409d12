"""A bundle in MLflow's model registry, under the alias `champion`.

The registered model holds a copy of the bundle, so that it can be served from the store alone.
Its code is `study.bundle.registry_model`; nothing is pickled.
"""

from __future__ import annotations

import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from search_spaces.grammar.errors import InputError
from search_spaces.spec import canonical_digest
from study.bundle.bundle import Bundle, read_bundle
from study.fusion.methods.rule import FusionRule
from study.results import StudyResults
from study.tracking.run_client import ParentRun, RunClient, find_parent
from study.tracking.store import TrackingStore, open_client
from study.tracking.store_checks import REMEDY, LeftOutError, store_to_add_to
from study.tracking.values import now_ms

ALIAS = "champion"
EXAMPLE_SECONDS = 0.05


def register_bundle(results: StudyResults, folder: Path, *, project: Path | None = None) -> str:
    """Register a bundle as the newest version of the model that is called as the study.

    Args:
        results: The study; its MLflow store is written.
        folder: The bundle.
        project: Of `study.locate.project_folder`: where its MLflow store may lie.

    Returns:
        A sentence: the version, or why there is none. The bundle is whole in either case.
    """
    noted = results.state["mlflow"]
    bundle = read_bundle(folder)
    try:
        store = store_to_add_to(results, project)
    except LeftOutError as error:
        return f"not registered: {error}"
    try:
        number, new = _register(results, store, noted, bundle)
    except InputError:
        raise
    except Exception as error:  # whatever MLflow's store may raise: the bundle is there
        reason = " ".join(str(error).split()) or repr(error)
        return f"not registered in MLflow ({store.label}): {reason:.300}"
    how = "registered" if new else "already registered"
    return (
        f"{how}: models:/{results.name}@{ALIAS} (version {number}); serve it with"
        f" MLFLOW_TRACKING_URI={store.label} mlflow models serve -m models:/{results.name}@{ALIAS}"
        f" --env-manager local"
    )


def _register(
    results: StudyResults, store: TrackingStore, noted: dict[str, Any], bundle: Bundle
) -> tuple[int, bool]:
    client = open_client(store)
    study_id, experiment = str(results.state["id"]), str(noted["experiment_id"])
    parent = ParentRun(experiment, study_id, "", run_id=noted["run_id"])
    if (run := find_parent(client, experiment, parent)) is None:
        raise LookupError(f"the study's run is not there; {REMEDY}")
    digest = _digest(bundle)
    if (known := _version_of(client, results.name, digest)) is not None:
        client.set_registered_model_alias(results.name, ALIAS, known)
        return int(known), False
    runs = RunClient(client, store, run.info.experiment_id, run.info.run_id, study_id)
    runs.close_left("export")
    tags = {"mlflow.runName": f"bundle {bundle.protocol}", "spectune.protocol": bundle.protocol}
    run_id = runs.new_child("export", tags)
    try:
        with tempfile.TemporaryDirectory(prefix="spectune-") as name:
            model = Path(name) / "model"
            _save(bundle, model)
            paths = [path for path in model.rglob("*") if path.is_file()]
            files = {path.relative_to(model.parent).as_posix(): path for path in paths}
            if not runs.log_artifacts(run_id, files):
                raise OSError("the store refused the model's files")
        number = _create_version(client, results.name, run_id, digest, bundle)
    except BaseException:
        runs.terminate(run_id, "FAILED", now_ms())
        raise
    runs.terminate(run_id, "FINISHED", now_ms())
    return number, True


def _digest(bundle: Bundle) -> str:
    """Return what makes two bundles the same predictor, whenever and by whatever revision."""
    members = [[m.sha256, m.weight, m.candidate, m.spec.digest] for m in bundle.members]
    heard = [bundle.sampling_rate, bundle.clip_seconds, bundle.pad]
    rule = _what_it_does(bundle.rule)
    return canonical_digest([bundle.protocol, list(bundle.classes), heard, members, rule])


def _what_it_does(rule: FusionRule | None) -> dict[str, Any] | None:
    """Return the numbers that a rule applies, without what is said of them."""
    if rule is None or rule.plain:
        return None
    decision = rule.decision
    applied = None if decision is None else [decision.temperature, list(decision.bias)]
    return rule.to_json() | {"decision": applied}


def _version_of(client: Any, name: str, digest: str) -> str | None:
    """Return the version that is this very bundle."""
    quoted = name.replace("'", "")
    versions = client.search_model_versions(f"name = '{quoted}'")
    same = (known for known in versions if known.tags.get("spectune.bundle") == digest)
    return next((str(known.version) for known in same), None)


def _create_version(client: Any, name: str, run_id: str, digest: str, bundle: Bundle) -> int:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    made = client.create_model_version(
        name,
        source=f"{client.get_run(run_id).info.artifact_uri}/model",
        run_id=run_id,
        tags={"spectune.bundle": digest, "spectune.protocol": bundle.protocol},
        description=(bundle.folder / "README.md").read_text("utf-8")[:4900],
    )
    client.set_registered_model_alias(name, ALIAS, made.version)
    return int(made.version)


def _save(bundle: Bundle, path: Path) -> None:
    """Write the bundle as an MLflow model, beside its code."""
    import mlflow.pyfunc
    import pandas as pd
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import Array

    inputs = [ColSpec(Array(DataType.double), "waveform"), ColSpec(DataType.long, "sampling_rate")]
    outputs = [ColSpec(DataType.string, "prediction")]
    outputs += [ColSpec(DataType.double, f"prob_{name}") for name in bundle.classes]
    # MLflow copies the rights of the code, too: of this copy they are those of a new file.
    code, folder = path.with_name("registry_model.py"), bundle.folder.resolve()
    code.write_bytes(Path(__file__).with_name("registry_model.py").read_bytes())
    if {*"#%?"} & {*str(folder)}:  # MLflow reads the name as an address, in which they mean much
        folder = shutil.copytree(folder, path.with_name("bundle"), copy_function=shutil.copyfile)
    silence = [0.0] * max(1, round(EXAMPLE_SECONDS * bundle.sampling_rate))
    mlflow.pyfunc.save_model(
        path,
        python_model=str(code),
        artifacts={"bundle": str(folder)},
        signature=ModelSignature(Schema(inputs), Schema(outputs)),
        input_example=pd.DataFrame(
            {"waveform": [silence], "sampling_rate": [bundle.sampling_rate]}
        ),
        pip_requirements=[f"spectune=={version('spectune')}"],
    )
