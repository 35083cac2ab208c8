"""Policy documents out of the world's statements and templates."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from demo.aws.world.model import Part, Role, Statement, Templates

_PLACEHOLDER = re.compile(r"(?<!\$)\{([a-z_]+)\}")


def document(parts: Iterable[Part], values: Mapping[str, str], templates: Templates) -> str:
    """A policy as JSON text, pretty-printed as the console shows it.

    Raises KeyError for a template that nobody defined, ValueError for a placeholder.
    """
    statements: list[Statement] = []
    for part in parts:
        if isinstance(part, str):
            statements += [fill(each, values) for each in templates[part]]
        else:
            statements.append(fill(part, values))
    text = json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)
    gap = _PLACEHOLDER.search(text)
    if gap:
        raise ValueError(f"nobody gave a value for {gap[0]} in {text}")
    return text


def trust(role: Role) -> str:
    """The trust policy of a role."""
    statements = list(role.trust_statements)
    if role.trust:
        service = isinstance(role.trust, str)
        principal = {"Service": role.trust} if service else {"AWS": _one_or_list(role.trust)}
        statements.append({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)


def fill(value: Any, values: Mapping[str, str]) -> Any:
    """`value` with `{name}` replaced wherever `values` knows the name, at any depth."""
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), value)
    if isinstance(value, Mapping):
        return {key: fill(each, values) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [fill(each, values) for each in value]
    return value


def _one_or_list(names: Any) -> Any:
    return names[0] if len(names) == 1 else list(names)
