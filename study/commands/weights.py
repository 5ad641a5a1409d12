"""The commands of pretrained weights: `spectune weights convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from search_spaces.grammar.errors import InputError
from study.commands.common import Debug, echo

app = typer.Typer(
    name="weights",
    help="Pretrained weights: convert those of other programs.",
    no_args_is_help=True,
)


@app.callback()
def weights() -> None:
    """Pretrained weights: convert those of other programs."""


@app.command()
def convert(
    source: Annotated[
        str, typer.Argument(help="A .pth, .pt or .safetensors file, or an installed package.")
    ],
    backbone: Annotated[str, typer.Option(metavar="NAME", help="The network, by timm's name.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT.safetensors")],
    part: Annotated[
        str | None, typer.Option(help="Of a checkpoint that holds several, as state_dict_ema.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Write weights under timm's names, for `pretrained:`; no code of the file is run.

    Example: spectune weights convert theirs.pth --backbone resnet18 -o resnet18.safetensors
    """
    from study.files import check_output
    from study.weights.convert import convert_weights
    from study.weights.package import packaged_file
    from study.weights.sentence import weights_sentence

    if output.suffix != ".safetensors":
        raise InputError(f"--output must end in .safetensors, got {output}")
    path, about = Path(source), {}
    if not path.exists():
        found = packaged_file(source) if path.name == source else None
        if found is None:
            raise InputError(f"{source}: is no file, and no installed package")
        path, about = found.path, found.about
    check_output(output, inputs=[path])
    said = convert_weights(path, backbone, output, part=part, about=about)
    echo(f"{output}: {weights_sentence(said)}")
