"""The command that shows search spaces."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from search_spaces.grammar.errors import InputError
from study.commands.common import Debug, echo


def spaces(
    name: Annotated[
        str | None, typer.Argument(help="A preset, to print its YAML; with --preview a file too.")
    ] = None,
    preview: Annotated[
        Path | None,
        typer.Option(
            metavar="CORPUS|WAV", help="Draw what the space's networks would see of a clip of it."
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE.png", help="Where --preview draws.")
    ] = Path("preview.png"),
    sampling_rate: Annotated[
        int | None, typer.Option(metavar="HZ", help="Of --preview; without it the file's own.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of what --preview draws at random.")] = 0,
    debug: Debug = False,
) -> None:
    """List the search-space presets, show one, or draw the images it would train on.

    Example: spectune spaces small > my-space.yaml

    Example: spectune spaces small --preview path/to/corpus -o small.png
    """
    if preview is not None:
        if name is None:
            raise InputError("--preview needs the name of a preset or the file of a space")
        echo(_draw(name, preview, output, sampling_rate, seed))
        return
    from search_spaces.grammar.kinds import nearest
    from search_spaces.grammar.yaml_file import load_yaml
    from search_spaces.space_yaml import PRESETS, preset_names

    if name is None:
        for preset in preset_names():
            echo(f"{preset:12} {load_yaml(PRESETS / f'{preset}.yaml').get('description', '')}")
        return
    if name not in preset_names():
        raise InputError(
            f"no preset {name!r}{nearest(name, preset_names())};"
            f" there are {', '.join(preset_names())}"
        )
    echo((PRESETS / f"{name}.yaml").read_text("utf-8").rstrip())


def _draw(name: str, source: Path, output: Path, sampling_rate: int | None, seed: int) -> str:
    """Write the picture and return what was drawn."""
    if output.suffix.lower() != ".png":
        raise InputError(f"--output must end in .png, got {output}")
    if sampling_rate is not None and not 1000 <= sampling_rate <= 192_000:
        raise InputError(f"--sampling-rate must be in [1000, 192000] Hz, got {sampling_rate}")
    from search_spaces.space_yaml import load_space
    from study.files import check_output, new_file
    from study.planning.input_images import input_images
    from study.planning.preview import draw_png, preview_clip, specs_to_draw

    check_output(output, inputs=[source])
    space = load_space(name, folder=Path.cwd(), where="spectune spaces")
    clip = preview_clip(source, sampling_rate)
    specs = specs_to_draw(space, seed=seed)
    try:
        seen = [input_images(spec, clip.waveform, clip.sampling_rate) for spec in specs]
    except ValueError as error:
        raise InputError(f"{name}: at {clip.sampling_rate} Hz {error}") from error
    picture = draw_png(seen)
    with new_file(output) as file:
        file.write(picture)
    return f"{output}: {len(seen)} specs, shown on {clip.name} at {clip.sampling_rate} Hz"
