"""Study files as they come: each is read as it was meant, or refused in sentences, never obeyed."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from search_spaces.grammar.errors import InputError
from search_spaces.grammar.yaml_file import parse_yaml
from search_spaces.space_yaml import load_space, parse_space
from study.config import load_config

BASE = "name: s\ncorpus: c\nbudget: {trials: 3}\n"
pytestmark = pytest.mark.timeout(120)  # the first to ask for a network imports timm


def told(path: Path, overrides: tuple[str, ...] = ()) -> tuple[str, ...]:
    with pytest.raises(InputError) as refused:
        load_config(path, overrides)
    assert 1 <= len(refused.value.problems) <= 21
    for problem in refused.value.problems:
        assert "\n" not in problem
        assert len(problem) < 500
    return refused.value.problems


def write(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "study.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(12)
)
BUDGET = "name: s\ncorpus: c\nbudget: {%s}\n"

REFUSED = {
    # bombs, anchors and tags
    "a billion laughs": (LAUGHS, "anchors and aliases are not allowed"),
    "a merged anchor": (BASE + "x: &y {a: 1}\nz: {<<: *y}\n", "anchors and aliases"),
    "an alias of nothing": (BASE + "seed: *x\n", "anchors and aliases"),
    "a call": (BASE + "seed: !!python/object/apply:os.system ['true']\n", "tags are not allowed"),
    "a name": (BASE + "seed: !!python/name:os.system\n", "tags are not allowed"),
    "a module": (BASE + "seed: !!python/module:os\n", "tags are not allowed"),
    "a plain tag": (BASE + "seed: !!int '3'\n", "tags are not allowed"),
    "an own tag": (BASE + "seed: !x 3\n", "tags are not allowed"),
    "binary": (BASE + "experiment: !!binary aGk=\n", "tags are not allowed"),
    "a set": (BASE + "space: !!set {a, b}\n", "tags are not allowed"),
    "a tag by a directive": ("%TAG ! tag:yaml.org,2002:python/\n---\nname: !name:os\n", "tags are"),
    "5,000 brackets": (BASE + "space: " + "[" * 5000 + "]" * 5000, "nested deeper than 20"),
    "3,000 braces": (BASE + "space: " + "{a: " * 3000 + "1" + "}" * 3000, "nested deeper"),
    "50,000 keys": (BASE + "".join(f"k{i}: 1\n" for i in range(50_000)), "must be under 200000"),
    "5,000 keys": (BASE + "".join(f"k{i}: 1\n" for i in range(5_000)), "unknown key 'k0'"),
    "a megabyte": (BASE + "experiment: " + "x" * 1_100_000, "must be under 200000 bytes"),
    # not YAML
    "a tab": ("name:\ts\n\tcorpus: c\n", ":1: found character '\\t'"),
    "an open bracket": (BASE + "space: {a: [1,2\n", "expected ',' or ']'"),
    "an open quote": (BASE + "experiment: 'abc\n", "unexpected end of stream"),
    "a backtick": (BASE + "experiment: `x`\n", "found character '`'"),
    "another version": ("%YAML 9.9\n---\n" + BASE, "incompatible YAML document"),
    "two documents": (BASE + "---\nname: t\n", "but found another document"),
    "Latin-1": (b"name: \xfc\n", "can't decode byte 0xfc"),
    "UTF-16": (BASE.encode("utf-16"), "cannot be read"),
    "a null byte": (BASE + "experiment: a\0b\n", "#x0000"),
    "an escaped null byte": (BASE + 'corpus2: "a\\0b"\n', "control characters are not allowed"),
    "a null byte in a path": ('name: s\ncorpus: "a\\0b"\n', "control characters"),
    "an escape sequence": (BASE + 'experiment: "a\\e[2J"\n', "control characters"),
    "a lone surrogate": (BASE + 'experiment: "\\ud800"\n', "control characters"),
    # not a study
    "nothing": ("", "name is missing"),
    "null": ("~", "name is missing"),
    "a list": ("- a\n- b\n", "must be a mapping of keys to values"),
    "text": ("hello", "must be a mapping of keys to values"),
    "a key twice": (BASE + "name: t\n", "key 'name' is given twice"),
    "a number as a key": ("1: 2\n" + BASE, "a key must be text, got 1"),
    "a misspelt key": (BASE + "sede: 3\n", "unknown key 'sede' (did you mean seed?)"),
    # numbers
    "trials as text": (BUDGET % "trials: '3'", "budget.trials must be a valid integer, got '3'"),
    "negative trials": (BUDGET % "trials: -3", "greater than or equal to 1, got -3"),
    "no trials": (BUDGET % "trials: 0", "greater than or equal to 1, got 0"),
    "trials with a point": (BUDGET % "trials: 3.0", "must be a valid integer, got 3.0"),
    "true trials": (BUDGET % "trials: true", "must be a valid integer, got True"),
    "too many trials": (BUDGET % "trials: 1000001", "less than or equal to 1000000"),
    "negative hours": (BUDGET % "hours: -1", "budget.hours must be greater than 0, got -1"),
    "no hours": (BUDGET % "hours: 0", "budget.hours must be greater than 0, got 0"),
    "NaN hours": (BUDGET % "hours: .nan", "got nan"),
    "infinite hours": (BUDGET % "hours: .inf", "got inf"),
    "hours with a unit": (BUDGET % "hours: 8h", "must be a valid number, got '8h'"),
    "hours and minutes": (BUDGET % "hours: 1:30", "must be a valid number, got '1:30'"),
    "an empty budget": (BUDGET % "", "budget needs `trials` or `hours`"),
    "an octal seed": (BASE + "seed: 010\n", "got '010'"),
    "a hexadecimal seed": (BASE + "seed: 0x10\n", "got '0x10'"),
    "a seed of 5,000 digits": (BASE + f"seed: {'9' * 5000}\n", "4300 digits"),
    "a negative seed": (BASE + "seed: -1\n", "greater than or equal to 0, got -1"),
    "a seed of 32 bits": (BASE + "seed: 2147483648\n", "less than or equal to 2147483647"),
    "1e999 seconds": (BASE + "clip_seconds: 1e999\n", "clip_seconds must be less than"),
    "NaN seconds": (BASE + "clip_seconds: .nan\n", "got nan"),
    "no seconds": (
        BASE + "clip_seconds: 0\n",
        "clip_seconds must be greater than or equal to 0.01",
    ),
    "a rate as text": (BASE + "sampling_rate: '16000'\n", "must be a valid integer"),
    "a negative rate": (BASE + "sampling_rate: -1\n", "greater than or equal to 1000"),
    "no slots": (BASE + "slots: 0\n", "slots must be greater than or equal to 1"),
    "a thousand slots": (BASE + "slots: 1000\n", "slots must be less than or equal to 256"),
    "no weights at all": (BASE + "keep_weights: -1\n", "keep_weights must be greater than"),
    # names
    "a name that climbs": ("name: ../../x\ncorpus: c\n" + "budget: {trials: 1}\n", "'../../x'"),
    "a name of dots": ("name: ..\ncorpus: c\nbudget: {trials: 1}\n", "name must be letters"),
    "an absolute name": ("name: /etc/x\ncorpus: c\nbudget: {trials: 1}\n", "name must be letters"),
    "an empty name": ("name: ''\ncorpus: c\nbudget: {trials: 1}\n", "name must be letters"),
    "no name": ("name:\ncorpus: c\nbudget: {trials: 1}\n", "name must be a valid string, got None"),
    "a long name": (f"name: {'a' * 81}\ncorpus: c\nbudget: {{trials: 1}}\n", "at most 80"),
    "two lines of name": (
        'name: "a\\nb"\ncorpus: c\nbudget: {trials: 1}\n',
        "name must be letters",
    ),
    "a list as corpus": ("name: s\ncorpus: [a]\nbudget: {trials: 1}\n", "corpus must be a valid"),
    "a team that climbs": (BASE + "submission: {team: '../x'}\n", "submission.team"),
    "a pad of no kind": (BASE + "pad: wrap\n", "pad must be 'repeat', 'reflect' or 'zero'"),
    "text as baselines": (BASE + "baselines: band_svm\n", "baselines must be a valid list"),
    "yes as true": (BASE + "tracking: yes\n", "tracking must be a valid boolean, got 'yes'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_study_file_is_refused_in_sentences(tmp_path: Path, name: str):
    content, part = REFUSED[name]
    path = write(tmp_path, content)
    problems = told(path)
    assert part in " ".join(problems)
    assert all(str(path) in problem for problem in problems)


def test_a_folder_a_link_to_nowhere_and_nothing_are_refused(tmp_path: Path):
    (tmp_path / "link.yaml").symlink_to(tmp_path / "nowhere")
    for path in (tmp_path, tmp_path / "link.yaml", tmp_path / "none.yaml"):
        assert "cannot be read" in told(path)[0]


MEANT = {
    "a byte order mark": ("\ufeff" + BASE, {"name": "s"}),
    "CRLF": (BASE.replace("\n", "\r\n"), {"name": "s"}),
    "the name no": (BASE.replace("name: s", "name: no"), {"name": "no"}),
    "the name NA": (BASE.replace("name: s", "name: NA"), {"name": "NA"}),
    "the name 01": (BASE.replace("name: s", "name: 01"), {"name": "01"}),
    "a date": (BASE + "experiment: 2026-01-01\n", {"experiment": "2026-01-01"}),
    "an emoji": (BASE + "experiment: \U0001f600\n", {"experiment": "\U0001f600"}),
    "1e-1": (BASE + "clip_seconds: 1e-1\n", {"clip_seconds": 0.1}),
    "whole hours": (BUDGET % "hours: 8", {}),
    "a comment": (BASE + "# seed: 3\n", {"seed": 0}),
}


@pytest.mark.parametrize("name", MEANT)
def test_a_study_file_is_read_as_it_is_meant(tmp_path: Path, name: str):
    content, values = MEANT[name]
    config = load_config(write(tmp_path, content))
    assert {key: getattr(config, key) for key in values} == values
    again = write(tmp_path, config.to_yaml())
    assert load_config(again) == config


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("budget.trials", "must be key=value"),
        ("=3", "must be key=value"),
        ("budget.trials=-1", "greater than or equal to 1"),
        ("budget.trials=!!python/name:os.system", "tags are not allowed"),
        ("budget.trials=*x", "anchors and aliases"),
        ("budget.trials=[", "budget.trials=["),
        ("name.x=1", "name is not a mapping"),
        ("foo.bar=1", "unknown key"),
        ("=", "must be key=value"),
    ],
)
def test_overrides_are_read_by_the_same_rules(tmp_path: Path, text: str, part: str):
    assert part in " ".join(told(write(tmp_path, BASE), (text,)))


VALUES = {
    "0": 0,
    "-7": -7,
    "1_000": 1000,
    "010": "010",
    "0b1": "0b1",
    "1:30": "1:30",
    "1.5": 1.5,
    "1e3": 1000.0,
    "1E-3": 0.001,
    "-.5": -0.5,
    ".inf": float("inf"),
    "no": "no",
    "on": "on",
    "NA": "NA",
    "true": True,
    "False": False,
    "null": None,
    "~": None,
    "01": "01",
    "2026-01-01": "2026-01-01",
    "=": "=",
    "<<": "<<",
    "1.": 1.0,
    "00.5": "00.5",
    "nan": "nan",
}


@pytest.mark.parametrize("text", VALUES)
def test_values_are_those_of_yaml_1_2(text: str):
    found = parse_yaml(f"x: {text}\n", where="x")["x"]
    assert found == VALUES[text]
    assert type(found) is type(VALUES[text])
    assert not isinstance(found, datetime.date)


SPACES = {
    "unknown": ("foo: 1", "unknown key 'foo'"),
    "a number": ("scale: 3", "must name at least one kind"),
    "null": ("scale:", "must name at least one kind"),
    "no kinds": ("scale: []", "must name at least one kind"),
    "mixed kinds": ("scale: [mel, 3]", "must be a name, a list of names or a mapping"),
    "low above high": ("optimizer: {adamw: {lr: {low: 1, high: 0.1}}}", "low must be below high"),
    "low is high": ("optimizer: {adamw: {lr: {low: 0.1, high: 0.1}}}", "low must be below high"),
    "log of 0": ("optimizer: {adamw: {lr: {low: 0, high: 1, log: true}}}", "log needs low above 0"),
    "NaN": ("optimizer: {adamw: {lr: {low: .nan, high: 0.1}}}", "low must be below high"),
    "infinity": ("optimizer: {adamw: {lr: {low: 0.1, high: .inf}}}", "got lr=inf"),
    "text": ("optimizer: {adamw: {lr: {low: '0.1', high: 0.2}}}", "must be a number, got '0.1'"),
    "half a range": ("optimizer: {adamw: {lr: {high: 0.2}}}", "a range needs `low`"),
    "step 0": ("recipe: {epochs: {low: 1, high: 10, step: 0}}", "step must be a number above 0"),
    "step -1": ("recipe: {epochs: {low: 1, high: 10, step: -1}}", "step must be a number above 0"),
    "step 100": ("recipe: {epochs: {low: 1, high: 10, step: 100}}", "step must fit between"),
    "no epochs": ("recipe: {epochs: 0}", "epochs must be at least 1"),
    "epochs as text": ("recipe: {epochs: '4'}", "epochs must be a whole number, got '4'"),
    "true epochs": ("recipe: {epochs: true}", "must be a whole number, got True"),
    "no batch": ("recipe: {batch: 0}", "batch must be at least 2"),
    "no bands": ("scale: {mel: {n_bands: 0}}", "n_bands must be at least 1"),
    "many bands": ("scale: {mel: {n_bands: 100000000}}", "n_bands must be at most 2,048"),
    "bands twice": ("scale: {mel: {n_bands: [32, 32]}}", "each choice once"),
    "many choices": (f"scale: {{mel: {{n_bands: {list(range(8, 900))}}}}}", "at most 200 choices"),
    "hop 0": ("spectrogram: {hop_ms: 0}", "hop_ms must be at least 0.5"),
    "a hop of nothing": ("spectrogram: {hop_ms: 0.0001}", "hop_ms must be at least 0.5"),
    "a huge FFT": ("spectrogram: {n_fft: 1000000000}", "n_fft must be in [16, 65536]"),
    "a huge image": ("image: {height: 1000000}", "height must be in [8, 1024] pixels"),
    "a path as backbone": ("backbone: ../../x", "unknown backbone '../../x'"),
    "a hub as backbone": ("backbone: 'hf-hub:evil/x'", "unknown backbone 'hf-hub:evil/x'"),
    "a folder as backbone": ("backbone: 'local-dir:/x'", "unknown backbone 'local-dir:/x'"),
    "p of 2": ("augment: {gain: {p: 2}}", "p must be in [0, 1]"),
    "no baselines": ("baselines: 3", "baselines must be a mapping"),
}


@pytest.mark.parametrize("name", SPACES)
def test_a_space_is_refused_in_one_sentence(name: str):
    text, part = SPACES[name]
    with pytest.raises(InputError) as refused:
        parse_space(parse_yaml(text, where="space"))
    assert len(refused.value.problems) == 1
    assert part in refused.value.problems[0]


@pytest.mark.parametrize("given", ["nothere", "../x.yaml", "/etc/hostname", ".", "a/b"])
def test_a_space_in_no_file_is_refused(tmp_path: Path, given: str):
    with pytest.raises(InputError):
        load_space(given, folder=tmp_path)
