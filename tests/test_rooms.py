"""Imports go one way, workers need no study libraries, and light commands stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORDER = ("search_spaces", "runners", "study", "reports")
STUDY_LIBRARIES = {"optuna", "mlflow", "pandas", "plotly", "pydantic", "typer", "rich", "soundfile"}


# The rooms of study/ from the ground up: each may import those above it in this list.
STUDY_ROOMS = (
    "study.text", "study.shown", "study.files", "study.progress", "study.config",
    "study.locate", "study.metrics",
    "study.results", "study.honest", "study.corpus.layouts", "study.corpus",
    "study.corpus.audio", "study.corpus.simulated", "study.checking", "study.fusion.methods",
    "study.fusion", "study.weights", "study.planning", "study.tracking",
    "study.search", "study.challenge", "study.bundle",
)  # fmt: skip
SEES_ALL = (ROOT / "study" / "cli.py", ROOT / "study" / "api.py")
FILES = [path for package in ORDER for path in sorted((ROOT / package).rglob("*.py"))]


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path) -> set[str]:
    """Every import of a file, those in functions and under TYPE_CHECKING too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room_of(module: str) -> int | None:
    """The place of a module's room, the longest that fits; None for what sees everything."""
    fits = [room for room in STUDY_ROOMS if f"{module}.".startswith(f"{room}.")]
    return STUDY_ROOMS.index(max(fits, key=len)) if fits else None


def folder_of(name: str) -> Path | None:
    """The folder in which an imported name is defined, if it is one of ours."""
    parts = name.split(".")
    while parts and parts[0] in ORDER:
        if (ROOT.joinpath(*parts)).is_dir():
            return ROOT.joinpath(*parts)
        if ROOT.joinpath(*parts).with_suffix(".py").is_file():
            return ROOT.joinpath(*parts[:-1])
        parts = parts[:-1]
    return None


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_packages_import_one_way(path):
    package = path.relative_to(ROOT).parts[0]
    if path in SEES_ALL or path.parent == ROOT / "study" / "commands":
        return  # the command line and the face for Python alone see all packages
    used = {name.split(".")[0] for name in imported(path)}
    assert not used & set(ORDER[ORDER.index(package) + 1 :])
    if package in ("search_spaces", "runners"):
        assert not used & STUDY_LIBRARIES


@pytest.mark.parametrize(
    "path", [p for p in FILES if room_of(module_of(p)) is not None], ids=module_of
)
def test_rooms_of_a_study_import_one_way(path):
    own = room_of(module_of(path))
    wrong = [
        name
        for name in imported(path)
        if name.startswith("study.") and name != "study.load"  # the face of the package
        if (room := room_of(name)) is None or room > own
    ]
    assert not wrong


def test_no_two_folders_import_each_other():
    arrows = {
        (path.parent, folder)
        for path in FILES
        if path.parent != ROOT / "study" and path.parent.parent != ROOT  # the packages' own faces
        for name in imported(path)
        if (folder := folder_of(name)) is not None and folder != path.parent
    }
    assert sorted(f"{a} <-> {b}" for a, b in arrows if (b, a) in arrows and str(a) < str(b)) == []


def test_a_folder_is_small_enough_to_find_a_file_in():
    widths = Counter(path.parent.relative_to(ROOT) for path in FILES if path.name != "__init__.py")
    assert {str(folder): n for folder, n in widths.items() if n > 20} == {}
    assert widths[Path("study")] <= 8


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("study", ("torch", "mlflow", "optuna", "pandas", "plotly", "numpy", "pydantic", "yaml")),
        ("study.cli", ("torch", "mlflow", "optuna", "pandas")),
        ("study.results", ("torch", "mlflow", "optuna", "pandas")),
        ("study.results.status", ("torch", "mlflow", "optuna", "pandas")),
        ("runners.engines.worker", ("mlflow", "optuna", "pandas", "pydantic")),
        ("runners.trial", ("mlflow", "optuna", "pandas", "pydantic")),
    ],
)
def test_a_module_does_not_load_what_it_has_no_use_for(module, absent):
    code = f"import sys, {module}; print([m for m in {absent!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("room", ["search_spaces"])
def test_exported_names_exist(room):
    module = __import__(room)
    for name in module.__all__:
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError):
        _ = module.nothing
