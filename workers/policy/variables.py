"""Policy variables: ``${aws:username}``, defaults, and the three escaped characters.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from workers.policy.patterns import Matcher, Token, Wild, tokens_of


@dataclass(frozen=True, slots=True)
class Variable:
    """A placeholder for the single value of a context key (lower case here)."""

    key: str
    default: str | None


Part: TypeAlias = Token | Variable
Template: TypeAlias = tuple[Part, ...]

_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_ESCAPED = frozenset("*?$")


class Unknown:
    """What a template resolves to when a key it names is unknown."""


UNKNOWN = Unknown()


def has_variables(text: str) -> bool:
    """Whether the text holds a variable or an escaped character."""
    return "${" in text and _VARIABLE.search(text) is not None


def template_of(text: str, *, wildcards: bool) -> Template:
    """Split into literals, wildcards and variables.

    ``wildcards=False`` keeps ``*`` and ``?`` as characters, for operators that compare exactly.
    """
    parts: list[Part] = []
    end = 0
    for found in _VARIABLE.finditer(text):
        parts.extend(_literal(text[end : found.start()], wildcards))
        name = found[1]
        if name in _ESCAPED:
            parts.append(name)
        else:
            parts.append(_variable(name))
        end = found.end()
    parts.extend(_literal(text[end:], wildcards))
    return tuple(parts)


def _variable(inside: str) -> Variable:
    """``key`` or ``key, 'default'``."""
    key, comma, rest = inside.partition(",")
    rest = rest.strip()
    if comma and len(rest) >= 2 and rest[0] == rest[-1] == "'":
        return Variable(key.strip().lower(), rest[1:-1])
    return Variable(inside.strip().lower(), None)


def _literal(text: str, wildcards: bool) -> Sequence[Token]:
    if not text:
        return ()
    return tokens_of(text) if wildcards else (text,)


def resolve(
    template: Template, context: Mapping[str, tuple[str, ...]], unknown: Container[str]
) -> list[Token] | Unknown | None:
    """Put the values of the request in place of the variables.

    None where a variable has neither a value nor a default; ``UNKNOWN`` where its key is unknown.
    A key with several values cannot be used as a variable. Characters of a value are never
    wildcards.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
    """
    tokens: list[Token] = []
    missing = False
    uncertain = False
    for part in template:
        if not isinstance(part, Variable):
            tokens.append(part)
            continue
        values = context.get(part.key)
        if values is not None and len(values) == 1:
            tokens.append(values[0])
        elif values is None and part.key in unknown:
            uncertain = True
        elif values is None and part.default is not None:
            tokens.append(part.default)
        else:
            missing = True
    if missing:
        return None
    return UNKNOWN if uncertain else tokens


def compare(
    value: str,
    templates: Iterable[Template],
    context: Mapping[str, tuple[str, ...]],
    unknown: Container[str],
    compiled: Callable[[list[Token]], Matcher],
    *,
    negated: bool,
) -> bool | None:
    """Whether a value matches any of the templates, or with ``negated`` none of them.

    A variable without a value matches nothing, and makes an element that asks for a non-match
    invalid, so that the statement does not apply. None where a key is unknown.
    """
    answer: bool | None = negated
    for template in templates:
        tokens = resolve(template, context, unknown)
        if isinstance(tokens, Unknown):
            answer = None
        elif tokens is None:
            if negated:
                return False
        elif compiled(tokens)(value):
            return not negated
    return answer


def exact_text(tokens: Sequence[Token]) -> str:
    """The text of a resolved template that has no wildcards."""
    return "".join(token.value if isinstance(token, Wild) else token for token in tokens)
