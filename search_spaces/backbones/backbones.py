"""Backbones: any timm network by name, and a linear machine on band statistics to compare with."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from search_spaces.backbones.early_stages import EarlyStages
from search_spaces.backbones.families import family_of
from search_spaces.backbones.image_fit import Fit, PaddedImages, create, fit_images
from search_spaces.grammar.errors import InputError
from search_spaces.grammar.kinds import Dimension, at_least, later, nearest, one_of, within

__all__ = [
    "BACKBONES",
    "Backbone",
    "BandStatistics",
    "BandSvm",
    "PaddedImages",
    "Timm",
    "band_statistics",
    "check_backbone",
    "family",
    "head_parameters",
    "heads",
    "likes_channels_last",
    "undecayed_parameters",
]


@dataclass(frozen=True)
class Timm:
    """A timm network: trained end to end, or its pretrained body gently after its new head."""

    name: str
    pretrained: bool | str = False  # true: timm's default; a tag of timm; a file; a package
    drop_rate: float = 0.0  # dropout before the classifier
    drop_path_rate: float = later(0.0)  # stochastic depth (Huang et al. 2016), of the last block
    freeze: float = later(0.0, when="pretrained")  # share of the epochs that train the head alone
    body_lr: float = later(1.0, when="pretrained")  # rate of the body, relative to the head's
    stages: int = later(0)  # of the body that are kept, read row by row; 0: the whole network
    head: str = later("drawn")  # how the new classifier begins: drawn (as timm does), zero

    def __post_init__(self) -> None:
        within("[0, 1)", drop_rate=self.drop_rate, drop_path_rate=self.drop_path_rate)
        within("[0, 1]", freeze=self.freeze)
        within("(0, 1]", body_lr=self.body_lr)
        at_least(0, stages=self.stages)
        one_of(("drawn", "zero"), head=self.head)

    @property
    def tuned(self) -> bool:
        """Whether the pretrained body is treated apart from the new head."""
        return self.pretrained is not False and (self.freeze > 0 or self.body_lr < 1)

    def fit(self, *, in_chans: int, size: tuple[int, int]) -> Fit:
        """Return how the network takes images of `size` (height, width).

        Raises:
            ValueError: With the reason, if it takes none.
        """
        fit = fit_images(self.name, size, tuple(self._options(in_chans).items()))
        if self.stages:
            with torch.random.fork_rng(devices=[]), torch.device("meta"):
                self._create(fit, in_chans=in_chans, n_classes=2)
        return fit

    def _options(self, in_chans: int) -> dict[str, Any]:
        given = {"drop_rate": self.drop_rate, "drop_path_rate": self.drop_path_rate}
        return {name: rate for name, rate in given.items() if rate} | {"in_chans": in_chans}

    def _create(
        self, fit: Fit, *, in_chans: int, n_classes: int, weights: Path | None = None
    ) -> nn.Module:
        options = self._options(in_chans)
        if weights is not None:
            options |= {"pretrained": True, "pretrained_cfg_overlay": {"file": str(weights)}}
        if not self.stages:
            return create(self.name, fit, num_classes=n_classes, **options)
        return EarlyStages(
            create(self.name, fit, num_classes=0, **options),
            self.stages,
            n_classes=n_classes,
            in_chans=in_chans,
            size=fit.size,
            drop_rate=self.drop_rate,
        )

    def make(
        self, *, in_chans: int, n_classes: int, size: tuple[int, int], weights: Path | None
    ) -> nn.Module:
        """Return the network for images of `size` (height, width).

        Args:
            in_chans: Channels of the image; the first layer of pretrained weights is adapted.
            n_classes: Size of the new classifier.
            size: Height and width in pixels; given to those networks that must know.
            weights: The resolved file of pretrained weights, needed if `pretrained` is not false.

        Raises:
            ValueError: With the reason, if timm has no such network for such images.
        """
        fit = self.fit(in_chans=in_chans, size=size)
        model = self._create(fit, in_chans=in_chans, n_classes=n_classes, weights=weights)
        if self.head == "zero":  # timm draws some so large that training first undoes it
            for layer in _head_layers(model):
                nn.init.zeros_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        return model if fit.size == size else PaddedImages(model, fit.size)

    def not_in(self, weights: Path) -> list[str]:
        """Return the body's tensors that a file of weights does not set.

        timm passes over what a file lacks. It is what differs between two networks that were made
        with the file and begun with different seeds.
        """
        overlay = {"pretrained": True, "pretrained_cfg_overlay": {"file": str(weights)}}
        states = []
        with torch.random.fork_rng(devices=[]):
            for seed in (0, 1):
                torch.manual_seed(seed)
                model = create(self.name, Fit((0, 0), named=False), num_classes=2, **overlay)
                head = {id(parameter) for parameter in head_parameters(model)}
                states.append([(n, p) for n, p in model.named_parameters() if id(p) not in head])
        pairs = zip(*states, strict=True)
        return [name for (name, one), (_, other) in pairs if not torch.equal(one, other)]


@dataclass(frozen=True)
class BandSvm:
    """Mean and standard deviation of every band over time, standardised, into a linear SVM."""

    c: float = 0.01  # inverse regularisation

    def __post_init__(self) -> None:
        at_least(1e-9, c=self.c)


class BandStatistics(nn.Module):
    """What `BandSvm` fits, as a network: statistics over time, standardised, linear.

    Args:
        n_features: Channels x bands x 2.
        n_classes: Outputs.
    """

    def __init__(self, n_features: int, n_classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(n_features, affine=False, eps=1e-8)
        self.linear = nn.Linear(n_features, n_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return decision values (clips, classes), in float32 also under autocast: as fitted."""
        with torch.autocast(images.device.type, enabled=False):
            logits: Tensor = self.linear(self.norm(band_statistics(images.float())))
        return logits


