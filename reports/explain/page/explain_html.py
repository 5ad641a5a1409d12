"""`explain.json` and `explain.html`: the numbers, and a page that opens without a network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reports.explain.page.sections import named, page_sections
from reports.page.render import render
from reports.page.section import Head
from reports.page.text import duration, percent
from study.files import replace_text


def write_explain(numbers: Mapping[str, Any], folder: Path) -> Path:
    """Write `explain.json` and `explain.html` into a folder and return the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    replace_text(folder / "explain.json", json.dumps(numbers, separators=(",", ":")))
    return replace_text(folder / "explain.html", explain_page(numbers))


def explain_page(numbers: Mapping[str, Any]) -> str:
    """The page as HTML."""
    return render(_head(numbers), page_sections(numbers), kind="explain")


def _head(numbers: Mapping[str, Any]) -> Head:
    """The head: what was found of the last system, and whether its map can be trusted."""
    system = numbers["systems"][-1]
    part = system["axes"]["third_octave"]
    trust = part["trust"] or {"trusted": True, "sentence": ""}
    verdict = f"{named(system)}: {part['finding']} {trust['sentence'] if trust['trusted'] else ''}"
    distrust = "" if trust["trusted"] else f"{named(system)}: {trust['sentence']}"
    cautions = [numbers["note"], distrust]
    facts = [
        ("clips", numbers["clips"]["sentence"]),
        *((one["title"], f"UAR {percent(one['uar'])} on them") for one in numbers["systems"]),
        ("time", f"{duration(numbers['seconds'])} on {numbers['device']}"),
    ]
    return Head(
        study=f"{numbers['name']}: which frequencies matter",
        corpus=numbers["corpus"],
        simulated=numbers["simulated"],
        verdict=verdict.strip().replace(" %", "\u00a0%").replace(" Hz", "\u00a0Hz"),
        caution=" ".join(filter(None, cautions)),
        facts=tuple(facts),
        provenance=tuple(numbers["provenance"].items()),
    )
