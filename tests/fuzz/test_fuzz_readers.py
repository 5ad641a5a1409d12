"""Random bytes, random damage and random structures into every reader: a sentence or a value."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search_spaces.grammar.errors import InputError
from search_spaces.grammar.yaml_file import parse_yaml
from search_spaces.space_yaml import parse_space
from study.bundle.bundle import read_bundle
from study.bundle.networks import tensor_shapes
from study.config import parse_config
from study.corpus.layouts.problems import Problems
from study.corpus.layouts.tables import read_table
from study.files import read_rows
from study.files.csv_files import spreadsheet_plain, spreadsheet_safe
from study.results.probabilities import Identity, load_devel
from study.text import printable
from support.hostile import sentence
from support.wav_bytes import decode

QUICK = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
pytestmark = pytest.mark.timeout(200)


def audio(form: str, subtype: str) -> bytes:
    file = io.BytesIO()
    wave = 0.5 * np.sin(np.arange(400) / 5)
    soundfile.write(file, wave, 8000, format=form, subtype=subtype)
    return file.getvalue()


FILES = [
    audio("WAV", "PCM_16"),
    audio("WAV", "FLOAT"),
    audio("WAV", "ALAW"),
    audio("FLAC", "PCM_16"),
    audio("OGG", "VORBIS"),
    audio("AIFF", "PCM_16"),
]


def told(error: InputError, name: str) -> None:
    assert name in sentence(error)


damage = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6)


def damaged(data: bytes, changes: list[tuple[int, int]], cut: int) -> bytes:
    spoilt = bytearray(data[: len(data) - cut] if cut else data)
    for at, value in changes:
        if at < len(spoilt):
            spoilt[at] = value
    return bytes(spoilt)


@QUICK
@given(st.sampled_from(FILES), damage, st.integers(0, 300))
def test_damaged_audio_is_decoded_or_refused(data, changes, cut):
    try:
        samples, scale = decode(damaged(data, changes, cut), 8000)
    except (ValueError, soundfile.SoundFileError):
        return
    assert samples.dtype == np.int16
    assert 0 < samples.size < 2_000_000
    assert np.isfinite(scale)
    assert scale > 0


@QUICK
@given(st.binary(max_size=300))
def test_bytes_are_no_audio_by_accident(data):
    with pytest.raises((ValueError, soundfile.SoundFileError)):
        decode(data, 8000)


yamlish = st.text(alphabet="ab:-[]{},&*!|>'\"%@`#?\n\t 01.~<=éx", max_size=80) | st.text(
    max_size=60
)


@QUICK
@given(yamlish)
def test_any_text_is_yaml_of_plain_values_or_a_sentence(text):
    try:
        found = parse_yaml(text, where="x")
    except InputError as error:
        sentence(error)
        return
    json.dumps(found)  # plain values alone


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["mel", "linear", "db", "test_resnet", "adamw", "../x", "low", "1e-3"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["low", "high", "log", "step", "n_bands", "mel", "lr", "adamw", "p"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
KEYS = ["scale", "amplitude", "channels", "image", "optimizer", "recipe", "augment", "baselines"]


@pytest.mark.slow
@settings(QUICK, max_examples=30)
@given(st.dictionaries(st.sampled_from(KEYS), plain, max_size=3))
def test_any_space_is_read_or_refused(values):
    try:
        parse_space(values)
    except InputError as error:
        sentence(error)


CONFIG = ["name", "corpus", "space", "budget", "seed", "clip_seconds", "pruning", "refit", "foo"]


@QUICK
@given(st.dictionaries(st.sampled_from(CONFIG), plain, max_size=6))
def test_any_study_is_read_or_refused(values):
    try:
        config = parse_config(
            {"name": "s", "corpus": "c", "budget": {"trials": 1}} | values, where="x"
        )
    except InputError as error:
        sentence(error)
        return
    assert parse_config(parse_yaml(config.to_yaml(), where="x"), where="x") == config


tables = st.text(alphabet="file_name,label;\t\"\r\n'ab=é\0", max_size=120).map(str.encode)


@QUICK
@given(st.binary(max_size=120) | tables | tables.map(lambda data: b"file_name,label\n" + data))
def test_any_bytes_are_a_table_or_a_sentence(data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_bytes(data)
        try:
            table = read_rows(path)
        except InputError as error:
            told(error, str(path))
        else:
            assert all(len(row) == len(table.header) for row in table.rows)
        problems = Problems()
        rows = list(read_table(Path(folder), "t.csv", ("file_name", "label"), problems))
        assert all({"file_name", "label"} <= cells.keys() for _, cells in rows)
        assert all(problems.sentences())


@QUICK
@given(st.binary(max_size=200), st.integers(0, 2**64 - 1))
def test_any_bytes_are_weights_or_a_sentence(data, length):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "w.safetensors"
        for content in (
            data,
            length.to_bytes(8, "little") + data,
            len(data).to_bytes(8, "little") + data,
        ):
            path.write_bytes(content)
            try:
                tensor_shapes(path)
            except InputError as error:
                told(error, "w.safetensors")


@QUICK
@given(damage, st.integers(0, 100))
def test_damaged_probabilities_are_refused_or_probabilities(changes, cut):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "devel.npy"
        np.save(path, np.full((2, 3, 2), 0.5, np.float16))
        path.write_bytes(damaged(path.read_bytes(), changes, cut))
        try:
            values = load_devel(path, clips=3, classes=2)
        except InputError as error:
            told(error, "devel.npy")
            return
        assert values.shape[1:] == (3, 2)
        assert np.isfinite(values).all()


@QUICK
@given(st.dictionaries(st.sampled_from(["format", "members", "classes", "name"]), plain))
def test_any_description_is_a_bundle_or_a_sentence(values):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "bundle.json").write_text(json.dumps({"format": 1} | values))
        with pytest.raises(InputError):
            read_bundle(Path(folder))


@QUICK
@given(
    st.dictionaries(st.sampled_from(["classes", "protocol", "fold", "seed", "partitions"]), plain)
)
def test_any_identity_is_one_or_a_sentence(values):
    good = {"classes": ["a"], "protocol": "holdout", "fold": 0, "seed": 0, "partitions": {}}
    try:
        Identity.from_json(good | values)
    except InputError as error:
        sentence(error)


@QUICK
@given(st.text())
def test_cells_come_back_and_nothing_printed_is_a_control_character(text):
    cell = spreadsheet_safe(text)
    assert spreadsheet_plain(cell) == text
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert "\x1b" not in printable(text)
    printable(text).encode("utf-8")
