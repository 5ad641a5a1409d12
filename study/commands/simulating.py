"""Commands that make corpora: simulate-mask."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from study.commands.common import Debug, echo


def simulate_mask(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A corpus of clear speech.")],
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="The corpus to write.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
    seconds: Annotated[
        float | None, typer.Option(help="Cut longer clips into pieces of this length, as 1.")
    ] = None,
    sampling_rate: Annotated[
        int | None, typer.Option(help="Hz; by default IN's own, at most 16000.")
    ] = None,
    mask: Annotated[
        list[str] | None, typer.Option(help="surgical, KN95 or N95; repeat it. By default all.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Make a mask corpus from clear speech: half of each speaker's clips through a mask.

    Example: spectune simulate-mask clear-speech simulated-masks --seconds 1
    """
    from study.corpus import read_corpus, summarise
    from study.corpus.simulated.mask_corpus import simulate_masks
    from study.corpus.simulated.masks import ATTENUATION_DB

    made = simulate_masks(
        source,
        folder,
        seed=seed,
        seconds=seconds,
        sampling_rate=sampling_rate,
        masks=tuple(mask or ATTENUATION_DB),
    )
    echo(summarise(read_corpus(made)))
