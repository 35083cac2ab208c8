"""Reading one line of input: a request and every policy around it.

``docs/evaluation.md`` describes the format.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workers.policy.documents import Document, Unreadable, parse
from workers.policy.evaluation import evaluate
from workers.policy.layers import PolicyKind
from workers.policy.policies import Grant, Level, Policies, Policy
from workers.policy.requests import Request
from workers.policy.verdicts import Verdict


class NoCase(ValueError):
    """A line that is no case; ``id`` is the line's own, where it has one."""

    def __init__(self, why: str, id: Any = None) -> None:
        super().__init__(why)
        self.why = why
        self.id = id


@dataclass(frozen=True, slots=True)
class Case:
    """One line of input, ready to be evaluated."""

    id: Any
    request: Request
    policies: Policies
    partial: bool

    def verdict(self) -> Verdict:
        """Evaluate the case."""
        return evaluate(self.request, self.policies, partial=self.partial)


def case_of(line: str) -> Case:
    """Read one line.

    Raises ``NoCase`` with a sentence that names the faulty part.
    """
    try:
        value = json.loads(line, object_pairs_hook=_members)
    except (ValueError, RecursionError) as error:
        raise NoCase(f"the line is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise NoCase("the line is no JSON object")
    id = value.get("id")
    try:
        return Case(id, _request(value), _policies(value), _partial(value))
    except NoCase as error:
        raise NoCase(error.why, id) from error
    except RecursionError as error:
        raise NoCase("the line is nested too deeply", id) from error


class _Repeated(dict[str, Any]):
    """An object with a key given twice, which remembers all its members."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _Repeated(pairs)


def _repeats(value: Any) -> bool:
    if isinstance(value, dict):
        return isinstance(value, _Repeated) or any(map(_repeats, value.values()))
    return isinstance(value, list) and any(map(_repeats, value))


def _written(value: Any) -> str:
    """JSON text that still has every member."""
    if isinstance(value, dict):
        pairs = value.pairs if isinstance(value, _Repeated) else value.items()
        members = ",\n".join(f"{json.dumps(key)}: {_written(inner)}" for key, inner in pairs)
        return f"{{{members}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _request(value: Mapping[str, Any]) -> Request:
    request = value.get("request")
    if not isinstance(request, dict):
        raise NoCase('"request" has to be an object')
    for name in ("principal", "action", "resource"):
        if not isinstance(request.get(name), str) or not request[name]:
            raise NoCase(f'"request.{name}" has to be a string')
    if ":" not in request["action"]:
        raise NoCase('"request.action" has to be service:Name')
    account = request.get("resource_account")
    if account is not None and not isinstance(account, str):
        raise NoCase('"request.resource_account" has to be a string or null')
    unknown = request.get("unknown") or []
    if not isinstance(unknown, list) or not all(isinstance(key, str) for key in unknown):
        raise NoCase('"request.unknown" has to be a list of condition keys')
    return Request(
        principal=request["principal"],
        action=request["action"],
        resource=request["resource"],
        resource_account=account,
        context=_context(request.get("context")),
        unknown=frozenset(unknown),
    )


def _context(value: Any) -> dict[str, str | tuple[str, ...]]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise NoCase('"request.context" has to be an object')
    context: dict[str, str | tuple[str, ...]] = {}
    for key, given in value.items():
        if isinstance(given, list):
            context[key] = tuple(_context_value(key, item) for item in given)
        elif given is not None:
            context[key] = _context_value(key, given)
    return context


def _context_value(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise NoCase(f'the context key "{key}" has to be a string, number, boolean or a list of them')


def _partial(value: Mapping[str, Any]) -> bool:
    request = value["request"]
    return bool(value.get("partial", False)) or bool(request.get("unknown"))


def _policies(value: Mapping[str, Any]) -> Policies:
    boundaries = value.get("permission_boundaries")
    session = value.get("session_policy")
    resource = value.get("resource_policy")
    return Policies(
        identity=_named(value, "identity_policies", PolicyKind.IDENTITY),
        resource=None
        if resource is None
        else _single(resource, "resource_policy", PolicyKind.RESOURCE),
        boundaries=None
        if boundaries is None
        else _named(value, "permission_boundaries", PolicyKind.BOUNDARY),
        session=None
        if session is None
        else (_single(session, "session_policy", PolicyKind.SESSION),),
        vpce=_named(value, "vpce_policies", PolicyKind.VPCE),
        scps=_levels(value, "scps", PolicyKind.SCP),
        rcps=_levels(value, "rcps", PolicyKind.RCP),
        grants=_grants(value.get("grants")),
        management_account=value.get("management_account") is True,
        resource_in_management_account=value.get("resource_in_management_account") is True,
    )


def _named(value: Mapping[str, Any], field: str, kind: PolicyKind) -> tuple[Policy, ...]:
    entries = value.get(field)
    if entries is None:
        return ()
    if not isinstance(entries, list):
        raise NoCase(f'"{field}" has to be a list')
    return tuple(_entry(entry, f"{field}[{at}]", kind) for at, entry in enumerate(entries))


def _entry(entry: Any, where: str, kind: PolicyKind) -> Policy:
    if not isinstance(entry, dict) or not ("policy" in entry or "unreadable" in entry):
        raise NoCase(f'"{where}" has to be an object with "name" and "policy"')
    name = entry.get("name")
    name = name if isinstance(name, str) else where
    if "unreadable" in entry:
        return Unreadable(name, str(entry["unreadable"]))
    return _document(entry["policy"], name, where, kind)


def _single(value: Any, field: str, kind: PolicyKind) -> Policy:
    if isinstance(value, dict) and not {"Statement", "Version"} & value.keys():
        return _entry({"name": field, **value}, field, kind)
    return _document(value, field, field, kind)


def _document(policy: Any, name: str, where: str, kind: PolicyKind) -> Document:
    if isinstance(policy, str):
        return parse(policy, name=name, kind=kind)
    if not isinstance(policy, dict):
        raise NoCase(f'"{where}" has to hold a policy document')
    if _repeats(policy):
        return parse(_written(policy), name=name, kind=kind)
    return parse(policy, name=name, kind=kind)


def _levels(value: Mapping[str, Any], field: str, kind: PolicyKind) -> tuple[Level, ...]:
    entries = value.get(field)
    if entries is None:
        return ()
    if not isinstance(entries, list):
        raise NoCase(f'"{field}" has to be a list')
    levels = []
    for at, entry in enumerate(entries):
        if not isinstance(entry, dict) or not isinstance(entry.get("policies"), list):
            raise NoCase(f'"{field}[{at}]" has to be an object with "org_id" and "policies"')
        target = entry.get("org_id")
        target = target if isinstance(target, str) else f"{field}[{at}]"
        levels.append(Level(target, _named(entry, "policies", kind)))
    return tuple(levels)


def _grants(value: Any) -> tuple[Grant, ...]:
    if value is None:
        return ()
    try:
        return tuple(
            Grant(
                grantee=str(entry["grantee"]),
                operations=frozenset(map(str, entry["operations"])),
                key=str(entry["key"]),
                name=str(entry.get("name", "")),
                encryption_context_equals=_constraint(entry, "encryption_context_equals"),
                encryption_context_subset=_constraint(entry, "encryption_context_subset"),
            )
            for entry in value
        )
    except (TypeError, KeyError, AttributeError) as error:
        raise NoCase('"grants" has to be a list of objects: grantee, operations, key') from error


def _constraint(entry: Mapping[str, Any], field: str) -> Mapping[str, str] | None:
    context = entry.get(field)
    if context is None:
        return None
    if not isinstance(context, dict) or not all(isinstance(each, str) for each in context.values()):
        raise NoCase(f'"grants": "{field}" has to be an object of strings')
    return context
