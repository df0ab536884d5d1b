"""YAML of files that people edit: safe types only, and no key that silently replaces another."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

# The parser in C is several times faster; not every build of PyYAML has it.
_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Safe):  # type: ignore[misc]
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            # `<<` may stand beside what it brings: that is its purpose.
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                problem = f"{key!r} stands twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen.add(key)
        found: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return found


def load_yaml(text: str | bytes) -> Any:
    """The one document of a file.

    Raises:
        yaml.YAMLError: it is not YAML, or a key stands twice in one mapping.
    """
    return yaml.load(text, _Loader)  # noqa: S506 - derived from the safe loader
