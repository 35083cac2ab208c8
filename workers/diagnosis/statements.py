"""The smallest statements that grant what is missing: its actions, its ARN, its conditions.

Never `service:*`, never `Resource: "*"` where an ARN exists; in a key policy the resource is the
key itself and written `*`
(https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from workers.diagnosis.lookup import role_of
from workers.pipeline.requirement import Requirement

Statement = Mapping[str, Any]
_SID = "PipelineAccess"


def identity_statements(needs: Iterable[Requirement]) -> tuple[Statement, ...]:
    """Statements for an identity-based policy, one per resource and condition."""
    return tuple(
        _statement(actions, {"Resource": _one_or_all(resources)} | condition)
        for actions, resources, condition in _grouped(needs)
    )


def bucket_statements(needs: Iterable[Requirement]) -> tuple[Statement, ...]:
    """Statements for the policy of a bucket (or topic, function, repository)."""
    kept = tuple(needs)
    principal = _principal(kept[0])
    return tuple(
        _statement(
            actions,
            {"Resource": _one_or_all(resources)} | _only_for_services(kept[0]),
            principal,
        )
        for actions, resources, _ in _grouped(kept)
    )


def key_statements(needs: Iterable[Requirement]) -> tuple[Statement, ...]:
    """The statement for a key policy, whose resource is always the key."""
    kept = tuple(needs)
    actions = tuple(dict.fromkeys(need.action for need in kept))
    return (_statement(actions, {"Resource": "*"}, _principal(kept[0])),)


def trust_statements(needs: Iterable[Requirement]) -> tuple[Statement, ...]:
    """The statement for a trust policy, which has no Resource.

    A service principal is narrowed to the pipeline's account against the confused deputy:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    kept = tuple(needs)
    actions = tuple(dict.fromkeys(need.action for need in kept))
    return (_statement(actions, _only_for_services(kept[0]), _principal(kept[0])),)


def _grouped(
    needs: Iterable[Requirement],
) -> list[tuple[tuple[str, ...], tuple[str, ...], dict[str, Any]]]:
    """(actions, resources, condition): resources with the same actions share a statement."""
    by_resource: dict[tuple[str, str], tuple[dict[str, None], dict[str, Any]]] = {}
    for need in needs:
        condition = _condition(need)
        key = (need.shown, json.dumps(condition, sort_keys=True))
        actions, _ = by_resource.setdefault(key, ({}, condition))
        actions[need.action] = None
    by_actions: dict[tuple[tuple[str, ...], str], tuple[list[str], dict[str, Any]]] = {}
    for (resource, _), (actions, condition) in by_resource.items():
        group = (tuple(actions), json.dumps(condition, sort_keys=True))
        by_actions.setdefault(group, ([], condition))[0].append(resource)
    return [
        (actions, tuple(resources), condition)
        for (actions, _), (resources, condition) in by_actions.items()
    ]


def _condition(need: Requirement) -> dict[str, Any]:
    """The condition that the permission should not be given without.

    iam:PassRole: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """
    if narrow := {key: values for key, values in need.narrow.items() if values}:
        blocks: dict[str, dict[str, str | list[str]]] = {}
        for key, values in narrow.items():
            operator = "ArnEquals" if values[0].startswith("arn:") else "StringEquals"
            blocks.setdefault(operator, {})[key] = _one_or_all(values)
        return {"Condition": blocks}
    if need.action.lower() == "iam:passrole" and (
        service := need.context.get("iam:PassedToService")
    ):
        return {"Condition": {"StringEquals": {"iam:PassedToService": _plain(service)}}}
    return {}


def _only_for_services(need: Requirement) -> dict[str, Any]:
    account = need.context.get("aws:SourceAccount")
    if role_of(need.principal).startswith("arn:") or not account:
        return {}
    return {"Condition": {"StringEquals": {"aws:SourceAccount": _plain(account)}}}


def _principal(need: Requirement) -> dict[str, Any]:
    principal = role_of(need.principal)
    kind = "AWS" if principal.startswith("arn:") else "Service"
    return {"Principal": {kind: principal}}


def _statement(
    actions: tuple[str, ...], rest: Mapping[str, Any], principal: Mapping[str, Any] | None = None
) -> Statement:
    body = {"Effect": "Allow", **(principal or {}), "Action": _one_or_all(actions), **rest}
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    # Only letters and digits: identity-based policies take no other characters in a Sid.
    return {"Sid": f"{_SID}{digest[:8]}", **body}


def _one_or_all(values: tuple[str, ...]) -> str | list[str]:
    return values[0] if len(values) == 1 else list(values)


def _plain(value: str | tuple[str, ...]) -> str | list[str]:
    return value if isinstance(value, str) else _one_or_all(value)
