"""The comparisons behind the condition operators, each compiled for a list of policy values.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from workers.policy.patterns import Matcher, anything, compile_arn, compile_glob, tokens_of

Compiler: TypeAlias = Callable[[Sequence[str]], Matcher]
"""Policy values in, a test of one request value out: true when it matches any of them."""


@dataclass(frozen=True, slots=True)
class Operator:
    """A condition operator without its qualifier and suffix."""

    name: str
    compile: Compiler
    negated: bool = False
    variables: bool = False
    """Whether policy variables are replaced in its values."""
    wildcards: bool = False
    check: Callable[[str], bool] | None = None
    """Whether a policy value has the form that the operator needs; None accepts any string."""


def _any_of(matchers: Sequence[Matcher]) -> Matcher:
    if any(matcher is anything for matcher in matchers):
        return anything
    if len(matchers) == 1:
        return matchers[0]
    return lambda text: any(matcher(text) for matcher in matchers)


def _equals(values: Sequence[str]) -> Matcher:
    return frozenset(values).__contains__ if len(values) != 1 else values[0].__eq__


def _equals_ignoring_case(values: Sequence[str]) -> Matcher:
    folded = frozenset(value.casefold() for value in values)
    return lambda text: text.casefold() in folded


def _like(values: Sequence[str]) -> Matcher:
    return _any_of([compile_glob(value) for value in values])


def _arn(values: Sequence[str]) -> Matcher:
    return _any_of([compile_arn(tokens_of(value)) for value in values])


_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?")


def number_of(text: str) -> float | None:
    """The number that a policy or a request writes, or None."""
    return float(text) if _NUMBER.fullmatch(text) else None


_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(\.\d{1,9})?)?"
    r"(Z|[+-]\d\d:?\d\d)?)?)?)?"
)


def moment_of(text: str) -> float | None:
    """Seconds since 1970 for a W3C date, with or without time, or for epoch seconds.

    Four digits are read as a year. http://www.w3.org/TR/NOTE-datetime
    """
    found = _DATE.fullmatch(text)
    if not found:
        return number_of(text)
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        moment = datetime(
            int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0),
            int(second or 0), tzinfo=UTC,
        ).timestamp()  # fmt: skip
    except ValueError:
        return None
    if zone and zone != "Z":
        shift = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
        moment -= shift if zone[0] == "+" else -shift
    return moment + float(fraction or 0)


def _ordered(read: Callable[[str], float | None], test: Callable[[float, float], bool]) -> Compiler:
    def compiled(values: Sequence[str]) -> Matcher:
        bounds = [bound for bound in map(read, values) if bound is not None]

        def match(text: str) -> bool:
            value = read(text)
            return value is not None and any(test(value, bound) for bound in bounds)

        return match

    return compiled


def _bool(values: Sequence[str]) -> Matcher:
    folded = frozenset(value.lower() for value in values)
    return lambda text: text.lower() in folded


def _binary(values: Sequence[str]) -> Matcher:
    decoded = frozenset(map(_bytes_of, values))
    return lambda text: _bytes_of(text) in decoded


def _bytes_of(text: str) -> bytes | str:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text


Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


def network_of(text: str) -> Network | None:
    """An address or a CIDR range, or None; host bits are ignored."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _in_networks(values: Sequence[str]) -> Matcher:
    networks = [network for network in map(network_of, values) if network is not None]

    def match(text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in networks)

    return match


def _is_bool(text: str) -> bool:
    return text.lower() in ("true", "false")


def _is_number(text: str) -> bool:
    return number_of(text) is not None


def _is_date(text: str) -> bool:
    return moment_of(text) is not None


def _is_network(text: str) -> bool:
    return network_of(text) is not None


def _comparisons(
    kind: str, read: Callable[[str], float | None], check: Callable[[str], bool]
) -> list[Operator]:
    equals = _ordered(read, lambda value, bound: value == bound)
    return [
        Operator(f"{kind}Equals", equals, check=check),
        Operator(f"{kind}NotEquals", equals, negated=True, check=check),
        Operator(f"{kind}LessThan", _ordered(read, lambda v, b: v < b), check=check),
        Operator(f"{kind}LessThanEquals", _ordered(read, lambda v, b: v <= b), check=check),
        Operator(f"{kind}GreaterThan", _ordered(read, lambda v, b: v > b), check=check),
        Operator(f"{kind}GreaterThanEquals", _ordered(read, lambda v, b: v >= b), check=check),
    ]


NULL = Operator("Null", _bool, check=_is_bool)

OPERATORS: dict[str, Operator] = {
    operator.name.lower(): operator
    for operator in (
        Operator("StringEquals", _equals, variables=True),
        Operator("StringNotEquals", _equals, negated=True, variables=True),
        Operator("StringEqualsIgnoreCase", _equals_ignoring_case, variables=True),
        Operator("StringNotEqualsIgnoreCase", _equals_ignoring_case, negated=True, variables=True),
        Operator("StringLike", _like, variables=True, wildcards=True),
        Operator("StringNotLike", _like, negated=True, variables=True, wildcards=True),
        Operator("ArnEquals", _arn, variables=True, wildcards=True),
        Operator("ArnNotEquals", _arn, negated=True, variables=True, wildcards=True),
        Operator("ArnLike", _arn, variables=True, wildcards=True),
        Operator("ArnNotLike", _arn, negated=True, variables=True, wildcards=True),
        *_comparisons("Numeric", number_of, _is_number),
        *_comparisons("Date", moment_of, _is_date),
        Operator("Bool", _bool, variables=True),
        Operator("BinaryEquals", _binary),
        Operator("IpAddress", _in_networks, check=_is_network),
        Operator("NotIpAddress", _in_networks, negated=True, check=_is_network),
        NULL,
    )
}
"""By lower-case name: operator names have no case."""
