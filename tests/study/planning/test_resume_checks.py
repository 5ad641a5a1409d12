"""What may arrive later in a study that has begun, and what may not."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import timm
from safetensors.torch import load_file, save_file

from search_spaces.grammar.errors import InputError
from study.planning.plan import plan_study, write_study
from study.results.clips_json import read_clips
from support.finished_study import config_of
from support.tiny_space import TINY_SPACE


@pytest.fixture
def corpus(synthetic, tmp_path) -> Path:
    """A copy of the corpus, to be changed."""
    return shutil.copytree(synthetic, tmp_path / "corpus")


def begin(corpus: Path, base: Path, **changes) -> None:
    write_study(plan_study(config_of(corpus, **changes), base=base))


def swap(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_speakers_arrive_later_and_are_those_of_the_study(corpus, tmp_path):
    speakers = corpus / "lab" / "speakers.csv"
    kept = speakers.rename(tmp_path / "kept.csv")
    begin(corpus, tmp_path)
    clips = tmp_path / "results" / "tiny" / "clips.json"
    assert {clip.speaker for clip in read_clips(clips).partitions["devel"].clips} == {None}
    kept.rename(speakers)
    plan = plan_study(config_of(corpus), base=tmp_path)
    assert plan.resumed
    write_study(plan)
    assert None not in {clip.speaker for clip in read_clips(clips).partitions["devel"].clips}


def test_where_speakers_make_the_folds_they_may_not_change(corpus, tmp_path):
    changes = {"protocol": "kfold", "folds": 2}
    begin(corpus, tmp_path, **changes)
    lines = (corpus / "lab" / "speakers.csv").read_text().splitlines()
    name, speaker = lines[1].split(",")
    swap(corpus / "lab" / "speakers.csv", f"{name},{speaker}", f"{name},else")
    told = rf"was another one \(1 clip of another speaker, the first {re.escape(name)}\)"
    with pytest.raises(InputError, match=told):
        plan_study(config_of(corpus, **changes), base=tmp_path)


def test_clips_that_are_new_gone_or_others_are_named(corpus, tmp_path):
    begin(corpus, tmp_path)
    labels = corpus / "lab" / "labels.csv"
    wav = corpus / "wav"
    swap(labels, "train_00001.wav,mask" if "train_00001.wav,mask" in labels.read_text()
         else "train_00001.wav,clear", "train_00001.wav,x")  # fmt: skip
    shutil.copy(wav / "train_00002.wav", wav / "train_00003.wav")
    (wav / "train_00004.wav").rename(wav / "train_90004.wav")
    swap(labels, "train_00004.wav", "train_90004.wav")
    with pytest.raises(InputError) as told:
        plan_study(config_of(corpus), base=tmp_path)
    sentence = str(told.value)
    assert "1 clip new, the first train_90004.wav" in sentence
    assert "1 clip gone, the first train_00004.wav" in sentence
    assert "1 clip with other audio, the first train_00003.wav" in sentence
    assert "1 clip with another label, the first train_00001.wav" in sentence


def test_pretrained_weights_that_were_exchanged_are_told(corpus, tmp_path):
    weights = tmp_path / "own.safetensors"
    save_file(timm.create_model("test_resnet").state_dict(), weights)
    changes = {"space": TINY_SPACE | {"backbone": {"test_resnet": {"pretrained": str(weights)}}}}
    begin(corpus, tmp_path, **changes)
    plan_study(config_of(corpus, **changes), base=tmp_path)
    tensors = load_file(weights)
    save_file({name: 2 * tensor for name, tensor in tensors.items()}, weights)
    with pytest.raises(InputError, match="the pretrained weights of test_resnet had the SHA-256"):
        plan_study(config_of(corpus, **changes), base=tmp_path)
