"""Imports go one way, workers need no study libraries, and light commands stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORDER = ("search_spaces", "runners", "study", "reports")
STUDY_LIBRARIES = {"optuna", "mlflow", "pandas", "plotly", "pydantic", "typer", "rich", "soundfile"}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


FILES = [path for room in ORDER for path in sorted((ROOT / room).rglob("*.py"))]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path):
    room = path.relative_to(ROOT).parts[0]
    if path == ROOT / "study" / "cli.py" or path.parent == ROOT / "study" / "commands":
        return  # they alone see all rooms
    later = set(ORDER[ORDER.index(room) + 1 :])
    assert not imports(path) & later
    if room in ("search_spaces", "runners"):
        assert not imports(path) & STUDY_LIBRARIES


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("study.cli", ("torch", "mlflow", "optuna", "pandas")),
        ("study.status", ("torch", "mlflow", "optuna", "pandas")),
        ("runners.worker", ("mlflow", "optuna", "pandas", "pydantic")),
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
