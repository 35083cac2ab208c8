"""What grants a request, apart from what limits or denies it: which side is silent.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from workers.diagnosis.cause import Cause, Side
from workers.diagnosis.components import (
    component_of,
    detail_of,
    resource_component,
    scope_of,
    weight_of,
)
from workers.diagnosis.lookup import role_of
from workers.diagnosis.model import Certainty, Check, Component
from workers.pipeline.arn import account_of
from workers.policy import (
    Decision,
    Document,
    Effect,
    Policies,
    Policy,
    PolicyKind,
    Request,
    Unreadable,
    evaluate,
    parse,
)

DENIED = (Decision.EXPLICIT_DENY, Decision.IMPLICIT_DENY)
_EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def missing(check: Check, request: Request, policies: Policies) -> Cause | None:
    """The sides that grant nothing, with limits and denies out of the way; None if they do."""
    bare = grants_of(policies, request)
    if evaluate(request, bare, partial=True).decision not in DENIED:
        return None
    # A grant that nobody read is no reason to leave a side out of the change.
    known = replace(bare, grants=()) if isinstance(bare.grants, Unreadable) else bare
    sides = _silent_sides(request, known)
    requirement = check.requirement
    return Cause(
        "missing",
        component_of(requirement) if Side.IDENTITY in sides else resource_component(request.action),
        ("missing", role_of(requirement.principal), scope_of(requirement), weight_of(requirement)),
        Certainty.PROVEN,
        detail=detail_of(requirement) if Side.IDENTITY in sides else "",
        sides=sides,
        policies=(
            *(policies.identity if Side.IDENTITY in sides else ()),
            *((policies.resource,) if Side.RESOURCE in sides and policies.resource else ()),
        ),
    )


def grants_of(policies: Policies, request: Request) -> Policies:
    """The policies without what limits or denies."""
    kind = _resource_kind(request.action)
    return Policies(
        identity=tuple(allows_only(each, PolicyKind.IDENTITY) for each in policies.identity),
        resource=None if policies.resource is None else allows_only(policies.resource, kind),
        grants=policies.grants,
        service_linked=policies.service_linked,
    )


def _silent_sides(request: Request, bare: Policies) -> frozenset[Side]:
    generous = replace(bare, identity=(everything(),))
    if evaluate(request, generous, partial=True).decision not in DENIED:
        return frozenset({Side.IDENTITY})
    named = everything_for(request.principal)
    if evaluate(request, replace(bare, resource=named), partial=True).decision not in DENIED:
        return frozenset({Side.RESOURCE})
    return frozenset({Side.IDENTITY, Side.RESOURCE})


def _resource_kind(action: str) -> PolicyKind:
    return {
        Component.BUCKET: PolicyKind.BUCKET,
        Component.KMS: PolicyKind.KEY,
        Component.TRUST: PolicyKind.TRUST,
    }.get(resource_component(action), PolicyKind.RESOURCE)


def allows_only(policy: Policy, kind: PolicyKind) -> Policy:
    """The document without its Deny statements, to ask what stands behind a deny."""
    if not isinstance(policy, Document) or policy.unreadable is not None:
        return policy
    if all(statement.effect is Effect.ALLOW for statement in policy.statements):
        return policy
    kept = [dict(each.raw) for each in policy.statements if each.effect is Effect.ALLOW]
    return parse({"Version": policy.version, "Statement": kept}, name=policy.name, kind=kind)


@lru_cache(maxsize=1)
def everything() -> Document:
    """An identity-based policy that allows all."""
    return parse({"Statement": _EVERYTHING}, name="", kind=PolicyKind.IDENTITY)


@lru_cache(maxsize=256)
def everything_for(principal: str) -> Document:
    """A resource-based policy that allows all to one principal, `*` for anybody."""
    kind = "AWS" if principal.startswith("arn:") or principal.isdigit() else "Service"
    named: str | dict[str, str] = "*" if principal == "*" else {kind: principal}
    statement = _EVERYTHING | {"Principal": named}
    return parse({"Statement": statement}, name="", kind=PolicyKind.RESOURCE)


def delegating(principal: str) -> Document:
    """A resource-based policy that leaves the decision to the account of the principal."""
    return everything_for(account_of(principal) or principal)
