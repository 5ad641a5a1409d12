"""A results folder as a study leaves it, with made-up numbers that hang together.

UARs follow a known rule (backbone matters most, then scale), probabilities agree with the UARs,
and there are pruned, failed, retried and running trials, and parameters of branches not taken.
"""

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

BACKBONES = {"test_resnet": 0.06, "test_efficientnet": 0.0, "test_convnext": -0.07}
SCALES = {"linear": 0.03, "mel": 0.0, "log": -0.02}
START = 1_760_000_000.0


def write_results(
    folder: Path,
    *,
    n_trials: int = 30,
    classes: Sequence[str] = ("clear", "mask"),
    speakers: int = 6,
    clips_per_speaker: int = 40,
    name: str = "fake study",
    corpus: str = "fake corpus",
    simulated: bool = True,
    all_failed: bool = False,
    ensemble: bool = True,
    running: bool = True,
    seed: int = 0,
) -> Path:
    """Write the folder and return it; trial 6 and 13 fail, 4 was retried, the last one runs."""
    generator = np.random.default_rng(seed)
    clips = _clips(classes, speakers, clips_per_speaker, generator)
    _write(folder / "state.json", _state(name))
    _write(
        folder / "clips.json",
        {
            "classes": list(classes),
            "corpus": {"name": corpus, "simulated": simulated},
            "partitions": {
                "train": {"digest": "t" * 64, "clips": clips},
                "devel": {"digest": "d" * 64, "clips": clips},
                "test": {"digest": "e" * 64, "clips": [[c[0], c[1], None, None] for c in clips]},
            },
        },
    )
    (folder / "trials").mkdir(parents=True, exist_ok=True)
    labels = np.array([list(classes).index(clip[2]) for clip in clips])
    kept: list[tuple[int, str, float, np.ndarray]] = []
    for number in range(n_trials):
        trial = folder / "trials" / f"{number:05d}"
        params = _params(number, generator)
        _write(
            trial / "spec.json",
            {
                "number": number,
                "origin": "baseline:band_svm" if number == 0 else "sampler",
                "params": params,
                "spec": {"seed": number},
            },
        )
        failed = all_failed or number in (6, 13)
        state = "failed" if failed else "pruned" if number % 5 == 4 else "complete"
        if running and number == n_trials - 1 and not all_failed and n_trials > 1:
            _events(trial, [0.4, 0.5], epochs=12, state=None, retried=False)
            with (trial / "events.jsonl").open("a") as file:
                file.write('{"time": 1760000000.0, "event": "epo')
            continue
        uar_per_epoch, devel = ([], None)
        if not failed:
            epochs = 4 if state == "pruned" else 12
            uar_per_epoch, devel = _devel(params, labels, len(classes), epochs, generator)
            (trial / "attempt-1").mkdir(parents=True)
            np.save(trial / "attempt-1" / "devel.npy", devel)
        _events(trial, uar_per_epoch, epochs=12, state=state, retried=number == 4)
        result = _result(number, params, state, uar_per_epoch, classes, len(clips))
        _write(trial / "result.json", result)
        if devel is not None:
            best = result["best_epoch"] - 1
            kept.append((number, result["name"], result["uar"], devel[best].astype(float)))
    if ensemble and kept:
        _ensemble(folder / "ensemble", kept, labels, clips, classes)
    return folder


def _state(name: str) -> dict[str, Any]:
    return {
        "format": 1,
        "id": "0f8b2c",
        "name": name,
        "space_digest": "5" * 64,
        "corpus_digest": "c" * 64,
        "created": START,
        "revision": "abc1234",
        "command": "spectune run study.yaml",
        "mlflow": {"tracking_uri": "sqlite:///mlflow.db", "experiment_id": "1", "run_id": "r"},
    }


def _clips(
    classes: Sequence[str], speakers: int, each: int, generator: np.random.Generator
) -> list[list[str | None]]:
    return [
        [f"s{s}_{i:03d}.wav", f"{s:032x}{i:032x}", str(generator.choice(classes)), f"speaker {s}"]
        for s in range(speakers)
        for i in range(each)
    ]


def _params(number: int, generator: np.random.Generator) -> dict[str, Any]:
    if number == 0:
        return {"scale": "mel", "amplitude": "db", "backbone": "band_svm", "mel.n_bands": 64}
    scale = str(generator.choice(list(SCALES)))
    channels = str(generator.choice(["mono", "windows"]))
    amplitude = str(generator.choice(["db", "log1p", "root"]))
    params: dict[str, Any] = {
        "scale": scale,
        "channels": channels,
        "amplitude": amplitude,
        "backbone": str(generator.choice(list(BACKBONES))),
        "optimizer": "adamw",
        "adamw.lr": float(10 ** generator.uniform(-3, -2)),
        "adamw.weight_decay": float(10 ** generator.uniform(-3, -0.7)),
        "recipe.batch": 64,
        "spectrogram.hop_ms": 16.0,
        "image.height": None,
        "image.normalize": str(generator.choice(["clip", "band"])),
        "recipe.epochs": int(generator.choice([6, 8])),
    }
    if scale == "mel":
        params["mel.n_bands"] = int(generator.choice([48, 64]))
    if channels == "windows":
        windows = ["8/16/32", "16/32/64"]
        params["windows.windows_ms"] = windows[int(generator.integers(2))]
    for part in ("noise", "mixup"):
        if generator.uniform() < 0.5:
            params |= {f"augment.{part}.p": 0.5, f"augment.{part}.strength": 1.0}
    params[f"{params['backbone']}.drop_rate"] = 0.0
    if amplitude == "db":
        params["db.floor_db"] = float(generator.uniform(-90, -50))
    return params


