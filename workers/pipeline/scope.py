"""The values that templates of the catalogue may name, and their expansion to resources.

A template is a text with `{names}`: configuration keys of the action, and the names that
catalogue/names.toml lists. A name may have several values (the roles of a task definition): the
template then stands for one resource each.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a name. `pattern` is how a policy would write it, when that differs."""

    text: str
    pattern: str = ""
    unresolved: str = ""  # what it is that nobody could resolve; `text` is then "*"

    @property
    def shown(self) -> str:
        return self.pattern or self.text


def unresolved(what: str) -> Value:
    return Value("*", "*", what)


Scope = Mapping[str, tuple[Value, ...]]


@dataclass(frozen=True, slots=True)
class Expanded:
    text: str
    pattern: str
    unresolved: tuple[str, ...]


def expand(template: str, scope: Scope) -> tuple[Expanded, ...]:
    """Every resource that the template stands for; none when one of its names has no value.

    A value that is an ARN replaces all that stands before its name: configuration keys such as
    FunctionName take a name or an ARN.
    """
    names = list(dict.fromkeys(placeholders(template)))
    choices = [scope.get(name, ()) for name in names]
    return tuple(
        _filled(template, dict(zip(names, values, strict=True)))
        for values in itertools.product(*choices)
    )


def _filled(template: str, values: Mapping[str, Value]) -> Expanded:
    text = _fill(template, {name: value.text for name, value in values.items()})
    pattern = _fill(template, {name: value.shown for name, value in values.items()})
    missing = tuple(value.unresolved for value in values.values() if value.unresolved)
    return Expanded(text, pattern, missing)


def _fill(template: str, values: Mapping[str, str]) -> str:
    filled = ""
    position = 0
    for found in _PLACEHOLDER.finditer(template):
        value = values[found[1]]
        if value.startswith("arn:"):
            filled = value
        else:
            filled += template[position : found.start()] + value
        position = found.end()
    return filled + template[position:]


def placeholders(template: str) -> list[str]:
    """The names in a template."""
    return _PLACEHOLDER.findall(template)
