"""Full disks and folders that cannot be written: a sentence, exit code 3, and then it goes on."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.attacked import Attacked

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def undisturbed(synthetic, tmp_path_factory) -> Attacked:
    """A study of three trials that had all the room it wanted."""
    study = Attacked(tmp_path_factory.mktemp("undisturbed"), synthetic, budget={"trials": 3})
    assert study.finish() == 0, study.log()
    return study


def attempt(study: Attacked, *, most_bytes: int | None = None) -> tuple[int, str]:
    """Run the study with a limit on the size of a file; return exit code and standard error."""

    def limit() -> None:
        if most_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    done = subprocess.run(
        [sys.executable, "-m", "study", "run", "study.yaml"],
        cwd=study.base, capture_output=True, text=True, timeout=600, preexec_fn=limit,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def same(study: Attacked, quiet: Attacked) -> None:
    """Check that a study is whole and equal to the undisturbed one."""
    study.check()
    assert study.leaderboard() == quiet.leaderboard()
    assert study.fusion() == quiet.fusion()
    assert study.files() == quiet.files()


def hit_weights(study: Attacked, said: str) -> bool:
    log = (study.folder / "trials/00001/attempt-1/log.txt").read_text()
    return "save_checkpoint" in log and "File too large" in log


def hit_database(study: Attacked, said: str) -> bool:
    return "disk I/O error" in said and (study.folder / "optuna.db").stat().st_size > 50_000


def hit_clips(study: Attacked, said: str) -> bool:
    return said.rstrip().endswith(f"File too large: {study.folder / 'clips.json'}")


@pytest.mark.parametrize(
    ("kilobytes", "was_hit"), [(700, hit_weights), (60, hit_database), (2, hit_clips)]
)
def test_a_file_that_may_not_grow_stops_the_study_and_it_goes_on_later(
    undisturbed, synthetic, tmp_path, kilobytes, was_hit
):
    study = Attacked(tmp_path, synthetic, budget={"trials": 3}, tracking=False)
    code, said = attempt(study, most_bytes=kilobytes * 1000)
    assert code == 3, said
    assert "Traceback" not in said
    assert "stopped" in said
    assert was_hit(study, said), said
    assert study.finish() == 0, study.log()
    assert study.leaderboard() == undisturbed.leaderboard()
    assert study.files() == undisturbed.files()


def test_events_that_may_not_grow_stop_the_study_and_it_goes_on_later(
    undisturbed, synthetic, tmp_path
):
    study = Attacked(tmp_path, synthetic, budget={"trials": 3}, tracking=False)
    process = subprocess.Popen(
        [sys.executable, "-m", "study", "run", "study.yaml"],
        cwd=study.base, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    events = study.folder / "trials" / "00001" / "events.jsonl"
    while process.poll() is None and not (events.exists() and events.stat().st_size):
        time.sleep(0.001)
    most = events.stat().st_size + 20
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, most))
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 3, said
    assert "Traceback" not in said
    assert "File too large" in said
    assert events.stat().st_size == most  # in the middle of its second line
    assert not events.read_bytes().endswith(b"\n")
    assert study.finish() == 0, study.log()
    assert study.leaderboard() == undisturbed.leaderboard()
    assert study.files() == undisturbed.files()


def test_a_cache_that_does_not_fit_is_a_sentence(synthetic, tmp_path, monkeypatch):
    monkeypatch.setenv("SPECTUNE_CACHE", str(tmp_path / "cache"))
    study = Attacked(tmp_path / "s", synthetic, budget={"trials": 1}, tracking=False)
    code, said = attempt(study, most_bytes=50_000)
    assert code in (2, 3), said
    assert "Traceback" not in said
    assert not list((tmp_path / "s").glob("results/*/trials/*"))
    assert attempt(study)[0] == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
@pytest.mark.parametrize("megabytes", [1, 3, 6])
def test_a_full_disk_stops_the_study_and_it_goes_on_when_there_is_room(
    undisturbed, synthetic, tmp_path, megabytes
):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this machine mounts nothing")
    try:
        study = Attacked(disk, synthetic, budget={"trials": 3})
        code, said = attempt(study)
        assert code == 3, said
        assert "Traceback" not in said
        subprocess.run(["mount", "-o", "remount,size=200m", str(disk)], check=True)
        assert attempt(study)[0] == 0
        same(study, undisturbed)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def test_a_read_only_folder_is_a_sentence(synthetic, tmp_path):
    study = Attacked(tmp_path / "s", synthetic, budget={"trials": 1}, tracking=False)
    disk = tmp_path / "s" / "results"
    disk.mkdir()
    if os.geteuid() == 0:  # root may write everywhere but here
        mount = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(disk)]
        if subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("this machine mounts nothing")
    else:
        disk.chmod(0o500)
    try:
        code, said = attempt(study)
        assert code == 3, said
        assert "Traceback" not in said
        assert "Read-only file system" in said or "Permission denied" in said
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False, capture_output=True)
        disk.chmod(0o700)


def test_a_torn_last_line_and_lost_stores_change_nothing(undisturbed, tmp_path):
    study = Attacked(tmp_path / "copy", Path("unused"))
    shutil.copytree(undisturbed.base, study.base, dirs_exist_ok=True)
    events = study.folder / "trials" / "00001" / "events.jsonl"
    with events.open("a") as file:
        file.write('{"event": "epo')
    (study.folder / "optuna.db").unlink()
    (study.folder / "trials" / "00002" / "result.json").write_text("{")
    code, said = attempt(study)
    assert code == 0, said
    assert study.leaderboard() == undisturbed.leaderboard()
    assert study.files() == undisturbed.files()
