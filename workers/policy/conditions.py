"""The Condition element: every operator block compiled once, answered in three values.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from workers.policy.operators import NULL, OPERATORS, Operator
from workers.policy.patterns import Matcher, Token, compile_arn, compile_tokens
from workers.policy.requests import Facts
from workers.policy.variables import compare, exact_text, has_variables, template_of

Answer: TypeAlias = bool | None
"""True, False, or None for *unknown* (Kleene's third value)."""
Check: TypeAlias = Callable[[Facts], Answer]


class Quantifier(StrEnum):
    """A set operator in front of a condition operator; a key with several values needs one.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
    """

    ALL = "ForAllValues"
    ANY = "ForAnyValue"


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator, one key, its values: the unit that holds or does not."""

    written: str
    """The operator as the policy writes it, e.g. ``ForAnyValue:StringLikeIfExists``."""
    key: str
    """As written; compare in lower case."""
    values: tuple[str, ...]
    check: Check
    operator: Operator | None
    quantifier: Quantifier | None = None
    if_exists: bool = False


def conditions_of(element: Any, *, variables: bool) -> tuple[Condition, ...]:
    """Compile a Condition element; malformed parts become conditions that are never known."""
    if not isinstance(element, Mapping):
        return ()
    return tuple(
        condition_of(written, key, values_of(values), variables=variables)
        for written, block in element.items()
        if isinstance(block, Mapping)
        for key, values in block.items()
        if isinstance(written, str) and isinstance(key, str)
    )


def values_of(element: Any) -> tuple[str, ...]:
    """The values of a condition as strings: booleans and numbers as IAM writes them."""
    items = element if isinstance(element, list | tuple) else [element]
    return tuple(_text(item) for item in items if not isinstance(item, dict | list))


def _text(item: Any) -> str:
    if isinstance(item, bool):
        return "true" if item else "false"
    return "" if item is None else str(item)


def split_operator(written: str) -> tuple[Quantifier | None, Operator | None, bool]:
    """Quantifier, operator (None if there is none such) and whether ``IfExists`` follows."""
    quantifier = None
    name = written
    prefix, colon, rest = written.partition(":")
    if colon:
        quantifier = _QUANTIFIERS.get(prefix.lower())
        if quantifier is None:
            return None, None, False
        name = rest
    name = name.lower()
    if_exists = name.endswith("ifexists")
    operator = OPERATORS.get(name.removesuffix("ifexists"))
    if operator is NULL and if_exists:
        operator = None
    return quantifier, operator, if_exists


_QUANTIFIERS = {"forallvalues": Quantifier.ALL, "foranyvalue": Quantifier.ANY}


def condition_of(written: str, key: str, values: tuple[str, ...], *, variables: bool) -> Condition:
    """Compile one condition. An operator that does not exist makes it unknown for every request."""
    quantifier, operator, if_exists = split_operator(written)
    if operator is None:
        return Condition(written, key, values, _never_known, None)
    if operator is NULL:
        check = _null_check(key.lower(), values)
    elif variables and operator.variables and any(map(has_variables, values)):
        test = _variable_test(operator, values)
        check = _check(key.lower(), test, operator, quantifier, if_exists)
    else:
        check = _plain_check(key.lower(), operator, values, quantifier, if_exists)
    return Condition(written, key, values, check, operator, quantifier, if_exists)


def _never_known(_: Facts) -> Answer:
    return None


def _null_check(key: str, values: tuple[str, ...]) -> Check:
    wanted = {value.lower() for value in values}
    if {"true", "false"} <= wanted:
        return lambda _facts: True
    absent = "true" in wanted

    def check(facts: Facts) -> Answer:
        if key in facts.unknown:
            return None
        return (not facts.context.get(key)) is absent

    return check


def _on_missing(operator: Operator, quantifier: Quantifier | None, if_exists: bool) -> bool:
    """A missing key fails a condition, unless that asks for a non-match, for all, or if it exists.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    """
    if if_exists or quantifier is Quantifier.ALL:
        return True
    return operator.negated and quantifier is None


def _plain_check(
    key: str,
    operator: Operator,
    values: Sequence[str],
    quantifier: Quantifier | None,
    if_exists: bool,
) -> Check:
    matches, readable = operator.compile(values), operator.check
    negated = operator.negated
    missing = _on_missing(operator, quantifier, if_exists)

    def test(value: str) -> bool:
        """Values that are none of the operator's type meet no condition, not even a negated one."""
        return matches(value) is not negated and (readable is None or readable(value))

    def single(facts: Facts) -> Answer:
        held = facts.context.get(key)
        if not held:
            return None if key in facts.unknown else missing
        # Several values need a set operator; without one the condition is not met.
        return len(held) == 1 and test(held[0])

    def every(facts: Facts) -> Answer:
        held = facts.context.get(key)
        if not held:
            return None if key in facts.unknown else missing
        return all(map(test, held))

    def some(facts: Facts) -> Answer:
        held = facts.context.get(key)
        if not held:
            return None if key in facts.unknown else missing
        return any(map(test, held))

    if quantifier is None:
        if readable is None and not negated:
            return _positive(key, matches, missing)
        return single
    return every if quantifier is Quantifier.ALL else some


def _positive(key: str, matches: Matcher, missing: bool) -> Check:
    """The check that most conditions need, without detours."""

    def check(facts: Facts) -> Answer:
        held = facts.context.get(key)
        if not held:
            return None if key in facts.unknown else missing
        return len(held) == 1 and matches(held[0])

    return check


Test: TypeAlias = Callable[[str, Facts], Answer]


def _check(
    key: str, test: Test, operator: Operator, quantifier: Quantifier | None, if_exists: bool
) -> Check:
    """The check of a condition whose values hold variables, which may be unknown or missing."""
    missing = _on_missing(operator, quantifier, if_exists)

    def check(facts: Facts) -> Answer:
        held = facts.context.get(key)
        if not held:
            return None if key in facts.unknown else missing
        if quantifier is None:
            return test(held[0], facts) if len(held) == 1 else False
        answers = [test(value, facts) for value in held]
        return _every(answers) if quantifier is Quantifier.ALL else _some(answers)

    return check


def _some(answers: Sequence[Answer]) -> Answer:
    if True in answers:
        return True
    return None if None in answers else False


def _every(answers: Sequence[Answer]) -> Answer:
    if False in answers:
        return False
    return None if None in answers else True


def _variable_test(operator: Operator, values: Sequence[str]) -> Test:
    """A test of one request value against values with variables, negation included."""
    fixed = [value for value in values if not has_variables(value)]
    templates = [
        template_of(value, wildcards=operator.wildcards) for value in values if has_variables(value)
    ]
    matches_fixed = operator.compile(fixed) if fixed else None
    negated = operator.negated

    def compiled(tokens: list[Token]) -> Matcher:
        return _resolved(operator, tokens)

    def test(value: str, facts: Facts) -> Answer:
        if matches_fixed is not None and matches_fixed(value):
            return not negated
        return compare(value, templates, facts.context, facts.unknown, compiled, negated=negated)

    return test


def _resolved(operator: Operator, tokens: list[Token]) -> Matcher:
    if not operator.wildcards:
        return operator.compile([exact_text(tokens)])
    return compile_arn(tokens) if operator.name.startswith("Arn") else compile_tokens(tokens)
