"""Commands about corpora: init, partition."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from study.commands.common import Debug, echo

Layout = Annotated[
    str | None,
    typer.Option(help="How the corpus is read, or FILE.py:FUNCTION (runs it); else by its looks."),
]
LabelColumn = Annotated[
    str | None, typer.Option(help="The column that is the label, where it is not `label`.")
]

Audio = Annotated[
    Path | None, typer.Option(help="The folder of the files, where it is not the corpus's own.")
]


def init(
    corpus: Annotated[
        Path, typer.Argument(help="The corpus's folder, or a manifest CSV.")
    ] = Path(),
    layout: Layout = None,
    label_column: LabelColumn = None,
    audio: Audio = None,
    debug: Debug = False,
) -> None:
    """Look at a corpus, say what it is, and write a commented study.yaml into the current folder.

    A corpus without partitions gets some, by speaker where speakers are known, in partitions.csv.

    Example: spectune init ../corpora/mask
    """
    from study.planning.init_study import init_study

    how = {"layout": layout, "label_column": label_column}
    init_study(corpus, folder=Path.cwd(), **how, audio=audio, echo=echo)


def partition(
    corpus: Annotated[Path, typer.Argument(help="The corpus's folder, or a manifest CSV.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The CSV to write.")] = Path(
        "partitions.csv"
    ),
    by: Annotated[
        str | None,
        typer.Option(
            help="What must not be in two partitions: speaker, file, clip or a column of the"
            " corpus; by default the speaker where known."
        ),
    ] = None,
    stratify: Annotated[
        list[str] | None,
        typer.Option(help="A column to spread evenly, beside the label; may be given again."),
    ] = None,
    shares: Annotated[str, typer.Option(help="Of train, devel and, if wanted, test.")] = "60,20,20",
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other partitions.")] = 0,
    layout: Layout = None,
    label_column: LabelColumn = None,
    audio: Audio = None,
    debug: Debug = False,
) -> None:
    """Make partitions for a corpus and write them down as a CSV for the key `partitions:`.

    Whole speakers, labels spread evenly, the same seed the same partitions. Clips that are in test
    already or have no label stay in test.

    Example: spectune partition ../corpora/voices --stratify gender --shares 70,30
    """
    from search_spaces.grammar.errors import InputError
    from study.corpus import divide, list_corpus, make_partitions, summarise
    from study.corpus.partition_file import write_partitions
    from study.planning.init_study import division_sentence

    try:
        fractions = [float(share) for share in shares.split(",")]
    except ValueError as error:
        raise InputError(f"--shares must be numbers like 60,20,20, got {shares!r}") from error
    columns = stratify or []
    listing = list_corpus(corpus, layout=layout, label_column=label_column, audio=audio)
    division = make_partitions(listing.rows, by=by, stratify=columns, shares=fractions, seed=seed)
    found = divide(listing, division.partitions)
    write_partitions(output, listing.rows, division.partitions, columns=columns)
    echo(summarise(found))
    echo(division_sentence(division))
    echo(f"wrote {output}; in study.yaml: `partitions: {output}`, relative to it")