def _devel(
    params: dict[str, Any],
    labels: np.ndarray,
    n_classes: int,
    epochs: int,
    generator: np.random.Generator,
) -> tuple[list[float], np.ndarray]:
    """Probabilities (epochs, clips, classes) whose accuracy grows to what the parameters give."""
    goal = 0.74 + BACKBONES.get(params["backbone"], -0.15) + SCALES[params["scale"]]
    curve, arrays = [], []
    hardness = generator.normal(size=len(labels))
    for epoch in range(epochs):
        strength = 2.0 * (goal - 0.5) * (1 - math.exp(-(epoch + 1) / 3)) + generator.normal(0, 0.05)
        logits = generator.normal(size=(len(labels), n_classes))
        logits[np.arange(len(labels)), labels] += 2 * strength + 0.7 * hardness
        probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        arrays.append(probabilities.astype(np.float16))
        curve.append(_uar(arrays[-1], labels))
    return curve, np.stack(arrays)


def _uar(probabilities: np.ndarray, labels: np.ndarray) -> float:
    right = probabilities.argmax(1) == labels
    return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))


def _events(
    trial: Path, curve: Sequence[float], *, epochs: int, state: str | None, retried: bool
) -> None:
    rows: list[dict[str, Any]] = [{"event": "start", "slot": 0, "pid": 7, "host": "node"}]
    if retried:
        rows += [{"event": "retry", "reason": "the worker died (signal 9)"}]
    for epoch, uar in enumerate(curve, start=1):
        rows.append(
            {
                "event": "epoch",
                "epoch": epoch,
                "epochs": epochs,
                "train_loss": 1 / epoch,
                "devel_uar": uar,
                "seconds": 3.0,
                "lr": 1e-3,
                "peak_memory_gb": None,
            }
        )
    if state:
        rows.append({"event": "end", "state": state, "reason": None})
    lines = [json.dumps({"time": START + i, "attempt": 1, **row}) for i, row in enumerate(rows)]
    trial.mkdir(parents=True, exist_ok=True)
    (trial / "events.jsonl").write_text("\n".join(lines) + "\n")


def _result(
    number: int,
    params: dict[str, Any],
    state: str,
    curve: list[float],
    classes: Sequence[str],
    n_clips: int,
) -> dict[str, Any]:
    best = int(np.argmax(curve)) if curve else None
    windows = {"mono": "1win", "windows": "3win"}[params.get("channels", "mono")]
    return {
        "format": 1,
        "number": number,
        "state": state,
        "reason": "the loss became NaN in epoch 2" if state == "failed" else None,
        "attempt": 1,
        "name": f"{params['scale']}-{windows} {params['backbone']}",
        "spec_digest": f"{number:064x}",
        "family": params["backbone"].removeprefix("test_"),
        "uar": curve[best] if best is not None else None,
        "uar_per_epoch": curve,
        "train_loss_per_epoch": [1 / (epoch + 1) for epoch in range(len(curve))],
        "best_epoch": best + 1 if best is not None else None,
        "epochs": 12,
        "seconds": 3.0 * len(curve) + 1.5,
        "device": "cpu",
        "n_parameters": 300_000,
        "identity": {
            "classes": list(classes),
            "protocol": "holdout",
            "fold": 0,
            "seed": number,
            "partitions": {"devel": {"digest": "d" * 64, "n": n_clips}},
        },
        "files": {"devel.npy": "0" * 64} if curve else {},
    }


def _ensemble(
    folder: Path,
    kept: list[tuple[int, str, float, np.ndarray]],
    labels: np.ndarray,
    clips: list[list[str | None]],
    classes: Sequence[str],
) -> None:
    best = sorted(kept, key=lambda item: -item[2])
    members = best[: min(5, len(best))]
    trajectory = []
    for n in range(1, len(members) + 1):
        mean = np.mean([member[3] for member in members[:n]], axis=0)
        number, name = members[n - 1][:2]
        trajectory.append({"n": n, "trial": number, "name": name, "uar": _uar(mean, labels)})
    uniform = np.mean([item[3] for item in kept], axis=0)
    _write(
        folder / "ensemble.json",
        {
            "format": 1,
            "method": "bagged greedy",
            "uar": trajectory[-1]["uar"],
            "members": [
                {"trial": number, "name": name, "weight": 1 / len(members), "uar": uar}
                for number, name, uar, _ in members
            ],
            "trajectory": trajectory,
            "references": {
                "best_single": {"trial": best[0][0], "name": best[0][1], "uar": best[0][2]},
                "uniform": {"uar": _uar(uniform, labels), "n": len(kept)},
                "top_k": {"uar": trajectory[-1]["uar"] - 0.004, "k": len(members)},
            },
            "n_candidates": len(kept),
            "identity": {},
            "apparent": True,
            "honest": _honest(trajectory[-1]["uar"], best[0][2]),
        },
    )
    with (folder / "predictions_devel.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        names = [f"prob_{label}" for label in classes]
        writer.writerow(["file_name", "label", "prediction", *names])
        for clip, row in zip(clips, mean, strict=True):
            writer.writerow([clip[0], clip[2], classes[int(row.argmax())], *row.tolist()])


def _honest(fusion: float, single: float) -> dict[str, Any]:
    return {
        "apparent": fusion,
        "nested": {"uar": fusion - 0.03, "low": fusion - 0.09, "high": fusion + 0.02},
        "single_apparent": single,
        "single": {"uar": single - 0.05, "low": single - 0.12, "high": single + 0.01},
        "gain": fusion - single + 0.02,
        "sentence": "Apparent, and chosen again without the clips that judge.",
    }


def _write(path: Path, values: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values), encoding="utf-8")
