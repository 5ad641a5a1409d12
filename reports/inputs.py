"""What the winner sees: the images of a clip that its network gets, as kept for every trial."""

from __future__ import annotations

from reports.section import Picture, Section
from reports.text import percent
from study.results import StudyResults
from study.trial_record import TrialRecord

__all__ = ["input_pictures", "input_sections"]

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
    return Picture(heading, (trial.folder / FILE).read_bytes())
