"""Kills at random moments: `make faults` makes 40, `make soak` 200."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter

import pytest

from support.attacked import Attacked, kill_once
from support.tiny_space import TINY_SPACE

KILLS = int(os.environ.get("SPECTUNE_KILLS", "40"))
SEED = int(os.environ.get("SPECTUNE_FAULT_SEED", "0"))
KILLS_PER_STUDY = 10

pytestmark = [pytest.mark.faults, pytest.mark.timeout(4 * 3600)]


@pytest.fixture(scope="module")
def undisturbed(synthetic, tmp_path_factory) -> tuple[Attacked, float]:
    """A study that nothing disturbed, and how long it took."""
    study = Attacked(tmp_path_factory.mktemp("undisturbed"), synthetic)
    started = time.monotonic()
    assert study.finish() == 0, study.log()
    study.check()
    return study, time.monotonic() - started


def test_whatever_is_killed_the_same_command_ends_as_an_undisturbed_study(
    undisturbed, synthetic, tmp_path_factory
):
    quiet, seconds = undisturbed
    rng = random.Random(SEED)
    done: Counter[str] = Counter()
    resumed = studies = 0
    while sum(done.values()) < KILLS:
        study = Attacked(tmp_path_factory.mktemp("attacked"), synthetic)
        studies += 1
        for _ in range(min(KILLS_PER_STUDY, KILLS - sum(done.values()))):
            what = kill_once(study, rng, most_seconds=seconds)
            if not what and not study.running:
                break  # it had ended
            done[what] += bool(what)
        assert study.finish() == 0, (studies, study.log())
        study.check()
        assert study.leaderboard() == quiet.leaderboard()
        assert study.fusion() == quiet.fusion()
        assert study.files() == quiet.files()
        events = study.folder.glob("trials/*/events.jsonl")
        resumed += sum(path.read_text().count('"resumed"') for path in events)
    print(f"{sum(done.values())} kills in {studies} studies: {dict(done)}; {resumed} resumptions")
    # Trials of seconds are seldom hit behind a checkpoint: about 3 of 40 kills, by chance none.
    assert resumed > 0 or KILLS < 200, "no trial was taken up from a checkpoint"


def test_a_trial_that_is_killed_behind_its_checkpoint_goes_on_from_it(synthetic, tmp_path):
    changes = {
        "space": TINY_SPACE | {"recipe": {"epochs": 60, "batch": 32}},
        "budget": {"trials": 1},
        "baselines": [],
        "tracking": False,
    }
    quiet = Attacked(tmp_path / "quiet", synthetic, **changes)
    assert quiet.finish() == 0, quiet.log()
    study = Attacked(tmp_path / "killed", synthetic, **changes)
    study.start()
    while not list(study.folder.rglob("checkpoint.safetensors")):
        assert study.running, study.log()
        time.sleep(0.01)
    (worker,) = study.processes("runners.engines.worker")
    os.kill(worker, signal.SIGKILL)
    assert study.finish() == 0, study.log()
    events = (study.folder / "trials" / "00000" / "events.jsonl").read_text()
    assert '"resumed"' in events
    assert study.files() == quiet.files()
