"""The documentation names only files, folders and addresses that exist, and its modules run."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = "search_spaces|runners|study|reports"
PAGES = [
    page for page in [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
    if page.name != "log.md"  # tells what was, under the names of its day
]  # fmt: skip
# Files that a reader or a command writes, following the page.
WRITTEN = {
    "BUNDLE/README.md", "FILE.py", "my_corpus.py", "runners/engines/several.py",
    "search_spaces/augment/overdrive.py", "search_spaces/scales/greenwood.py",
}  # fmt: skip

FILE = re.compile(r"(?<![\w/<>.])(?:[\w*-]+/)*[\w*-]+\.(?:py|md|ipynb)\b")
FOLDER = re.compile(rf"(?<![\w/<>.])(?:{PACKAGES}|tests|docs)/[\w/]*\w(?![\w*.-])")
ADDRESS = re.compile(rf"(?<![\w/<>.])(?:{PACKAGES})(?:\.[A-Za-z_]\w*)+")
LINK = re.compile(r"\]\(([^):#]+)")
MODULE = re.compile(r'^```python\n(""".*?)^```', re.MULTILINE | re.DOTALL)
NAME_IN_FILE = re.compile(r"`(\w+)` in `([\w/]+\.py)`")
ROOM = re.compile(r"^\| `(study/[\w/]+)` \|.*\| (.*) \|$", re.MULTILINE)
FILES_LISTED = re.compile(r"^    (\w+(?:, \w+)*)(?:  |$)", re.MULTILINE)  # in a room's docstring
LISTS = [p for p in (ROOT / "study").rglob("__init__.py") if "; the files" in p.read_text("utf-8")]
EXTENDING = ROOT / "docs" / "extending.md"


def exists(name: str) -> bool:
    """Whether a file or folder is there; a bare file name stands for one anywhere."""
    if name in WRITTEN or any(ROOT.glob(name)) or any((ROOT / "docs").glob(name)):
        return True
    return "/" not in name and any(
        found for top in (*PACKAGES.split("|"), "tests") for found in (ROOT / top).rglob(name)
    )


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def resolves(address: str) -> bool:
    """Whether a dotted address is a module, or a name in one."""
    try:
        pkgutil.resolve_name(address)
    except (ImportError, AttributeError):
        return False
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_folders_that_a_page_names_exist(page):
    text = page.read_text(encoding="utf-8")
    names = {*FILE.findall(text), *FOLDER.findall(text)}
    assert sorted(name for name in names if not exists(name)) == []
    assert [link for link in LINK.findall(text) if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_addresses_that_a_page_names_exist(page):
    addresses = {a for a in ADDRESS.findall(page.read_text("utf-8")) if a != "study.yaml"}
    assert sorted(address for address in addresses if not resolves(address)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_name_that_a_page_puts_in_a_file_is_there(page):
    pairs = NAME_IN_FILE.findall(page.read_text(encoding="utf-8"))
    assert [(n, file) for n, file in pairs if not re.search(rf"\b{n}\b", read(file))] == []


def test_rooms_have_what_the_architecture_says_others_use():
    rooms = ROOM.findall((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"))
    told = [(room, name) for room, names in rooms for name in re.findall(r"`(\w+)`", names)]
    assert len({room for room, _ in told}) > 15
    assert [
        (room, name)
        for room, name in told
        if not (ROOT / room / f"{name}.py").is_file()
        and not re.search(rf"\b{name}\b", read(f"{room}/__init__.py"))
    ] == []


@pytest.mark.parametrize("face", LISTS, ids=lambda face: face.parent.name)
def test_a_room_that_lists_its_files_lists_all_of_them(face):
    lines = FILES_LISTED.findall(face.read_text(encoding="utf-8").split('"""')[1])
    files = {path.stem for path in face.parent.glob("*.py")} - {"__init__"}
    assert {name for line in lines for name in line.split(", ")} == files


@pytest.mark.parametrize("code", MODULE.findall(EXTENDING.read_text("utf-8")))
def test_a_module_that_extending_shows_can_be_imported(code, tmp_path, monkeypatch):
    (tmp_path / "shown_module.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "shown_module", raising=False)
    shown = importlib.import_module("shown_module")
    assert [
        v for v in vars(shown).values() if isinstance(v, type) and v.__module__ == "shown_module"
    ]
