"""What the winner sees: the images of a clip that its network gets, as kept for every trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports.page.section import Picture, Section
from reports.page.text import percent
from study.files import mapping
from study.results import StudyResults, TrialRecord

FILE = "input_images.png"
MOST = 3  # pictures on the page


def input_sections(results: StudyResults) -> list[Section]:
    """The section of input images; none where no picture was kept."""
    pictures = input_pictures(results)
    if not pictures:
        return []
    return [
        Section(
            "inputs",
            "What the networks see",
            "The images of the first devel clip, channel by channel, as the front end of the best "
            "single model and of the fusion's heaviest members makes them.",
            pictures=pictures,
        )
    ]


def input_pictures(results: StudyResults) -> tuple[Picture, ...]:
    """The pictures of the best single model, then of the fusion's members by weight."""
    members = results.ensemble.members if results.ensemble else ()
    heaviest = sorted(members, key=lambda member: -member.weight)
    numbers = [results.best.number] if results.best else []
    numbers += [member.trial for member in heaviest]
    by_number = {trial.number: trial for trial in results.trials}
    trials = [by_number[number] for number in dict.fromkeys(numbers) if number in by_number]
    kept = [trial for trial in trials if (trial.folder / FILE).is_file()]
    return tuple(_picture(trial) for trial in kept[:MOST])


def _picture(trial: TrialRecord) -> Picture:
    heading = f"Trial {trial.number}, {trial.name}: {percent(trial.uar)}"
    return Picture(heading, (trial.folder / FILE).read_bytes(), channels_caption(trial.spec))


def channels_caption(spec: Mapping[str, Any]) -> str:
    """What each channel of a spec's image holds; empty where there is one.

    >>> channels_caption({"channels": {"kind": "windows", "windows_ms": [8.0, 16.0, 32.0]}})
    'From left to right: windows of 8, 16 and 32 ms.'
    >>> three = {"kind": "scales", "others": ["linear", "mel", "log"]}
    >>> channels_caption({"channels": three, "scale": {"kind": "mel"}})
    'From left to right: scales mel, linear and log.'
    """
    channels = mapping(spec.get("channels"))
    match channels.get("kind"):
        case "windows":
            first, second, third = (f"{window:g}" for window in channels["windows_ms"])
            return f"From left to right: windows of {first}, {second} and {third} ms."
        case "deltas":
            return "From left to right: the spectrogram, its deltas and their deltas."
        case "scales" | "amplitudes" as kind:
            own = mapping(spec.get(kind.removesuffix("s"))).get("kind")
            second, third = [other for other in channels["others"] if other != own][:2]
            return f"From left to right: {kind} {own}, {second} and {third}."
    return ""
