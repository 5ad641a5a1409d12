"""Memory that runs out for real: half the micro-batch, once, the same effective batch."""

from __future__ import annotations

import json
import resource
import time
from pathlib import Path

import pytest

from support.attacked import Attacked

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1200)]

HUNGRY = {
    "spectrogram": {"hop_ms": 16},
    "scale": {"linear": {"n_bands": 96}},
    "image": {"height": 384, "width": 384},
    "backbone": "test_resnet",
    "optimizer": "adamw",
    "recipe": {"epochs": 1, "batch": 64},
    "baselines": {},
}


def peak_mb(pid: int, key: str = "VmPeak") -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) / 1024
    return 0.0


def watch(study: Attacked, limit_mb: float | None) -> float:
    """Run a study, its worker's address space limited; return the worker's peak in MB."""
    peak = 0.0
    study.start()
    limited: set[int] = set()
    while study.running:
        for pid in study.processes("runners.engines.worker"):
            try:
                peak = max(peak, peak_mb(pid))
                if limit_mb is not None and pid not in limited:
                    bytes_ = int(limit_mb * 2**20)
                    resource.prlimit(pid, resource.RLIMIT_AS, (bytes_, bytes_))
                    limited.add(pid)
            except (OSError, ProcessLookupError):
                continue
        time.sleep(0.02)
    return peak


def events(study: Attacked) -> list[dict]:
    text = (study.folder / "trials" / "00000" / "events.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_out_of_memory_halves_the_micro_batch_once_and_is_noted(synthetic, tmp_path):
    options = {"budget": {"trials": 1}, "tracking": False, "pruning": {"enabled": False}}
    whole = Attacked(tmp_path / "whole", synthetic, space=HUNGRY, **options)
    most = watch(whole, None)
    assert whole.finish() == 0, whole.log()
    small = HUNGRY | {"recipe": {"epochs": 1, "batch": 8}}
    eighth = Attacked(tmp_path / "small", synthetic, space=small, **options)
    least = watch(eighth, None)
    assert most > least + 100, (most, least)
    # The activations of half a batch fit, those of a whole one do not. Address space is what can be
    # limited here, and more of it is asked for than is needed: so the limit comes down until it is
    # felt.
    for share in (0.65, 0.5):
        limited = Attacked(tmp_path / f"limited-{share}", synthetic, space=HUNGRY, **options)
        watch(limited, least + share * (most - least))
        assert limited.finish() == 0, limited.log()
        found = events(limited)
        retries = [event for event in found if event["event"] == "retry"]
        if retries:
            break
    assert [event["kind"] for event in retries] == ["memory"], found
    assert "trying half the micro-batch" in retries[0]["reason"]
    result = json.loads((limited.folder / "trials" / "00000" / "result.json").read_text())
    assert result["state"] == "complete"
    loss = json.loads((whole.folder / "trials" / "00000" / "result.json").read_text())
    assert result["train_loss_per_epoch"] == pytest.approx(loss["train_loss_per_epoch"], rel=0.2)


def test_memory_that_is_never_enough_prunes_the_trial_and_the_study_goes_on(synthetic, tmp_path):
    options = {"budget": {"trials": 1}, "tracking": False, "pruning": {"enabled": False}}
    tiny = HUNGRY | {"recipe": {"epochs": 1, "batch": 8}}
    least = watch(Attacked(tmp_path / "small", synthetic, space=tiny, **options), None)
    large = HUNGRY | {"image": {"height": 1024, "width": 1024}}
    study = Attacked(tmp_path / "s", synthetic, space=large, **options)
    watch(study, least + 200)
    assert study.finish() == 3, study.log()
    result = json.loads((study.folder / "trials" / "00000" / "result.json").read_text())
    assert (result["state"], result["kind"]) == ("failed", "memory"), study.log()
    kinds = [event.get("kind") for event in events(study) if event["event"] == "retry"]
    assert kinds == ["memory"]
    assert "no trial has ended with a result" in study.log()
