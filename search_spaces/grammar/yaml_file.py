"""Reading YAML that a person wrote: plain values only, each key once, `1e-3` a number.

The values are those of YAML 1.2. PyYAML reads YAML 1.1, where `hours: 1:30` are 90 hours, `010` is
8 and the class `no` is false.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from search_spaces.grammar.bounded_file import read_bounded
from search_spaces.grammar.errors import InputError

MAX_BYTES = 200_000
MAX_DEPTH = 20


class PlainLoader(yaml.SafeLoader):
    """A safe loader without anchors, aliases or tags, which refuses a key given twice."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (PyYAML's own, filled below)
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Return the next node; refuses anchors, aliases, tags and what nests too deep."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refused("anchors and aliases are not allowed", event)
        if getattr(event, "tag", None):
            raise _refused(f"tags are not allowed, got {event.tag}", event)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _refused(f"nested deeper than {MAX_DEPTH}", event)
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        """Return a plain value; refuses characters that no text has."""
        value = super().construct_scalar(node)
        if odd := _ODD.search(str(value)):
            raise _refused(f"control characters are not allowed, got {odd[0]!r}", node)
        return value

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Return a mapping; refuses a key given twice."""
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise _refused(f"a key must be text, got {key!r}", key_node)
            if key in seen:
                raise _refused(f"key {key!r} is given twice", key_node)
            seen.add(key)
        return super().construct_mapping(node, deep)


def _refused(problem: str, where: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=where.start_mark)


_ODD = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_VALUES = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?(?:0|[1-9][0-9_]*)", list("-+0123456789")),
    "float": (
        r"[-+]?(?:(?:0|[1-9][0-9_]*)\.[0-9]*|(?:0|[1-9][0-9_]*)(?=[eE])|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
}
for _name, (_pattern, _first) in _VALUES.items():
    PlainLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_name}", re.compile(f"^(?:{_pattern})$"), _first
    )


def parse_yaml(text: str, *, where: str) -> dict[str, Any]:
    """Return the mapping that `text` holds; an empty text is an empty mapping.

    Raises:
        InputError: If it is not YAML, not a mapping, or uses anchors, aliases or tags.
    """
    try:
        loaded = yaml.load(text, Loader=PlainLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).replace("\n", " ")
        raise InputError(f"{where}{line}: {problem}") from error
    except (ValueError, RecursionError) as error:
        reason = str(error).partition(";")[0]
        raise InputError(f"{where}: not readable as YAML: {reason}") from error
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise InputError(f"{where}: must be a mapping of keys to values, got {loaded!r:.80}")
    return loaded


def load_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file.

    Raises:
        InputError: If the file cannot be read or is not such YAML; see `parse_yaml`.
    """
    try:
        text = read_bounded(path, MAX_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{path}: cannot be read: {reason}") from error
    return parse_yaml(text, where=str(path))
