"""`explain.json` -> the sections of its page, and those of the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from reports.explain.page.example_figure import example_figure
from reports.explain.page.figures import (
    by_class_figure,
    deletion_figure,
    map_figure,
    occlusion_figure,
)
from reports.page.section import Panel, Section
from reports.page.table import Table, table_of
from reports.page.text import capital, percent
from study.files import read_json
from study.metrics.intervals import SELDOM_COMPLETE
from study.results import StudyResults
from study.text import NOTHING

# Since 2 `removed` and `noise` are falls of the UAR, no longer of log-odds; since 3 the rows of
# maps lie where their network hears them, and single clips have `map_offset`.
FORMAT = 3
MAP_NAMES = {"layercam": "LayerCAM", "hirescam": "HiResCAM", "weights": "the weights"}


def read_explain(folder: Path) -> dict[str, Any] | None:
    """Return the numbers that `spectune explain` left in a results folder, if it did."""
    try:
        numbers = read_json(folder / "explain" / "explain.json")
    except (OSError, ValueError):
        return None
    if not isinstance(numbers, dict) or numbers.get("format") != FORMAT:
        return None
    return numbers


def report_sections(results: StudyResults) -> list[Section]:
    """The section of the report, only where the study was explained: the last system's."""
    numbers = read_explain(results.folder)
    if numbers is None:
        return []
    system = numbers["systems"][-1]
    part = system["axes"]["third_octave"]
    sentences = (
        trust_sentence(part),
        numbers["clips"]["sentence"],
        _doubt(numbers["clips"]),
        _changed(results, system),
    )
    panels = _panels(part, numbers["classes"], "frequencies")
    return [
        Section(
            "frequencies",
            "Which frequencies matter",
            f"Of {system['title']}, more in explain/explain.html. {part['finding']}",
            tuple(panel for panel in panels if not panel.name.endswith("-classes")),
            note=" ".join(filter(None, sentences)),
        )
    ]


def page_sections(numbers: Mapping[str, Any]) -> list[Section]:
    """The sections of its own page."""
    parts = [
        _section(system, name, part, numbers)
        for system in numbers["systems"]
        for name, part in system["axes"].items()
    ]
    return [*parts, *_examples(numbers), _networks(numbers)]


def named(system: Mapping[str, Any]) -> str:
    """What a system is, as a sentence about it begins."""
    return capital(system["title"])


def trust_sentence(part: Mapping[str, Any]) -> str:
    """Whether the map of a system on one axis can be trusted; empty without one."""
    return str(part["trust"]["sentence"]) if part["trust"] else ""


def _changed(results: StudyResults, system: Mapping[str, Any]) -> str:
    """Say that a fusion was selected again since it was explained."""
    if system["id"] != "fusion" or results.ensemble is None:
        return ""
    now = {member.trial for member in results.ensemble.members}
    explained = {member["trial"] for member in system["members"]}
    return "" if now == explained else "The fusion has been selected again since."


def _section(
    system: Mapping[str, Any], axis: str, part: Mapping[str, Any], numbers: Mapping[str, Any]
) -> Section:
    """A system on one axis: figures, and beside them how far they agree."""
    id_ = f"{system['id']}-{axis}"
    said = [trust_sentence(part), system["note"], _doubt(numbers["clips"]), TABLE]
    return Section(
        id_,
        f"{system['id'].capitalize()}, {part['title']}",
        f"{named(system)}: {part['finding']}",
        tuple(_panels(part, numbers["classes"], id_)),
        _agreement_table(part),
        " ".join(filter(None, said)),
    )


def _panels(part: Mapping[str, Any], classes: Sequence[str], prefix: str) -> Iterator[Panel]:
    """The figures of a system on one axis."""
    found = map_figure(part)
    if found is not None:
        yield Panel(f"{prefix}-map", found, "What the map says")
    yield Panel(f"{prefix}-occlusion", occlusion_figure(part), "What occlusion says")
    if part["map"]:
        by_class = by_class_figure(part, part["map"], classes)
        yield Panel(f"{prefix}-map-classes", by_class, "The map of each class")
    removed = by_class_figure(part, "removed", classes)
    yield Panel(f"{prefix}-occlusion-classes", removed, "Each class without each band")
    yield Panel(f"{prefix}-deletion", deletion_figure(part), "Bands removed one after another")


