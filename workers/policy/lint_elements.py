"""Faults of the elements that name principals, actions, resources and conditions."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from workers.policy.actions import Suggestions, action_exists
from workers.policy.conditions import Quantifier, split_operator, values_of
from workers.policy.faults import Fault, shown, type_name
from workers.policy.layers import PolicyKind
from workers.policy.operators import NULL, OPERATORS, Operator
from workers.policy.principals import PrincipalType, is_unique_id, principal_of
from workers.policy.reader import Path
from workers.policy.variables import has_variables

_PRINCIPAL_TYPES = ("AWS", "Service", "Federated", "CanonicalUser")


def principal_faults(
    raw: Mapping[str, Any], path: Path, label: str, kind: PolicyKind
) -> Iterator[Fault]:
    """Faults of Principal and NotPrincipal.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    element = next((name for name in ("NotPrincipal", "Principal") if name in raw), None)
    about = {"statement": label, "kind": kind.value}
    if not kind.names_principals:
        if element is not None:
            yield Fault("principal-not-allowed", (*path, element), about | {"element": element})
        return
    if element is None:
        yield Fault("principal-missing", path, about)
        return
    value = raw[element]
    here = (*path, element)
    if element == "NotPrincipal":
        yield from _not_principal_faults(raw, value, here, label, kind)
    if kind is PolicyKind.RCP:
        if value not in ("*", {"AWS": "*"}):
            yield Fault("rcp-principal", here, about)
        if raw.get("Effect") == "Allow":
            yield Fault("rcp-allow", path, about)
        return
    if value == "*":
        return
    if not isinstance(value, Mapping):
        if isinstance(value, str):
            yield Fault("principal-invalid", here, {"value": shown(value)})
        else:
            expected = {"expected": 'an object such as {"AWS": "…"}, or "*"'}
            found = {"element": element, "statement": label, "found": type_name(value)}
            yield Fault("element-type", here, found | expected)
        return
    for key, entries in value.items():
        if key not in _PRINCIPAL_TYPES:
            yield Fault("principal-type-unknown", (*here, key), {"key": shown(key)})
            continue
        for at, entry in _entries(entries, (*here, key)):
            yield from _principal_entry_faults(key, entry, at)


def _principal_entry_faults(key: str, entry: Any, at: Path) -> Iterator[Fault]:
    value = {"value": shown(entry)}
    if not isinstance(entry, str):
        yield Fault("principal-invalid", at, value)
    elif key != "AWS" or entry == "*":
        return
    elif is_unique_id(entry):
        yield Fault("principal-deleted", at, value)
    elif "*" in entry or "?" in entry:
        yield Fault("principal-wildcard", at, value)
    elif ":group/" in entry:
        yield Fault("principal-group", at, value)
    elif principal_of(entry).type not in _AWS_TYPES or not _account_is_real(entry):
        yield Fault("principal-invalid", at, value)


_AWS_TYPES = frozenset(
    {
        PrincipalType.ROOT,
        PrincipalType.USER,
        PrincipalType.ROLE,
        PrincipalType.SESSION,
        PrincipalType.FEDERATED_USER,
        PrincipalType.CANONICAL,
    }
)


def _account_is_real(entry: str) -> bool:
    account = principal_of(entry).account
    return account is None or re.fullmatch(r"\d{12}", account) is not None


def _not_principal_faults(
    raw: Mapping[str, Any], value: Any, here: Path, label: str, kind: PolicyKind
) -> Iterator[Fault]:
    if kind in (PolicyKind.TRUST, PolicyKind.RCP):
        yield Fault("not-principal-trust", here, {"statement": label})
    elif raw.get("Effect") == "Allow":
        yield Fault("not-principal-allow", here, {"statement": label})
    if not isinstance(value, Mapping):
        return
    entries = [entry for _, entry in _entries(value.get("AWS", []), here) if isinstance(entry, str)]
    named = [principal_of(entry) for entry in entries if "*" not in entry]
    accounts = {p.account for p in named if p.type is PrincipalType.ROOT}
    for principal in named:
        if principal.is_iam_entity and principal.account not in accounts:
            values = {
                "statement": label,
                "value": principal.text,
                "account": str(principal.account),
                "partition": principal.partition,
            }
            yield Fault("not-principal-account", here, values)


def action_faults(
    raw: Mapping[str, Any], path: Path, label: str, suggestions: Suggestions
) -> Iterator[Fault]:
    """Faults of Action and NotAction.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html
    """
    for element in ("Action", "NotAction"):
        if element not in raw:
            continue
        here = (*path, element)
        yield from _type_faults(raw[element], element, here, label)
        for at, entry in _entries(raw[element], here):
            if isinstance(entry, str) and entry != "*":
                yield from _action_entry_faults(entry, at, suggestions)


_ACTION = re.compile(r"[A-Za-z0-9*?-]+:[A-Za-z0-9*?-]+")


def _action_entry_faults(entry: str, at: Path, suggestions: Suggestions) -> Iterator[Fault]:
    if not _ACTION.fullmatch(entry):
        yield Fault("action-form", at, {"value": shown(entry)})
        return
    if action_exists(entry, suggestions.table):
        return
    service = entry.lower().partition(":")[0]
    values = {"value": shown(entry), "service": service, "suggestion": suggestions.text(entry)}
    known = service in suggestions.table.services() or "*" in service
    yield Fault("action-unknown" if known else "action-service-unknown", at, values)


