"""What AWS itself keeps of a refused request: which check denied, by which policy and statement.

Where a message carries an authorization id, AWS has the details for 24 hours:
https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied-authorization-id.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from workers.diagnosis.denials import Denial, Effect, Layer

_LAYERS: Mapping[str, Layer] = {
    "SERVICE_CONTROL_POLICY": "scp",
    "RESOURCE_CONTROL_POLICY": "rcp",
    "VPC_ENDPOINT": "vpce",
    "RESOURCE": "resource",
    "PRINCIPAL": "identity",
    "PERMISSIONS_BOUNDARY": "boundary",
    "SESSION": "session",
}
_EFFECTS: Mapping[str, Effect] = {"EXPLICIT_DENY": "explicitDeny", "IMPLICIT_DENY": "implicitDeny"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A check that denied. `policy` and `statement` are empty where none matched."""

    action: str
    resource: str
    layer: Layer
    effect: Effect
    policy: str = ""
    statement: str = ""


def refusals(text: str) -> tuple[Refusal, ...]:
    """The checks that denied, explicit ones first; () for what is no such JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    evaluations = value.get("evaluations") if isinstance(value, dict) else None
    found = [each for evaluation in _tables(evaluations) for each in _of(evaluation)]
    return tuple(sorted(found, key=lambda each: each.effect != "explicitDeny"))


def detailed(denial: Denial, text: str) -> Denial:
    """The denial with what the details add to what it says itself."""
    found = refusals(text)
    if not found:
        return denial
    first = found[0]
    return replace(
        denial,
        action=denial.action or first.action,
        resource=denial.resource or first.resource,
        layer=denial.layer or first.layer,
        effect=denial.effect or first.effect,
        policy_arn=denial.policy_arn or first.policy,
    )


def _of(evaluation: Mapping[str, Any]) -> Iterator[Refusal]:
    for check in _tables(evaluation.get("checks")):
        layer = _LAYERS.get(str(check.get("checkType")))
        effect = _EFFECTS.get(str(check.get("evaluatedEffect")))
        if layer is None or effect is None:
            continue
        policy, statement = next(_denying(check), ("", ""))
        yield Refusal(
            str(evaluation.get("action", "")),
            str(evaluation.get("resource", "")),
            layer,
            effect,
            policy,
            statement,
        )


def _denying(check: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for policy in _tables(check.get("matchedPolicies")):
        for statement in _tables(policy.get("matchedStatements")):
            if statement.get("evaluatedEffect") == "DENY":
                yield str(policy.get("uri", "")), str(statement.get("sid", ""))


def _tables(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
