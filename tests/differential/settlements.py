"""The known departures of the peer from AWS's documentation.

Each one rewrites a case so that the point in question does not arise, in the way the named page
says. A disagreement counts as settled only if both sides agree on the rewritten case: nothing is
waved through because of what it looks like. README.md tells the same in words.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from workers.policy.organizations import rcp_support

Case = dict[str, Any]
Statement = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Settlement:
    """One point on which the documentation decides against the peer."""

    name: str
    page: str
    rewrite: Callable[[Case], Case]


def policies_of(case: Case) -> Iterator[dict[str, Any]]:
    """Every policy document in a case."""
    for field in ("identity_policies", "permission_boundaries", "vpce_policies"):
        yield from (entry["policy"] for entry in case.get(field) or ())
    for field in ("resource_policy", "session_policy"):
        if case.get(field):
            yield case[field]
    for field in ("scps", "rcps"):
        for level in case.get(field) or ():
            yield from (entry["policy"] for entry in level["policies"])


def statements_of(policy: dict[str, Any]) -> list[Statement]:
    """The statements of a document, a single one too."""
    statements = policy["Statement"]
    return statements if isinstance(statements, list) else [statements]


def _values_of(context: dict[str, Any], key: str) -> list[str]:
    for name, value in context.items():
        if name.lower() == key.lower():
            return value if isinstance(value, list) else [value]
    return []


def _with_principal_keys(case: Case) -> Case:
    """Add the keys that follow from the principal's ARN."""
    principal, context = case["request"]["principal"], case["request"]["context"]
    if principal.startswith("arn:"):
        _, _, _, _, account, resource = principal.split(":", 5)
        arn = principal
        if resource.startswith("assumed-role/"):
            arn = f"arn:aws:iam::{account}:role/{resource.split('/')[1]}"
        context.setdefault("aws:PrincipalArn", arn)
        context.setdefault("aws:PrincipalAccount", account)
    return case


def _without_defaults(case: Case) -> Case:
    """Put the value or the default in place of each variable that has a default."""
    context = case["request"]["context"]

    def filled(found: re.Match[str]) -> str:
        values = _values_of(context, found[1])
        return values[0] if len(values) == 1 else found[2]

    def replaced(value: Any) -> Any:
        if isinstance(value, str):
            return re.sub(r"\$\{([^,}]+), '([^']*)'\}", filled, value)
        if isinstance(value, list):
            return [replaced(item) for item in value]
        if isinstance(value, dict):
            return {key: replaced(item) for key, item in value.items()}
        return value

    for policy in policies_of(case):
        if policy.get("Version") == "2012-10-17":
            policy["Statement"] = replaced(policy["Statement"])
    return case


def _literal_without_version(case: Case) -> Case:
    """Under the first version of the language a variable is plain text, here matching nothing."""
    for policy in policies_of(case):
        if policy.get("Version") != "2012-10-17":
            text = _mapped(policy["Statement"], lambda v: v.replace("${", "plain-text-{"))
            policy |= {"Version": "2012-10-17", "Statement": text}
    return case


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_mapped(item, change) for item in value]
    if isinstance(value, dict):
        return {key: _mapped(item, change) for key, item in value.items()}
    return value


def _escapes_in_equals(case: Case) -> Case:
    """``${*}`` in an operator without wildcards is the character."""

    for policy in policies_of(case):
        for statement in statements_of(policy):
            for operator, block in statement.get("Condition", {}).items():
                if "Equals" in operator and "String" in operator:
                    for key, values in block.items():
                        block[key] = _mapped(values, lambda v: re.sub(r"\$\{([*?$])\}", r"\1", v))
    return case


def _any_value_if_exists(case: Case) -> Case:
    """``ForAnyValue:…IfExists`` holds where the key is missing."""
    context = case["request"]["context"]
    for policy in policies_of(case):
        for statement in statements_of(policy):
            conditions = statement.get("Condition", {})
            for operator in list(conditions):
                if operator.startswith("ForAnyValue:") and operator.endswith("IfExists"):
                    kept = {k: v for k, v in conditions[operator].items() if _values_of(context, k)}
                    conditions[operator] = kept
                    if not kept:
                        del conditions[operator]
    return case


def _not_principal(case: Case) -> Case:
    """NotPrincipal excepts who is listed: the requester itself, not its account or role."""
    asker = case["request"]["principal"]
    for policy in policies_of(case):
        kept = []
        for statement in statements_of(policy):
            if "NotPrincipal" in statement:
                listed = statement.pop("NotPrincipal").get("AWS", [])
                bounded = case["permission_boundaries"] and not asker.endswith(":root")
                if asker in listed and not bounded:
                    continue
                statement["Principal"] = "*"
            kept.append(statement)
        policy["Statement"] = kept or [_nothing(policy)]
    return case


def _unresolved_not_resource(case: Case) -> Case:
    """A variable that has no value makes a statement with NotResource invalid."""
    context = case["request"]["context"]
    for policy in policies_of(case):
        kept = []
        for statement in statements_of(policy):
            names = re.findall(r"\$\{([^,}*?$]+)\}", str(statement.get("NotResource", "")))
            if all(len(_values_of(context, name)) == 1 for name in names):
                kept.append(statement)
        policy["Statement"] = kept or [_nothing(policy)]
    return case