def _agreement_table(part: Mapping[str, Any]) -> Table | None:
    """Rank correlation of each order of bands with occlusion, and its deletion curve's height.

    Its columns have short names for a telephone; `TABLE` says what they are.
    """
    names = {
        **MAP_NAMES,
        "energy": "energy of the bands",
        "equal": "a map equal everywhere",
        "occlusion": "occlusion, the other half of the clips",
    }
    areas = {name: curve["area"] for name, curve in part["deletion"]["orders"].items()}
    left = {part["map"]: areas.get("map"), "energy": areas["energy"]}
    rows = [
        {
            "order": title,
            "gone": _correlation(part["rank_correlation"][name]["removed"]),
            "noise": _correlation(part["rank_correlation"][name]["noise"]),
            "both": _correlation(part["rank_correlation"][name]["common"]),
            "left": percent(left.get(name)),
        }
        for name, title in names.items()
        if name in part["rank_correlation"]
    ]
    for title, name in (("occlusion, all clips", "occlusion"), ("at random", "random")):
        last = {"order": title, "left": percent(areas[name])}
        rows.append({**dict.fromkeys(rows[0], NOTHING), **last})
    return table_of(rows, words=["order"])


def _examples(numbers: Mapping[str, Any]) -> list[Section]:
    if not numbers["examples"]:
        return []
    first = numbers["examples"][0]
    found = [
        Panel(
            f"clip-{place}",
            example_figure(example),
            f"{example['class']}: {example['file_name']} ({percent(example['probability'])})",
        )
        for place, example in enumerate(numbers["examples"], start=1)
    ]
    kind = MAP_NAMES[first["kind"]]
    sentence = (
        f"What trial {first['trial']} (UAR {percent(first['uar'])} on the explained clips) hears"
        " of one typical recognised clip of a class, its first window; the lines enclose where the"
        f" {kind} of that class is above 25, 50 and 75 % of its range. One clip proves nothing:"
        " read the averages above."
    )
    system = numbers["systems"][-1]
    trust = trust_sentence(system["axes"]["third_octave"])
    note = f"Of the averages of {system['title']}: {trust}" if trust else ""
    if not first["above_chance"]:
        note = f"This trial is not above chance: what its map shows decides nothing. {note}".strip()
    return [Section("clips", "Single clips", sentence, tuple(found), note=note)]


def _networks(numbers: Mapping[str, Any]) -> Section:
    weights = {
        system["id"]: {member["trial"]: member["weight"] for member in system["members"]}
        for system in numbers["systems"]
    }
    rows = [
        {
            "network": f"{network['trial']:03d} {network['name']}",
            "map": network["map"],
            **{id_: f"{by.get(network['trial'], 0.0):.2f}" for id_, by in weights.items()},
        }
        for network in numbers["networks"]
    ]
    method = f"{METHOD} {intervals_sentence(numbers['clips'])} {NETWORKS}"
    table = table_of(rows, words=("network", "map"))
    return Section("networks", "How it was computed", method, (), table)


def intervals_sentence(clips: Mapping[str, Any]) -> str:
    """What the intervals resample, or why there are none; of `clips` in `explain.json`."""
    if not clips["interval"]:
        return "Intervals resample speakers."
    if clips["n_speakers"] is None:
        return (
            "Speakers are not known: intervals resample clips as if each were spoken by another,"
            " and are too narrow."
        )
    nothing = (
        "no intervals" if clips["interval"] == SELDOM_COMPLETE else "no intervals and no tests"
    )
    return f"There are {nothing}: {clips['interval'].removeprefix('no interval: ')}."


def _doubt(clips: Mapping[str, Any]) -> str:
    """What is wrong with the intervals; empty where nothing is."""
    return intervals_sentence(clips) if clips["interval"] else ""


TABLE = (
    "The table compares orders of bands. Gone and noise: rank correlation of the order with the"
    " UAR lost where each band is removed, or is noise. Both: the part that lies in the order's"
    " bands and in those that cost UAR when removed. Left: the mean probability of the true class"
    " while bands are removed in that order; the lower, the better the order."
)

METHOD = (
    "A map explains the logit of a clip's own class against the mean of all logits. Its rows are"
    " centred where the network hears them (measured) and spread over the bands by the centres of"
    " the network's own scale; a fusion's map is the weighted mean of its members'. Occlusion takes"
    " a band out of the waveform, or replaces it by steady noise of the same energy, and measures"
    " how far the UAR falls; it decides whether a map is right, as it asks the network itself."
    " Bands that cost as many clips are ordered by the log-odds of the true class. Clips count"
    " alike, and so do classes."
)
NETWORKS = "Below stand the networks, by trial, with their weights in each system."


def _correlation(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"
