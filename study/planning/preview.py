"""Pictures of what networks see of a clip: the images of specs, with axes in Hz and seconds.

Drawn with Pillow, which torchvision needs anyway: a picture takes tens of milliseconds.
"""

from __future__ import annotations

import io
import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from PIL import ImageDraw, ImageFont
from torch import Tensor

from search_spaces.grammar.errors import InputError
from search_spaces.grammar.values import Choice, Range
from search_spaces.space import Space
from search_spaces.spec import TrialSpec
from search_spaces.suggesters import Answers, Draw
from study.corpus import read_corpus
from study.corpus.audio.decode import Segment, decode_files
from study.corpus.audio.id3 import without_tag
from study.planning.input_images import InputImages, Tick, input_images

SECONDS = 1.0  # drawn of a longer clip: what a network hears at once by default
PANEL = (170, 150)  # pixels of one channel's image, width and height
LEFT, RIGHT, TOP, BOTTOM = 44, 10, 22, 34  # around each channel; titles and ticks
WIDTH = 1400  # of a picture of several specs at most
INK, PAPER = (34, 40, 47), (255, 255, 255)
# Dark to bright (matplotlib's magma at eighths); half the readers of a paper print it grey.
COLOURS = (
    (0, 0, 4), (29, 17, 71), (81, 18, 124), (131, 38, 129), (183, 55, 121), (230, 81, 100),
    (252, 137, 97), (254, 196, 136), (252, 253, 191),
)  # fmt: skip


def preview_png(
    spec: TrialSpec,
    waveform: NDArray[np.float32],
    sampling_rate: int,
    *,
    learnt: Mapping[str, Tensor] | None = None,
) -> bytes:
    """Return a PNG file of the image that a spec makes of a clip.

    Args:
        spec: What makes the image.
        waveform: Shape (samples,); what a network hears at once.
        sampling_rate: Hz.
        learnt: The front end's part of a trained network.
    """
    return draw_png([input_images(spec, waveform, sampling_rate, learnt=learnt)])


def specs_to_draw(space: Space, *, seed: int = 0) -> list[TrialSpec]:
    """Return a spec for every frequency scale with every kind of channels of a space.

    Amplitude scales take turns; everything else is drawn at random, once for all specs, so that
    they compare, and the same for the same seed.
    """
    kinds = {name: list(space.dimensions.get(name, {})) for name in ("scale", "channels")}
    amplitudes = itertools.cycle(space.dimensions.get("amplitude", {"": {}}))
    specs = []
    for chosen in itertools.product(*(names or [""] for names in kinds.values())):
        kind = dict(zip((*kinds, "amplitude"), (*chosen, next(amplitudes)), strict=True))
        dimensions = {
            name: {kind[name]: parts[kind[name]]} if kind.get(name) else parts
            for name, parts in space.dimensions.items()
        }
        narrowed = replace(space, dimensions=dimensions)
        specs.append(narrowed.suggest(_Once(seed)))
    return specs


class _Once(Answers):
    """A suggester that draws the same for a parameter whatever else is asked for."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def answer(self, name: str, values: Choice | Range) -> Any:
        """Return what the parameter's own generator draws."""
        own = name.rpartition(".")[2]  # a scale's bands as those of the next, where both have them
        return Draw(random.Random(f"{self.seed} {own}"), corner=0).answer(name, values)


def draw_png(seen: Sequence[InputImages]) -> bytes:
    """Return a PNG file with the images of several specs, side by side and in rows."""
    cells = [_cell(images) for images in seen]
    rows: list[list[Pil.Image]] = [[]]
    for cell in cells:
        if rows[-1] and sum(c.width for c in rows[-1]) + cell.width > WIDTH:
            rows.append([])
        rows[-1].append(cell)
    width = max(sum(cell.width for cell in row) for row in rows)
    height = sum(max(cell.height for cell in row) for row in rows)
    picture = Pil.new("RGB", (width, height), PAPER)
    y = 0
    for row in rows:
        x = 0
        for cell in row:
            picture.paste(cell, (x, y))
            x += cell.width
        y += max(cell.height for cell in row)
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=False)
    return file.getvalue()