def _nothing(policy: dict[str, Any]) -> Statement:
    """A statement without effect, in the form that the document takes."""
    statement = {"Effect": "Deny", "Action": "none:Nothing", "Resource": "*"}
    named = any("Principal" in s or "NotPrincipal" in s for s in statements_of(policy))
    return {**statement, "Principal": "*"} if named else statement


def _reach_of_organisation(case: Case) -> Case:
    """SCPs and RCPs do not reach service-linked roles, RCPs only the services that take part."""
    request = case["request"]
    if ":role/aws-service-role/" in request["principal"]:
        case["scps"] = case["rcps"] = []
    if request["action"].split(":")[0] not in rcp_support().services:
        case["rcps"] = []
    return case


def _root(case: Case) -> Case:
    """The root user may do everything in its account that no policy denies it."""
    request = case["request"]
    if _root_assumes(request):
        return case
    if request["principal"].endswith(":root"):
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        policy = {"Version": "2012-10-17", "Statement": [everything]}
        case["identity_policies"] = [{"name": "root", "policy": policy}]
    return case


def _root_assumes(request: dict[str, Any]) -> bool:
    root = str(request["principal"]).endswith(":root")
    return root and str(request["action"]).lower() == "sts:assumerole"


def _root_assumes_nothing(case: Case) -> Case:
    """No trust policy lets the root user call AssumeRole; one can still deny it."""
    policy = case["resource_policy"]
    if policy and _root_assumes(case["request"]):
        nothing = {"Effect": "Allow", "Action": "none:Nothing", "Principal": "*"}
        denies = [each for each in statements_of(policy) if each["Effect"] == "Deny"]
        policy["Statement"] = [nothing, *denies]
    return case


def _federated_user(case: Case) -> Case:
    """A federated user without a session policy has only what a resource gives its session."""
    if ":federated-user/" in case["request"]["principal"] and not case["session_policy"]:
        nothing = {"Effect": "Allow", "Action": "none:Nothing", "Resource": "*"}
        case["session_policy"] = {"Version": "2012-10-17", "Statement": [nothing]}
    return case


def _direct_grant(case: Case) -> Case:
    """What a resource gives the session itself, or everybody, no session policy limits."""
    request, policy = case["request"], case["resource_policy"]
    same_account = f"::{request['resource_account']}:" in request["principal"]
    if not (policy and case["session_policy"] and same_account):
        return case
    named = [s.get("Principal") for s in statements_of(policy) if s["Effect"] == "Allow"]
    listed = [name if isinstance(name, str) else name.get("AWS", ()) for name in named if name]
    if any("*" in names or request["principal"] in names for names in listed):
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        session = case["session_policy"]
        session["Statement"] = [*statements_of(session), everything]
    return case


IAM = "https://docs.aws.amazon.com/IAM/latest/UserGuide/"
ORGANIZATIONS = "https://docs.aws.amazon.com/organizations/latest/userguide/"

SETTLEMENTS = (
    Settlement(
        "keys that the principal's ARN says",
        IAM + "reference_policies_condition-keys.html#condition-keys-principalarn",
        _with_principal_keys,
    ),
    Settlement(
        "variables under the first version",
        IAM + "reference_policies_elements_version.html",
        _literal_without_version,
    ),
    Settlement(
        "default values of variables",
        IAM + "reference_policies_variables.html#policy-vars-default-values",
        _without_defaults,
    ),
    Settlement(
        "escaped characters in exact comparisons",
        IAM + "reference_policies_variables.html#policy-vars-specialchars",
        _escapes_in_equals,
    ),
    Settlement(
        "ForAnyValue with IfExists on a missing key",
        IAM + "reference_policies_elements_condition_operators.html#Conditions_IfExists",
        _any_value_if_exists,
    ),
    Settlement(
        "NotPrincipal that names the account or the role",
        IAM + "reference_policies_elements_notprincipal.html",
        _not_principal,
    ),
    Settlement(
        "NotResource with a variable that has no value",
        IAM + "reference_policies_variables.html",
        _unresolved_not_resource,
    ),
    Settlement(
        "whom SCPs and RCPs reach",
        ORGANIZATIONS + "orgs_manage_policies_rcps.html",
        _reach_of_organisation,
    ),
    Settlement("root user without policies", IAM + "id_root-user.html", _root),
    Settlement(
        "root user that assumes a role",
        IAM + "id_roles_use_switch-role-console.html",
        _root_assumes_nothing,
    ),
    Settlement(
        "session policies and grants made to the session itself",
        IAM + "reference_policies_evaluation-logic_policy-eval-denyallow.html",
        _direct_grant,
    ),
    Settlement(
        "federated user without session policy",
        "https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html",
        _federated_user,
    ),
)


def rewritings(case: Case) -> Iterator[tuple[str, Case]]:
    """The case without each point that it touches, then without all of them."""
    everything = copy.deepcopy(case)
    touched = []
    for settlement in SETTLEMENTS:
        changed = settlement.rewrite(copy.deepcopy(case))
        everything = settlement.rewrite(everything)
        if changed != case:
            touched.append(settlement.name)
            yield settlement.name, changed
    if len(touched) > 1:
        yield " + ".join(touched), everything
