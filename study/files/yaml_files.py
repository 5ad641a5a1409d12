"""Writing YAML that reads the same again: `1e5`, `2020` and `null` as texts are quoted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from search_spaces.grammar.yaml_file import PlainLoader

_OF_1_1: dict[str, Any] = yaml.SafeDumper.yaml_implicit_resolvers
_OF_1_2: dict[str, Any] = PlainLoader.yaml_implicit_resolvers


class _PlainDumper(yaml.SafeDumper):
    """Quotes what either YAML 1.1 or `search_spaces.grammar.yaml_file` takes for more than text."""

    yaml_implicit_resolvers: dict[str, Any] = {  # noqa: RUF012 (PyYAML's own)
        first: [*_OF_1_1.get(first, []), *_OF_1_2.get(first, [])] for first in {*_OF_1_1, *_OF_1_2}
    }

    def ignore_aliases(self, data: Any) -> bool:
        """Write what occurs twice twice: the reader takes no aliases."""
        return True


def dump_yaml(plain: Mapping[str, Any], *, width: int = 80) -> str:
    """Return plain values as YAML, keys in their order.

    >>> print(dump_yaml({"name": "1e5", "corpus": "2020", "seed": 3}), end="")
    name: '1e5'
    corpus: '2020'
    seed: 3
    """
    return yaml.dump(
        dict(plain), Dumper=_PlainDumper, sort_keys=False, allow_unicode=True, width=width
    )