def band_statistics(images: Tensor) -> Tensor:
    """Return (clips, channels x bands x 2) statistics of (clips, channels, bands, frames)."""
    std, mean = torch.std_mean(images, dim=3, correction=0)
    return torch.cat([mean.flatten(1), std.flatten(1)], dim=1)


Backbone = Timm | BandSvm
BACKBONES = Dimension("backbone", {"band_svm": BandSvm}, other=Timm)


def check_backbone(name: str, *, where: str = "backbone") -> None:
    """Check that timm (or this project) has a backbone of that name.

    Raises:
        InputError: With the nearest known name.
    """
    import timm
    from timm.models import get_arch_pretrained_cfgs

    own, _, tag = name.partition(".")
    if name in BACKBONES.kinds or (timm.is_model(own) and not tag):
        return
    if timm.is_model(own):
        tags = [full.partition(".")[2] for full in get_arch_pretrained_cfgs(own)]
        if tag in tags:
            return
        raise InputError(
            f"{where}: timm has no weights {tag!r} for {own}{nearest(tag, tags)}; it has"
            f" {', '.join(tags) or 'none'}"
        )
    known = [*BACKBONES.kinds, *timm.list_models()]
    raise InputError(
        f"{where}: unknown backbone {name!r}{nearest(name, known)}; any name of"
        f" timm.list_models() works"
    )


def head_parameters(network: nn.Module) -> list[nn.Parameter]:
    """Return the parameters of a timm network's classifier: all others are its body.

    Args:
        network: The network, or one `.model` or more behind wrappers as `PaddedImages`.
    """
    return [parameter for head in heads(network) for parameter in head.parameters()]


def heads(network: nn.Module) -> list[nn.Module]:
    """Return the classifiers of a timm network, of which distilled ones have two."""
    found = _timm_network(network).get_classifier()
    return list(found) if isinstance(found, (tuple, list)) else [found]


def _head_layers(network: nn.Module) -> list[nn.Linear | nn.Conv2d]:
    """Return the layers of a timm network's classifiers that give the logits."""
    modules = [module for head in heads(network) for module in head.modules()]
    return [module for module in modules if isinstance(module, (nn.Linear, nn.Conv2d))]


def undecayed_parameters(network: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that weight decay leaves alone, as timm trains its networks.

    Gains of norms, biases and layer scales, which have one axis at most, and what a network names
    itself (`no_weight_decay`): position embeddings, class tokens.

    Args:
        network: As of `head_parameters`.
    """
    timm_net = _timm_network(network)
    named = timm_net.no_weight_decay() if hasattr(timm_net, "no_weight_decay") else ()
    return [
        parameter
        for name, parameter in timm_net.named_parameters()
        if parameter.ndim <= 1 or any(fnmatch(name, pattern) for pattern in named)
    ]


def _timm_network(network: nn.Module) -> Any:
    """Return a timm network from behind its wrappers."""
    timm_net: Any = network
    while not hasattr(timm_net, "get_classifier"):
        timm_net = timm_net.model
    return timm_net


def likes_channels_last(backbone: Backbone) -> bool:
    """Return whether a backbone is faster with images channels last on a GPU."""
    row = family_of(backbone.name) if isinstance(backbone, Timm) else None
    return row is None or row.channels_last


def family(backbone: Backbone) -> str:
    """Return what bags of the fusion are stratified by: `resnet` of `resnet18`.

    >>> family(Timm("resnet18.a1_in1k")), family(Timm("test_resnet")), family(BandSvm())
    ('resnet', 'test_resnet', 'band_svm')
    """
    if not isinstance(backbone, Timm):
        return BACKBONES.name_of(backbone)
    row = family_of(backbone.name)
    if row is not None:
        return row.name
    return backbone.name.split(".")[0].rstrip("0123456789").rstrip("_") or backbone.name
