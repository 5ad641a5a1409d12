"""Which way round a network sees an image: flipped, or with time along its rows."""

from __future__ import annotations

from torch import Tensor, nn

FLIPS: dict[str, tuple[int, ...]] = {
    "none": (),
    "frequency": (-2,),
    "time": (-1,),
    "both": (-2, -1),
}


def turn(images: Tensor, *, flip: str, transpose: bool) -> Tensor:
    """Return images (..., frequency, time) flipped, then transposed.

    >>> import torch
    >>> turn(torch.tensor([[1, 2], [3, 4]]), flip="frequency", transpose=True).tolist()
    [[3, 1], [4, 2]]
    """
    flipped = images.flip(FLIPS[flip]) if FLIPS[flip] else images
    return flipped.transpose(-2, -1) if transpose else flipped


class Turned(nn.Module):
    """A network behind `turn`: images are augmented before it, where their axes are still known.

    Args:
        model: The network.
        flip: One of `FLIPS`.
        transpose: Whether time runs along the rows.
    """

    def __init__(self, model: nn.Module, *, flip: str, transpose: bool) -> None:
        super().__init__()
        self.model = model
        self.flip = flip
        self.transpose = transpose

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (clips, classes) of images (clips, channels, frequency, time)."""
        logits: Tensor = self.model(turn(images, flip=self.flip, transpose=self.transpose))
        return logits
