"""Networks on a corpus whose only cue lies at a known frequency; imported, not collected."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reports.explain.inputs import ExplainInputs, Network, System
from runners.device import choose_compute
from runners.job import Job, Task
from runners.model import load_weights, make_classifier
from runners.trial import run_trial
from runners.waveforms import Waveforms
from search_spaces.spec import TrialSpec
from study.corpus import read_corpus
from study.corpus.audio.waveform_cache import cache_corpus, default_cache_root
from study.corpus.simulated.formant_corpus import make_synthetic

CUE_HZ = 2000.0
RATE = 8000
CPU = choose_compute("cpu")


def planted_corpus(folder: Path) -> Path:
    """Twenty speakers, six of them devel; masked clips are raised around `CUE_HZ`."""
    return make_synthetic(
        folder, n_speakers=20, clips_per_speaker=12, sampling_rate=RATE, cue_hz=CUE_HZ
    )


def explained_inputs(corpus_folder: Path, work: Path, *backbones: dict, shuffled=False, epochs=8):
    """Train a network for each backbone and return what is explained of them, fused evenly."""
    corpus = read_corpus(corpus_folder)
    cached = cache_corpus(corpus, RATE, default_cache_root())
    partitions = {
        name: tuple(i for i, clip in enumerate(corpus.clips) if clip.partition == name)
        for name in ("train", "devel", "test")
    }
    code = {name: i for i, name in enumerate(corpus.classes)}
    labels = {
        name: np.array([code[corpus.clips[i].label] for i in partitions[name]])
        for name in ("train", "devel")
    }
    if shuffled:
        rng = np.random.default_rng(0)
        labels = {name: rng.permutation(values) for name, values in labels.items()}
    task = Task(
        str(cached.folder),
        corpus.classes,
        partitions,
        {name: tuple(values.tolist()) for name, values in labels.items()},
    )
    waveforms = Waveforms(cached.clips, device=CPU.device, clip_seconds=1.0, pad="repeat")
    networks = []
    for number, backbone in enumerate(backbones):
        spec = TrialSpec.from_dict(
            {
                "spectrogram": {"hop_ms": 16.0},
                "scale": {"kind": "linear" if number % 2 == 0 else "mel", "n_bands": 64},
                "backbone": backbone,
                "optimizer": {"kind": "adamw", "lr": 3e-3},
                "recipe": {"epochs": epochs, "batch": 16},
            }
        )
        folder = work / f"{number}"
        job = Job(number, 1, spec, "", str(folder))
        run_trial(job, task, waveforms, CPU, report=lambda e: None, verdict=lambda epoch: False)
        model = make_classifier(spec, sampling_rate=RATE, n_samples=RATE, n_classes=2)
        load_weights(model, folder / "model.safetensors")
        networks.append(Network(number, spec.label, spec, (model.eval().requires_grad_(False),)))
    n = len(networks)
    systems = [System("winner", "the winner", (1.0, *(0.0,) * (n - 1)))]
    if n > 1:
        systems.append(System("fusion", f"the fusion of {n}", (1 / n,) * n))
    devel = [corpus.clips[i] for i in partitions["devel"]]
    return ExplainInputs(
        name="planted",
        classes=corpus.classes,
        clips=cached.clips,
        positions=partitions["devel"],
        file_names=tuple(clip.file_name for clip in devel),
        labels=tuple(labels["devel"].tolist()),
        speakers=tuple(clip.speaker for clip in devel),
        folds=None,
        clip_seconds=1.0,
        pad="repeat",
        networks=tuple(networks),
        systems=tuple(systems),
        simulated=True,
        provenance={"corpus": cached.digest},
        corpus=corpus.name,
    )
