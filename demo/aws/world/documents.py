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

    Raises KeyError for a template or a placeholder that nobody defined.
    """
    statements: list[Statement] = []
    for part in parts:
        if isinstance(part, str):
            statements += [_filled(each, values) for each in templates[part]]
        else:
            statements.append(_filled(part, values))
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)


def trust(role: Role) -> str:
    """The trust policy of a role."""
    statements = list(role.trust_statements)
    if role.trust:
        service = isinstance(role.trust, str)
        principal = {"Service": role.trust} if service else {"AWS": _one_or_list(role.trust)}
        statements.append({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda match: values[match[1]], value)
    if isinstance(value, Mapping):
        return {key: _filled(each, values) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_filled(each, values) for each in value]
    return value


def _one_or_list(names: Any) -> Any:
    return names[0] if len(names) == 1 else list(names)
