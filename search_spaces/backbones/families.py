"""Families of timm networks: what they are called, and whether they are faster channels last."""

from __future__ import annotations

from typing import NamedTuple


class Family(NamedTuple):
    """Networks of one design.

    Args:
        name: What bags of the fusion are stratified by.
        prefixes: How the names of its networks begin.
        channels_last: Whether it is faster with images channels last on a GPU.
    """

    name: str
    prefixes: tuple[str, ...]
    channels_last: bool = True


FAMILIES = (
    Family("resnet", ("resnet", "resnext", "seresne", "wide_resnet", "ecaresnet", "skresne")),
    Family("densenet", ("densenet",)),
    Family("vgg", ("vgg", "repvgg")),
    Family("efficientnet", ("efficientnet", "tf_efficientnet")),
    Family("convnext", ("convnext",)),
    Family("mobilenet", ("mobilenet", "tf_mobilenet")),
    Family("regnetx", ("regnetx",)),
    # Grouped convolutions with squeeze-excitation: 0.66 of the speed.
    Family("regnety", ("regnety", "regnetz", "regnetv"), channels_last=False),
    Family("vit", ("vit_", "deit", "flexivit")),
    Family("swin", ("swin",)),
)


def family_of(name: str) -> Family | None:
    """Return the family of a timm network, if it is in the table.

    >>> family_of("resnet18.a1_in1k").name, family_of("convnextv2_atto").name
    ('resnet', 'convnext')
    """
    return next((row for row in FAMILIES if name.startswith(row.prefixes)), None)
