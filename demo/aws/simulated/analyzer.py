"""IAM Access Analyzer's policy checks, by this project's own reader and evaluator.

They are no second opinion, and say so: `x-simulated` is on every answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from demo.aws.identity import Caller
from demo.aws.services import Services
from demo.aws.wire import AwsError, Call
from workers.policy import Policies, PolicyKind, Request, evaluate, parse
from workers.policy.lint import lint

_KINDS = {
    "IDENTITY_POLICY": PolicyKind.IDENTITY,
    "RESOURCE_POLICY": PolicyKind.RESOURCE,
    "SERVICE_CONTROL_POLICY": PolicyKind.SCP,
    "RESOURCE_CONTROL_POLICY": PolicyKind.RCP,
}
_SOMEBODY = "arn:aws:iam::000000000000:role/anybody"


def validate_policy(_services: Services, call: Call, _caller: Caller) -> Mapping[str, Any]:
    """https://docs.aws.amazon.com/access-analyzer/latest/APIReference/API_ValidatePolicy.html"""
    text = str(call.params["policyDocument"])
    document = parse(text, name="policy", kind=_kind(call))
    return {
        "findings": [
            {
                "findingDetails": fault.message,
                "findingType": "ERROR" if fault.severity == "error" else "WARNING",
                "issueCode": fault.code.upper().replace("-", "_"),
                "learnMoreLink": "https://docs.aws.amazon.com/IAM/latest/UserGuide/"
                "access-analyzer-reference-policy-checks.html",
                "locations": [
                    {
                        "path": [],
                        "span": {
                            "start": _position(fault.line, fault.column),
                            "end": _position(fault.line, fault.column),
                        },
                    }
                ],
            }
            for fault in lint(document)
        ]
    }


def check_no_new_access(_services: Services, call: Call, _caller: Caller) -> Mapping[str, Any]:
    """https://docs.aws.amazon.com/access-analyzer/latest/APIReference/API_CheckNoNewAccess.html

    Every action and resource that a changed Allow statement of the new policy names is put to the
    existing one; what that does not allow is new.
    """
    existing = str(call.params["existingPolicyDocument"])
    known = [json.dumps(each, sort_keys=True) for each in _statements(existing)]
    reasons = []
    for index, statement in enumerate(_statements(str(call.params["newPolicyDocument"]))):
        if statement.get("Effect") != "Allow" or json.dumps(statement, sort_keys=True) in known:
            continue
        if not all(_allows(existing, call, *access) for access in _accesses(statement)):
            reason = {"description": f"New access in the statement with index: {index}."}
            if "Sid" in statement:
                reason["statementId"] = str(statement["Sid"])
            reasons.append({**reason, "statementIndex": index})
    return _result(reasons, "The modified permissions grant new access.")


def check_access_not_granted(_services: Services, call: Call, _caller: Caller) -> Mapping[str, Any]:
    """https://docs.aws.amazon.com/access-analyzer/latest/APIReference/API_CheckAccessNotGranted.html"""
    text = str(call.params["policyDocument"])
    granted = [
        action
        for access in call.params["access"]
        for action in access.get("actions") or ("*",)
        for resource in access.get("resources") or ("*",)
        if _allows(text, call, _SOMEBODY, str(action), str(resource))
    ]
    reasons = [{"description": f"The policy allows {action}."} for action in granted]
    return _result(reasons, "The policy document grants access to perform the listed actions.")


def _result(reasons: list[dict[str, Any]], failed: str) -> dict[str, Any]:
    if reasons:
        return {"result": "FAIL", "message": failed, "reasons": reasons}
    return {"result": "PASS", "message": "Nothing of the kind is granted.", "reasons": []}


def _allows(text: str, call: Call, principal: str, action: str, resource: str) -> bool:
    kind = _kind(call)
    document = parse(text, name="policy", kind=kind)
    resource_based = kind is PolicyKind.RESOURCE
    policies = Policies(resource=document) if resource_based else Policies(identity=(document,))
    account = principal.split(":")[4] if principal.startswith("arn:") else None
    return evaluate(Request(principal, action, resource, account), policies).decision == "allowed"


def _accesses(statement: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for principal in _principals(statement):
        for action in _list(statement.get("Action", "*")):
            for resource in _list(statement.get("Resource", "*")):
                yield principal, str(action), str(resource)


def _principals(statement: Mapping[str, Any]) -> list[str]:
    named = statement.get("Principal")
    if isinstance(named, Mapping):
        return [str(name) for names in named.values() for name in _list(names)]
    return [_SOMEBODY]


def _statements(text: str) -> list[Mapping[str, Any]]:
    try:
        return _list(json.loads(text)["Statement"])
    except (ValueError, KeyError, TypeError):
        raise AwsError("ValidationException", "The policy document is not valid.") from None


def _kind(call: Call) -> PolicyKind:
    try:
        return _KINDS[str(call.params["policyType"])]
    except KeyError:
        raise AwsError("ValidationException", "The policy type is not valid.") from None


def _position(line: int, column: int) -> dict[str, int]:
    return {"line": line, "column": column, "offset": 0}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
