"""A head and sections -> one HTML file that opens without a network."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from reports.page.glossary import Glossary, anchor
from reports.page.section import Head, Panel, Section
from reports.page.text import unbroken

TEMPLATES = Path(__file__).with_name("templates")


def render(head: Head, parts: Sequence[Section], *, kind: str = "report") -> str:
    """A page of a head and sections as HTML; `kind` says what it is in its title.

    Names from the study reach the page through autoescaping, or as JSON in which no tag can end;
    and the page's policy runs only its own two scripts, by their digest, and loads nothing.
    """
    scripts = [get_plotlyjs(), (TEMPLATES / "report.js").read_text(encoding="utf-8")]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: unbroken(value) if type(value) is str else value,
    )
    glossary = Glossary()
    environment.filters |= {"linked": glossary.link, "anchor": anchor}
    return environment.get_template("report.html.j2").render(
        head=head,
        kind=kind,
        sections=parts,
        policy=_policy(scripts),
        style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
        scripts=[Markup(script) for script in scripts],
        figure_json=figure_json,
        words=glossary.used,  # filled as the sections are rendered
        drawn=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def figure_json(panel: Panel) -> Markup:
    """A figure as JSON for a script element: no `<`, so no tag or comment can begin in it."""
    figure = json.loads(panel.figure.to_json())
    figure["layout"].pop("template", None)
    text = json.dumps({"name": panel.name, **figure}, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _policy(scripts: list[str]) -> str:
    digests = (base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
