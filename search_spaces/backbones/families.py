"""Families of timm networks: what they are called, and the images they like."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["FAMILIES", "Family", "family_of"]


class Family(NamedTuple):
    """Networks of one design.

    Args:
        name: What bags of the fusion are stratified by.
        prefixes: How the names of its networks begin.
        examples: A small, a usual and a large one.
        least: Pixels of a side from which its last stage has two rows or more.
        multiple: Pixels that sides are best a multiple of.
        channels_last: Whether it is faster with images channels last on a GPU.
    """

    name: str
    prefixes: tuple[str, ...]
    examples: tuple[str, str, str]
    least: int = 64
    multiple: int = 32
    channels_last: bool = True


FAMILIES = (
    Family(
        "resnet",
        ("resnet", "resnext", "seresne", "wide_resnet", "ecaresnet", "skresne"),
        ("resnet18", "resnet50", "resnext50_32x4d"),
    ),
    Family("densenet", ("densenet",), ("densenet121", "densenet169", "densenet201")),
    Family("vgg", ("vgg", "repvgg"), ("vgg11_bn", "vgg16_bn", "vgg19_bn")),
    Family(
        "efficientnet",
        ("efficientnet", "tf_efficientnet"),
        ("efficientnet_b0", "efficientnet_b2", "tf_efficientnetv2_s"),
    ),
    Family("convnext", ("convnext",), ("convnext_atto", "convnext_tiny", "convnext_small")),
    Family(
        "mobilenet",
        ("mobilenet", "tf_mobilenet"),
        ("mobilenetv3_small_050", "mobilenetv3_small_100", "mobilenetv3_large_100"),
    ),
    Family("regnetx", ("regnetx",), ("regnetx_002", "regnetx_008", "regnetx_032")),
    Family(
        "regnety",
        ("regnety", "regnetz", "regnetv"),
        ("regnety_002", "regnety_008", "regnety_032"),
        channels_last=False,  # grouped convolutions with squeeze-excitation: 0.66 of the speed
    ),
    Family(
        "vit",
        ("vit_", "deit", "flexivit"),
        ("vit_tiny_patch16_224", "vit_small_patch16_224", "vit_base_patch16_224"),
    ),
    Family(
        "swin",
        ("swin",),
        ("swin_tiny_patch4_window7_224", "swinv2_tiny_window8_256", "swin_base_patch4_window7_224"),
    ),
)


def family_of(name: str) -> Family | None:
    """Return the family of a timm network, if it is in the table.

    >>> family_of("resnet18.a1_in1k").name, family_of("convnextv2_atto").name
    ('resnet', 'convnext')
    """
    return next((row for row in FAMILIES if name.startswith(row.prefixes)), None)