def resource_faults(raw: Mapping[str, Any], path: Path, label: str) -> Iterator[Fault]:
    """Faults of Resource and NotResource.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    """
    for element in ("Resource", "NotResource"):
        if element not in raw:
            continue
        here = (*path, element)
        yield from _type_faults(raw[element], element, here, label)
        for at, entry in _entries(raw[element], here):
            if isinstance(entry, str):
                yield from _arn_faults(entry, at)


_PARTITIONS = re.compile(r"aws(-[a-z]+)*|[^$]*[*?].*")
_WITHOUT_ACCOUNT = frozenset({"s3"})


def _arn_faults(entry: str, at: Path) -> Iterator[Fault]:
    if set(entry) <= set("*?"):
        return
    parts = entry.split(":", 5)
    complete = len(parts) == 6 or "*" in parts[-1]
    if not complete or not (parts[0] == "arn" or "*" in parts[0]):
        yield Fault("resource-form", at, {"value": shown(entry)})
        return
    if len(parts) < 6 or "[[" in entry or "{{" in entry or "<" in entry:
        return
    _, partition, service, region, account, resource = parts
    why = None
    if not _PARTITIONS.fullmatch(partition) and "${" not in partition:
        why = f"there is no partition {shown(partition)}; they are aws, aws-cn and aws-us-gov"
    elif any("${" in part for part in (partition, service, region, account)):
        why = "policy variables work only after the fifth colon"
    elif account and not re.fullmatch(r"[0-9*?]+|aws", account):
        why = f"the account {shown(account)} is no 12-digit number"
    elif account.isdigit() and len(account) != 12:
        why = f"the account {account} has {len(account)} digits in place of 12"
    elif service in _WITHOUT_ACCOUNT and resource and not resource.startswith(_S3_OWNED):
        if region.strip("*") or account.strip("*"):
            why = "ARNs of buckets and objects have neither region nor account"
    elif not resource:
        why = "the part after the fifth colon, the resource itself, is empty"
    if why:
        yield Fault("arn-impossible", at, {"value": shown(entry), "why": why})


_S3_OWNED = ("accesspoint", "job", "storage-lens", "access-grants", "*", "?")


def condition_faults(raw: Mapping[str, Any], path: Path, label: str) -> Iterator[Fault]:
    """Faults of Condition.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    """
    if "Condition" not in raw:
        return
    element, here = raw["Condition"], (*path, "Condition")
    if not isinstance(element, Mapping):
        yield Fault("condition-type", here, {"statement": label, "found": type_name(element)})
        return
    for written, block in element.items():
        at = (*here, written)
        quantifier, operator, _ = split_operator(written)
        if operator is None:
            yield Fault("operator-unknown", at, {"operator": written} | _near_operator(written))
            continue
        if not isinstance(block, Mapping):
            yield Fault("condition-type", at, {"statement": label, "found": type_name(block)})
            continue
        if not block:
            yield Fault("condition-empty", at, {"operator": written})
        for key, values in block.items():
            yield from _value_faults(operator, written, values, (*at, key))
            for_all = quantifier is Quantifier.ALL and raw.get("Effect") == "Allow"
            if for_all and not _asks_for(element, key):
                about = {"statement": label, "key": key}
                yield Fault("quantifier-missing-key", (*at, key), about)


def _asks_for(element: Mapping[str, Any], key: str) -> bool:
    block = element.get("Null")
    return isinstance(block, Mapping) and any(name.lower() == key.lower() for name in block)


_EXPECTED = {
    "Numeric": "a number",
    "Date": "a date such as 2026-01-31T00:00:00Z, or epoch seconds",
    "IpAddres": "an address or a CIDR range",
    "NotIpAdd": "an address or a CIDR range",
    "Null": "true or false",
}


def _value_faults(operator: Operator, written: str, values: Any, at: Path) -> Iterator[Fault]:
    for value in values_of(values):
        if operator.check is not None and not operator.check(value):
            expected = next(
                text for start, text in _EXPECTED.items() if operator.name.startswith(start)
            )
            about = {"value": shown(value), "operator": written, "expected": expected}
            yield Fault("operator-value", at, about)
        exact = operator.name.startswith("String") and not operator.wildcards
        if exact and "*" in value and not has_variables(value):
            advice = written.replace("NotEquals", "NotLike").replace("Equals", "Like")
            about = {"value": shown(value), "operator": written, "advice": advice}
            yield Fault("operator-wildcard", at, about)
    if isinstance(values, Mapping):
        about = {"statement": "", "found": type_name(values)}
        yield Fault("condition-type", at, about)


def _near_operator(written: str) -> dict[str, str]:
    name = written.rpartition(":")[2]
    base = re.sub("ifexists$", "", name, flags=re.IGNORECASE).lower()
    if OPERATORS.get(base) is NULL:
        return {"suggestion": "; Null asks for existence already, take it without IfExists"}
    near = difflib.get_close_matches(base, OPERATORS, n=1, cutoff=0.6)
    return {"suggestion": f"; {OPERATORS[near[0]].name} was probably meant" if near else ""}


def _type_faults(value: Any, element: str, path: Path, label: str) -> Iterator[Fault]:
    about = {"element": element, "statement": label, "expected": "a string or a list of strings"}
    if isinstance(value, list):
        for at, entry in _entries(value, path):
            if not isinstance(entry, str):
                yield Fault("element-type", at, about | {"found": type_name(entry)})
    elif not isinstance(value, str):
        yield Fault("element-type", path, about | {"found": type_name(value)})
    if value in ([], ""):
        yield Fault("element-missing", path, {"statement": label, "element": element})


def _entries(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, list):
        for index, entry in enumerate(value):
            yield (*path, index), entry
    else:
        yield path, value