def _cell(seen: InputImages) -> Pil.Image:
    """Return the drawing of one spec: its channels from left to right under its title."""
    width, height = PANEL
    step = LEFT + width + RIGHT
    font = ImageFont.load_default(size=11)
    bold = ImageFont.load_default(size=12)
    needed = int(bold.getlength(seen.title)) + LEFT + RIGHT
    cell = Pil.new("RGB", (max(step * len(seen.images), needed), TOP + height + BOTTOM), PAPER)
    draw = ImageDraw.Draw(cell)
    draw.text((LEFT, 4), seen.title, INK, font=bold)
    for channel, image in enumerate(seen.images):
        x, y = LEFT + channel * step, TOP
        # The first row is drawn at the bottom, as spectrograms are.
        cell.paste(_coloured(image[::-1]).resize(PANEL, Pil.Resampling.NEAREST), (x, y))
        draw.rectangle((x - 1, y - 1, x + width, y + height), outline=INK)
        _draw_ticks(draw, font, seen.rows[channel], seen.columns[channel], x, y)
        if channel == 0:
            draw.text((4, y + height + 18), seen.units[0], INK, font=font)
        draw.text((x + width, y + height + 18), seen.units[1], INK, font=font, anchor="ra")
    return cell


def _draw_ticks(
    draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    rows: Sequence[Tick], columns: Sequence[Tick], x: int, y: int,
) -> None:  # fmt: skip
    """Draw the ticks of a channel whose upper left corner is at (x, y)."""
    width, height = PANEL
    for tick in rows:
        at = y + height * (1 - tick.position)
        draw.line((x - 5, at, x - 1, at), INK)
        draw.text((x - 7, at), tick.text, INK, font=font, anchor="rm")
    for tick in columns:
        at, below = x + width * tick.position, y + height
        draw.line((at, below + 1, at, below + 4), INK)
        draw.text((at, below + 5), tick.text, INK, font=font, anchor="ma")


def _coloured(image: NDArray[np.float32]) -> Pil.Image:
    """Return a channel in colours from its 1st to its 99th percentile."""
    low, high = np.percentile(image, (1, 99))
    level = np.clip((image - low) / max(float(high - low), 1e-12), 0, 1) * (len(COLOURS) - 1)
    levels = np.arange(len(COLOURS))
    colours = np.array(COLOURS, dtype=np.float64)
    channels = [np.interp(level, levels, colours[:, c]) for c in range(3)]
    return Pil.fromarray(np.stack(channels, axis=-1).round().astype(np.uint8))


class PreviewClip(NamedTuple):
    """A clip to show.

    Args:
        name: As the corpus has it.
        waveform: Shape (samples,); of a longer clip the middle second.
        sampling_rate: Hz.
    """

    name: str
    waveform: NDArray[np.float32]
    sampling_rate: int


def preview_clip(source: Path, sampling_rate: int | None) -> PreviewClip:
    """Return a file, or a corpus's first train clip.

    Args:
        source: An audio file or a corpus.
        sampling_rate: Hz, to which it is resampled; None: the file's own.

    Raises:
        InputError: If there is no such file or corpus, or it cannot be decoded.
    """
    name, path = source.name, source
    segment: Segment = (None, None)
    if not source.exists():
        raise InputError(f"--preview must be a corpus or an audio file, got {source}")
    if not source.is_dir() and not source.is_file():
        raise InputError(
            f"{source}: --preview must be a corpus or an audio file, got another thing"
        )
    if source.is_dir() or source.suffix.lower() == ".csv":
        clips = read_corpus(source).clips
        clip = next((c for c in clips if c.partition == "train"), clips[0])
        name, path, segment = clip.file_name, clip.path, (clip.start, clip.end)
    rate = _own_rate(path) if sampling_rate is None else sampling_rate
    decoded = next(decode_files([path], rate, segments=[segment], workers=1))
    if isinstance(decoded, str):
        raise InputError(f"{path}: {decoded}")
    waveform = decoded.samples.astype(np.float32) * np.float32(decoded.scale)
    return PreviewClip(name, window_of(waveform, round(SECONDS * rate)), rate)


def _own_rate(path: Path) -> int:
    import soundfile

    try:
        with path.open("rb") as raw:
            return int(soundfile.info(without_tag(raw)).samplerate)
    except (OSError, RuntimeError) as error:
        raise InputError(f"{path}: cannot be read as audio: {error}") from error


def window_of(waveform: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Return the middle `length` samples; of a shorter waveform all of it."""
    start = max(0, (len(waveform) - length) // 2)
    return waveform[start : start + length]
