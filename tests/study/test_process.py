"""What a command begins with, where locale, streams, user or memory are not what one expects."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from search_spaces.grammar.errors import InputError
from study import __main__ as process
from study import cli
from study.corpus.audio.waveform_cache import default_cache_root

# The strictest that there is everywhere: ASCII, and Python is told not to make UTF-8 of it.
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def python(code: str, *words: str, **options: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, timeout=60, check=True, **options
    )
    return done.stdout.decode("utf-8")


def test_a_command_speaks_utf_8_in_any_locale_and_so_do_its_processes():
    code = (
        "import os, sys; from study.__main__ import prepare_process; prepare_process()\n"
        "print(sys.argv[1:], sys.flags.utf8_mode, os.fsencode('\\u043d'), flush=True)\n"
        "os.execv(sys.executable, [sys.executable, '-c', 'print(\"\\\\u043d\")'])"
    )
    said = python(code, "нуль", env={**os.environ, **ASCII})
    assert said == "['нуль'] 1 b'\\xd0\\xbd'\nн\n"


def test_init_reads_names_and_writes_files_in_utf_8_in_any_locale(tmp_path):
    for part in ("train", "devel"):
        for label in ("нуль", "été"):
            (tmp_path / "корпус" / part / label).mkdir(parents=True)
            (tmp_path / "корпус" / part / label / "ä.wav").touch()
    done = subprocess.run(
        [sys.executable, "-m", "study", "init", "корпус"],
        cwd=tmp_path, capture_output=True, timeout=60, env={**os.environ, **ASCII},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert "été, нуль: 2 classes" in done.stdout.decode("utf-8")
    assert "corpus: корпус" in (tmp_path / "study.yaml").read_text("utf-8")


@pytest.mark.parametrize("closed", [(0,), (1,), (1, 2), (0, 1, 2)])
def test_closed_standard_streams_are_not_taken_by_files(tmp_path, closed):
    code = (
        "import sys; from study.__main__ import prepare_process; prepare_process()\n"
        "with open(sys.argv[1], 'w') as file:\n"
        "    print('shown'); print('told', file=sys.stderr); sys.stdin.read(0)\n"
        "    file.write(str(file.fileno()))\n"
        "import os; os.system('echo from a child')"
    )
    path = tmp_path / "file"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=lambda: [os.close(fd) for fd in closed],
    ) as started:  # fmt: skip
        assert started.wait(60) == 0
    assert int(path.read_text()) > 2


def test_a_user_whom_the_system_does_not_know_has_a_name_and_a_home(monkeypatch):
    def unknown() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    for name in ("HOME", "LOGNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(process.getpass, "getuser", unknown)
    monkeypatch.setattr(process.os.path, "expanduser", lambda path: path)
    process._name_user()
    assert (os.environ["LOGNAME"], os.environ["HOME"]) == (str(os.getuid()), "/")


def test_a_cache_in_the_home_of_nobody_is_a_sentence(monkeypatch):
    monkeypatch.setenv("SPECTUNE_CACHE", "~nobody-of-this-name/x")
    with pytest.raises(InputError, match="SPECTUNE_CACHE must name a folder for the corpus cache"):
        default_cache_root()
    monkeypatch.setenv("SPECTUNE_CACHE", "~/x")
    assert default_cache_root() == Path("~/x").expanduser()


@pytest.mark.parametrize(
    "error",
    [
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        MemoryError(),
        OSError(12, "Cannot allocate memory"),
        RuntimeError("can't start new thread"),
    ],
)
def test_too_little_memory_is_a_sentence(monkeypatch, capsys, error):
    def fails() -> None:
        raise error

    monkeypatch.setattr(cli, "app", fails)
    monkeypatch.setattr(sys, "argv", ["spectune", "run"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 3
    assert capsys.readouterr().err.startswith("spectune: stopped, too little memory: ")
