"""Compare constraints.txt with a list of advisories that lies here: `make audit ADVISORIES=FILE`.

FILE maps package names to lists of version ranges with advisories, as `insecure.json` of the Safety
database (pyupio/safety-db) does. Exit code 1 where a pinned version is in a range.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name


def main(advisories: Path) -> int:
    """Print the ranges that pinned versions are in."""
    known = {
        canonicalize_name(name): ranges
        for name, ranges in json.loads(advisories.read_text()).items()
        if not name.startswith("$")
    }
    constraints = Path(__file__).parent.parent / "constraints.txt"
    pinned = [Requirement(line) for line in constraints.read_text().splitlines() if line.strip()]
    found = 0
    for one in pinned:
        version = str(one.specifier).removeprefix("==")
        ranges = known.get(canonicalize_name(one.name), [])
        hit = [r for r in ranges if SpecifierSet(r).contains(version, prereleases=True)]
        if hit:
            found += 1
            print(f"{one.name} {version}: {', '.join(hit)}")
    listed = sum(canonicalize_name(one.name) in known for one in pinned)
    print(f"{len(pinned)} pinned packages, {listed} with advisories, {found} in a range of one")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
