"""Coverage-guided fuzzing of the readers, by atheris: `make fuzz`, or one reader for a while.

    python tests/fuzz/fuzz_readers.py audio -max_total_time=600 [FOLDER]

Every reader gets bytes and must give a value or an `InputError`; what else it raises is a finding,
printed with the bytes that made it. FOLDER keeps what was found interesting, for the next time;
an empty one gets whole files to begin with.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris
import numpy as np

with atheris.instrument_imports(include=["study", "search_spaces", "runners", "soundfile", "yaml"]):
    import soundfile

    import search_spaces
    from search_spaces.grammar.errors import InputError
    from search_spaces.grammar.yaml_file import parse_yaml
    from search_spaces.space_yaml import parse_space
    from study.bundle.bundle import read_bundle
    from study.bundle.networks import tensor_shapes
    from study.config import parse_config
    from study.corpus.audio.samples import decode_segment
    from study.corpus.layouts.problems import Problems
    from study.corpus.layouts.tables import read_table
    from study.files import read_rows
    from study.results.probabilities import load_devel

FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-"))


def audio(data: bytes) -> None:
    """Decode bytes as a file."""
    with contextlib.suppress(ValueError, soundfile.SoundFileError):  # the decoder's own faults
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            samples, _ = decode_segment(file, 8000, None, None)
        assert 0 < samples.size < 2**28


def study_yaml(data: bytes) -> None:
    """Read bytes as a study.yaml and as a space."""
    text = data.decode(errors="replace")
    plain = parse_yaml(text, where="x")
    json.dumps(plain)
    for parse in (lambda: parse_config(plain, where="x"), lambda: parse_space(plain)):
        with contextlib.suppress(InputError):
            parse()


def table(data: bytes) -> None:
    """Read bytes as a table, by the strict rules and by those of label files."""
    path = _file("t.csv", data)
    problems = Problems()
    list(read_table(FOLDER, "t.csv", ("file_name", "label"), problems))
    assert all(problems.sentences())
    rows = read_rows(path)
    assert all(len(row) == len(rows.header) for row in rows.rows)


def weights(data: bytes) -> None:
    """Read bytes as a safetensors file's header."""
    tensor_shapes(_file("w.safetensors", data))


def probabilities(data: bytes) -> None:
    """Read bytes as the stored probabilities of a trial."""
    values = load_devel(_file("devel.npy", data), clips=3, classes=2)
    assert values.shape[1:] == (3, 2)


def bundle(data: bytes) -> None:
    """Read bytes as a bundle's description."""
    _file("bundle.json", data)
    read_bundle(FOLDER)


READERS = {one.__name__: one for one in (audio, study_yaml, table, weights, probabilities, bundle)}


def whole_files() -> dict[str, list[bytes]]:
    """Return small whole files by reader."""
    kinds = ("WAV/PCM_16", "WAV/FLOAT", "WAV/ALAW", "FLAC/PCM_16", "OGG/VORBIS", "AIFF/PCM_16")
    presets = sorted(Path(search_spaces.__file__).parent.glob("presets/*.yaml"))
    array = io.BytesIO()
    np.save(array, np.full((2, 3, 2), 0.5, np.float16))
    header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    member = {"name": "a", "weights": "a.safetensors", "sha256": "0" * 64, "weight": 1, "spec": {}}
    described = {"format": 1, "name": "s", "classes": ["a", "b"], "members": [member]}
    return {
        "audio": [_audio(*kind.split("/")) for kind in kinds],
        "study_yaml": [b"name: s\ncorpus: c\nbudget: {trials: 3}\n"]
        + [path.read_bytes() for path in presets],
        "table": [b'file_name,label,speaker\na.wav,x,1\n"b,c.wav","y ""z""",2\n'],
        "weights": [len(header).to_bytes(8, "little") + header + bytes(4)],
        "probabilities": [array.getvalue()],
        "bundle": [json.dumps(described).encode()],
    }


def _audio(form: str, subtype: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.sin(np.arange(400) / 5) / 2, 8000, format=form, subtype=subtype)
    return file.getvalue()


def _file(name: str, data: bytes) -> Path:
    path = FOLDER / name
    path.write_bytes(data)
    return path


def _told(read: Callable[[bytes], None]) -> Callable[[bytes], None]:
    def one(data: bytes) -> None:
        with contextlib.suppress(InputError):
            read(data)

    return one


def main() -> None:
    """Fuzz the reader that is named first; the rest is libFuzzer's."""
    if len(sys.argv) < 2 or sys.argv[1] not in READERS:
        sys.exit(f"usage: {sys.argv[0]} {{{','.join(READERS)}}} [-max_total_time=S] [FOLDER]")
    name = sys.argv.pop(1)
    folder = Path(sys.argv[-1])
    if folder.is_dir() and not any(folder.iterdir()):
        for i, data in enumerate(whole_files()[name]):
            (folder / f"whole-{i}").write_bytes(data)
    reader = READERS[name]
    atheris.Setup(sys.argv, _told(reader))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
