"""A bundle: one folder of JSON and safetensors that predicts, and what is checked of it.

    BUNDLE/bundle.json            what it is: classes, sampling rate, members with specs and hashes
    BUNDLE/<member>.safetensors   weights
    BUNDLE/README.md              the same for a person

A bundle may come from anywhere. Nothing in it is executed or unpickled, and every size is checked
before memory is taken for it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runners.job import PADS
from search_spaces.front_end.framing import MAX_N_FFT, longest_window
from search_spaces.grammar.errors import InputError
from search_spaces.spec import TrialSpec
from study.files import file_sha256, read_object
from study.fusion.methods.rule import FusionRule

FORMAT = 1
MAX_JSON = 16_000_000  # bytes of bundle.json, and of a header of weights
MAX_MEMBERS = 1_000
MAX_CLASSES = 10_000
MAX_WEIGHTS = 8_000_000_000  # bytes of all members
MAX_WINDOW = 2**26  # numbers in the spectrograms of one window
MAX_BANK = 2**25  # numbers in a filter bank
MAX_BANKS = 2**27  # numbers in the filter banks of all members: no file holds them
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.safetensors")


@dataclass(frozen=True)
class BundleMember:
    """One network.

    Args:
        path: Its weights.
        sha256: Of the file.
        weight: In the fusion; the weights of all members sum to 1.
        spec: What it is.
        name: As a person reads it.
        trial: The trial it comes from.
        candidate: Its place in the rule; several networks of one candidate are averaged.
    """

    path: Path
    sha256: str
    weight: float
    spec: TrialSpec
    name: str
    trial: int
    candidate: int


@dataclass(frozen=True)
class Bundle:
    """A bundle whose description and files agree.

    Args:
        folder: Where it lies.
        name: Of the study.
        protocol: `train` or `train+devel`.
        classes: In the order of the probabilities.
        sampling_rate: Hz.
        clip_seconds: What the networks hear at once.
        pad: What shorter clips are filled up with.
        members: The networks.
        rule: What is done with their probabilities; None: the average by weight.
        plain: All of `bundle.json`.
    """

    folder: Path
    name: str
    protocol: str
    classes: tuple[str, ...]
    sampling_rate: int
    clip_seconds: float
    pad: str
    members: tuple[BundleMember, ...]
    rule: FusionRule | None
    plain: Mapping[str, Any]

    @property
    def n_samples(self) -> int:
        """Length of a window."""
        return max(1, round(self.clip_seconds * self.sampling_rate))


def read_bundle(folder: Path) -> Bundle:
    """Read and check a bundle, hashes included; loads no weights.

    Raises:
        InputError: With one sentence that says what is wrong with it.
    """
    path = folder / "bundle.json"
    if not path.is_file():
        raise InputError(f"{folder}: is no bundle (there is no bundle.json)")
    plain = read_object(path, MAX_JSON)
    if plain.get("format") != FORMAT:
        raise InputError(
            f"{path}: format must be {FORMAT} for this version of spectune, got"
            f" {plain.get('format')!r}"
        )
    try:
        bundle = _parse(folder, plain)
    except InputError as error:
        raise InputError(f"{path}: {error.problems[0]}") from error
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{path}: is no description of a bundle: {what}") from error
    _check(bundle, path)
    _check_files(bundle)
    return bundle


def _parse(folder: Path, plain: Mapping[str, Any]) -> Bundle:
    members = plain["members"]
    if not isinstance(members, list) or not 1 <= len(members) <= MAX_MEMBERS:
        raise InputError(f"members must be a list of 1 to {MAX_MEMBERS:,}")
    networks = tuple(_member(folder, member, position) for position, member in enumerate(members))
    return Bundle(
        folder=folder,
        name=str(plain["name"]),
        protocol=str(plain["protocol"]),
        classes=tuple(plain["classes"]),
        sampling_rate=plain["sampling_rate"],
        clip_seconds=plain["clip_seconds"],
        pad=plain["pad"],
        members=networks,
        rule=_rule(plain, networks),
        plain=plain,
    )


def _rule(plain: Mapping[str, Any], members: Sequence[BundleMember]) -> FusionRule | None:
    if plain.get("rule") is None:
        return None
    weights = [0.0] * (1 + max(member.candidate for member in members))
    if {member.candidate for member in members} != set(range(len(weights))):
        raise InputError("candidate of the members must go from 0 on without a gap")
    for member in members:
        weights[member.candidate] += member.weight
    return FusionRule.from_json(plain["rule"], weights=weights, n_classes=len(plain["classes"]))


def _member(folder: Path, plain: Mapping[str, Any], position: int) -> BundleMember:
    name, candidate = plain["file"], plain.get("candidate", position)
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise InputError(f"a member's file must be a .safetensors of the bundle, got {name!r}")
    if type(candidate) is not int or not 0 <= candidate < MAX_MEMBERS:
        raise InputError(f"candidate must be a whole number from 0 on, got {candidate!r}")
    return BundleMember(
        path=folder / name,
        sha256=str(plain["sha256"]),
        weight=float(plain["weight"]),
        spec=TrialSpec.from_dict(plain["spec"]),
        name=str(plain["name"]),
        trial=int(plain["trial"]),
        candidate=candidate,
    )


def _check(bundle: Bundle, path: Path) -> None:
    """Check values before anything is computed with them."""
    rules = {
        f"classes must be 2 to {MAX_CLASSES:,} different names": (
            2 <= len(bundle.classes) <= MAX_CLASSES
            and isinstance(bundle.plain["classes"], list)
            and all(isinstance(name, str) and name.isprintable() for name in bundle.classes)
            and len(set(bundle.classes)) == len(bundle.classes)
        ),
        "sampling_rate must be a whole number in [1000, 192000] Hz": (
            _number(bundle.sampling_rate, int) and 1000 <= bundle.sampling_rate <= 192_000
        ),
        "clip_seconds must be in (0, 60]": (
            _number(bundle.clip_seconds, int, float) and 0 < bundle.clip_seconds <= 60
        ),
        f"pad must be one of {', '.join(PADS)}": bundle.pad in PADS,
        "weights must be above 0 and sum to 1": (
            all(math.isfinite(m.weight) and m.weight > 0 for m in bundle.members)
            and abs(sum(m.weight for m in bundle.members) - 1) < 1e-6
        ),
    }
    for rule, kept in rules.items():
        if not kept:
            raise InputError(f"{path}: {rule}")
    banks = 0
    for member in bundle.members:
        cost = window_cost(member.spec, bundle.sampling_rate, bundle.n_samples)
        if cost > MAX_WINDOW:
            raise InputError(
                f"{path}: {member.path.name}: the spectrograms of one window must have at most"
                f" {MAX_WINDOW:,} numbers, got {cost:,}"
            )
        banks += bank_size(member.spec, bundle.sampling_rate)
    if banks > MAX_BANKS:
        raise InputError(
            f"{path}: the filter banks of all members must have at most {MAX_BANKS:,} numbers, got"
            f" {banks:,}"
        )


def _number(value: Any, *kinds: type) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


def window_cost(spec: TrialSpec, sampling_rate: int, n_samples: int) -> int:
    """Return how many numbers the spectrograms and the image of one window have.

    Raises:
        InputError: If a window or the filter bank alone is too large.
    """
    bands = spec.scale.n_bands
    bins = bank_size(spec, sampling_rate) // bands
    frames = 1 + n_samples // max(1, round(spec.spectrogram.hop_ms * sampling_rate / 1000))
    pixels = (spec.image.height or bands) * (spec.image.width or frames)
    return int(spec.channels.n_channels) * max(bins * frames, bands * frames, pixels)


def bank_size(spec: TrialSpec, sampling_rate: int) -> int:
    """Return how many numbers the filter bank has that turns spectra into bands.

    Raises:
        InputError: If a window or the bank is too large.
    """
    longest = longest_window(spec.scale, max(spec.channels.windows), sampling_rate)
    if longest > MAX_N_FFT:
        raise InputError(f"a window must have at most {MAX_N_FFT:,} samples, got {longest:,.0f}")
    n_fft = max(
        spec.spectrogram.n_fft or 0, spec.spectrogram.padding << math.ceil(math.log2(longest))
    )
    size = (n_fft // 2 + 1) * spec.scale.n_bands
    if size > MAX_BANK:
        raise InputError(f"a filter bank must have at most {MAX_BANK:,} numbers, got {size:,}")
    return int(size)


def _check_files(bundle: Bundle) -> None:
    """Check that each member has a file of its own, as it was, and that all fit into memory."""
    seen: set[tuple[int, int]] = set()
    size = 0
    for member in bundle.members:
        path = member.path
        if not path.is_file():
            raise InputError(f"{bundle.folder}: the member {path.name} is missing")
        if path.is_symlink() and path.resolve().parent != bundle.folder.resolve():
            raise InputError(f"{path}: must not link out of the bundle")
        about = path.stat()
        if (about.st_dev, about.st_ino) in seen:
            raise InputError(f"{path}: members must have different files, got one of them again")
        seen.add((about.st_dev, about.st_ino))
        size += about.st_size
        if size > MAX_WEIGHTS:
            raise InputError(
                f"{path}: the weights of all members must have at most {MAX_WEIGHTS:,} bytes, got"
                f" {size:,} so far"
            )
    for member in bundle.members:
        if (digest := file_sha256(member.path)) != member.sha256:
            raise InputError(
                f"{member.path}: must have the SHA-256 of bundle.json ({member.sha256[:12]}...),"
                f" got {digest[:12]}...; the file was changed or damaged"
            )
