"""Why a check is denied, or not decided: the statement that denies, or the side that is silent.

A denied request is asked again with one layer after the other taken out of the way. So a service
control policy behind a missing permission is found in the same run, not in the next one.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from workers.diagnosis.checks import Checker
from workers.diagnosis.components import (
    component_of,
    detail_of,
    resource_component,
    scope_of,
    weight_of,
)
from workers.diagnosis.lookup import bucket_of, find_role, role_of
from workers.diagnosis.model import Certainty, Check, Component
from workers.pipeline.arn import account_of
from workers.pipeline.arn import parse as parse_arn
from workers.pipeline.requirement import Part, Requirement
from workers.policy import (
    Decision,
    Document,
    Effect,
    Layer,
    Match,
    Policies,
    Policy,
    PolicyKind,
    Request,
    Unreadable,
    evaluate,
    explain,
    parse,
)
from workers.snapshot.model import State


class Side(StrEnum):
    """Where a permission has to stand."""

    IDENTITY = "identity"
    RESOURCE = "resource"


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason why a check is not allowed. Checks whose causes have the same `key` share it."""

    kind: str  # the id of its texts
    component: Component
    key: tuple[str, ...]
    certainty: Certainty
    detail: str = ""
    layer: Layer | None = None
    sides: frozenset[Side] = frozenset()
    match: Match | None = None  # the statement that denies
    policies: tuple[Policy, ...] = ()  # those that should allow and do not
    place: str = ""  # of the organisation's tree, or the name of the limiting policy
    unread: tuple[str, ...] = field(default=())


_LIMITS = (
    Layer.SCP,
    Layer.RCP,
    Layer.BOUNDARY,
    Layer.SESSION,
    Layer.VPCE,
    Layer.BLOCK_PUBLIC_ACCESS,
    Layer.OBJECT_OWNERSHIP,
)
_EVERYTHING = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}


def causes(check: Check, checker: Checker) -> tuple[Cause, ...]:
    """Every reason why the check is not allowed, those that stop it today first; () if it is."""
    if check.verdict.decision is Decision.ALLOWED:
        return ()
    if _told_as_fault(check.requirement):
        return ()
    gone = _gone(check.requirement, checker)
    if gone is not None:
        return (gone,)
    if check.verdict.decision is Decision.UNKNOWN:
        return _undecided(check, checker)
    request, policies = checker.request(check.requirement), checker.policies(check.requirement)
    denied = tuple(
        _denied(check, match)
        for match in check.verdict.matched
        if check.verdict.decision is Decision.EXPLICIT_DENY
    )
    denying = {cause.layer for cause in denied}
    limited = tuple(
        _limited(check, layer, policies)
        for layer in _LIMITS
        if layer not in denying and _stops(layer, request, policies)
    )
    missing = _missing(check, request, policies)
    return (*denied, *limited, *((missing,) if missing is not None else ()))


def allows_only(policy: Policy, kind: PolicyKind) -> Policy:
    """The document without its Deny statements, to ask what stands behind a deny."""
    if not isinstance(policy, Document) or policy.unreadable is not None:
        return policy
    if all(statement.effect is Effect.ALLOW for statement in policy.statements):
        return policy
    kept = [dict(each.raw) for each in policy.statements if each.effect is Effect.ALLOW]
    return parse({"Version": policy.version, "Statement": kept}, name=policy.name, kind=kind)


def _told_as_fault(requirement: Requirement) -> bool:
    """What crosses accounts and never can is a fault of the configuration, and told as one.

    Passing a role: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    Connections: https://docs.aws.amazon.com/dtconsole/latest/userguide/connections-share.html
    State machines have no resource-based policies:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html
    """
    action, arn = requirement.action.lower(), parse_arn(requirement.resource)
    if arn is None or account_of(requirement.principal) in ("", arn.account):
        return False
    return action == "iam:passrole" or arn.service in ("states", "codestar-connections")


# --- absent ------------------------------------------------------------------------------------


def _gone(requirement: Requirement, checker: Checker) -> Cause | None:
    """The principal or the resource that AWS says does not exist."""
    snapshot = checker.snapshot
    principal = role_of(requirement.principal)
    if principal.startswith("arn:"):
        reading = (
            snapshot.user(principal) if ":user/" in principal else find_role(snapshot, principal)
        )
        if reading.state is State.ABSENT:
            return Cause(
                "principal_absent",
                component_of(requirement),
                ("absent", principal),
                Certainty.PROVEN,
                detail="absent",
            )
    action, resource = requirement.action.lower(), requirement.resource
    absent = (
        (action.startswith("s3:") and snapshot.bucket(bucket_of(resource)).state is State.ABSENT)
        or (action.startswith("kms:") and snapshot.key(resource).state is State.ABSENT)
        or (
            action in ("sts:assumerole", "iam:passrole")
            and find_role(snapshot, resource).state is State.ABSENT
        )
    )
    if not absent:
        return None
    thing = bucket_of(resource) if action.startswith("s3:") else resource
    component = Component.TRUST if action == "iam:passrole" else resource_component(action)
    return Cause("resource_absent", component, ("absent", thing), Certainty.PROVEN, detail="absent")


# --- denied ------------------------------------------------------------------------------------


def _denied(check: Check, match: Match) -> Cause:
    kinds = {
        Layer.IDENTITY: "deny_identity",
        Layer.TRUST: "deny_trust",
        Layer.BOUNDARY: "deny_boundary",
        Layer.SESSION: "deny_session",
        Layer.SCP: "deny_scp",
        Layer.RCP: "deny_rcp",
        Layer.VPCE: "deny_vpce",
    }
    kind = kinds.get(match.layer) or {
        Component.BUCKET: "deny_bucket",
        Component.KMS: "deny_key",
    }.get(resource_component(check.requirement.action), "deny_resource")
    # An identity-based policy of one principal is another document than its namesake elsewhere.
    owner = check.requirement.principal if match.layer in _OF_PRINCIPAL else ""
    return Cause(
        kind,
        _component(match.layer, check.requirement),
        ("deny", match.layer, owner, match.policy, match.statement),
        Certainty.PROVEN,
        detail=_DETAILS.get(match.layer, ""),
        layer=match.layer,
        match=match,
    )


_OF_PRINCIPAL = frozenset({Layer.IDENTITY, Layer.BOUNDARY, Layer.SESSION})
_DETAILS = {
    Layer.BOUNDARY: "boundary",
    Layer.SESSION: "session_policy",
    Layer.VPCE: "vpc_endpoint",
    Layer.BLOCK_PUBLIC_ACCESS: "public_access",
    Layer.OBJECT_OWNERSHIP: "object_ownership",
}


def _component(layer: Layer, requirement: Requirement) -> Component:
    match layer:
        case Layer.SCP:
            return Component.SCP
        case Layer.RCP:
            return Component.RCP
        case Layer.RESOURCE | Layer.TRUST | Layer.GRANT:
            return resource_component(requirement.action)
        case Layer.BLOCK_PUBLIC_ACCESS | Layer.OBJECT_OWNERSHIP:
            return Component.BUCKET
        case _:
            return component_of(requirement)


# --- limited -----------------------------------------------------------------------------------


def _stops(layer: Layer, request: Request, policies: Policies) -> bool:
    """Whether the layer stops the request when everything else lets it pass."""
    everything = parse({"Statement": _EVERYTHING}, name="", kind=PolicyKind.RESOURCE)
    alone = Policies(
        identity=(everything,),
        resource=policies.resource if layer is Layer.BLOCK_PUBLIC_ACCESS else everything,
        service_linked=policies.service_linked,
        management_account=policies.management_account,
        resource_in_management_account=policies.resource_in_management_account,
    )
    match layer:
        case Layer.SCP:
            alone = replace(alone, scps=policies.scps)
        case Layer.RCP:
            alone = replace(alone, rcps=policies.rcps)
        case Layer.BOUNDARY:
            # A resource policy that names a user itself passes by the boundary.
            named = replace(alone, boundaries=policies.boundaries, resource=policies.resource)
            if evaluate(request, named, partial=True).decision is Decision.ALLOWED:
                return False
            alone = replace(named, resource=_delegating(request.principal))
        case Layer.SESSION:
            alone = replace(alone, session=policies.session)
        case Layer.VPCE:
            alone = replace(alone, vpce=policies.vpce)
        case Layer.BLOCK_PUBLIC_ACCESS:
            if policies.public_access_block is None:
                return False
            alone = replace(alone, public_access_block=policies.public_access_block)
            return layer in evaluate(request, alone, partial=True).blocked_by
        case Layer.OBJECT_OWNERSHIP:
            alone = replace(alone, ownership=policies.ownership)
    return evaluate(request, alone, partial=True).decision in _DENIED


_DENIED = (Decision.EXPLICIT_DENY, Decision.IMPLICIT_DENY)


def _limited(check: Check, layer: Layer, policies: Policies) -> Cause:
    kind = {
        Layer.SCP: "missing_scp",
        Layer.RCP: "missing_rcp",
        Layer.BOUNDARY: "missing_boundary",
        Layer.SESSION: "missing_session",
        Layer.VPCE: "missing_vpce",
        Layer.BLOCK_PUBLIC_ACCESS: "public_access",
        Layer.OBJECT_OWNERSHIP: "object_ownership",
    }[layer]
    place, documents = _limit(layer, check, policies)
    principal = check.requirement.principal if layer in _OF_PRINCIPAL else ""
    return Cause(
        kind,
        _component(layer, check.requirement),
        ("limit", layer, principal, place),
        Certainty.PROVEN,
        detail=_DETAILS.get(layer, ""),
        layer=layer,
        policies=documents,
        place=place,
    )


def _limit(layer: Layer, check: Check, policies: Policies) -> tuple[str, tuple[Policy, ...]]:
    if layer in (Layer.SCP, Layer.RCP):
        levels = policies.scps if layer is Layer.SCP else policies.rcps
        for level in levels:
            if not any(_has_allow(policy, check) for policy in level.policies):
                return level.target, level.policies
        return "", ()
    documents: tuple[Policy, ...] = {
        Layer.BOUNDARY: policies.boundaries or (),
        Layer.SESSION: policies.session or (),
        Layer.VPCE: policies.vpce,
    }.get(layer, ())
    if layer is Layer.OBJECT_OWNERSHIP:
        return getattr(policies.ownership, "setting", ""), ()
    return ", ".join(document.name for document in documents), documents


def _has_allow(policy: Policy, check: Check) -> bool:
    if not isinstance(policy, Document):
        return True
    request = Request(
        check.requirement.principal,
        check.requirement.action,
        check.requirement.resource,
        context=check.requirement.context,
    )
    found = evaluate(request, Policies(identity=(allows_only(policy, PolicyKind.SCP),)))
    return found.decision is Decision.ALLOWED


# --- missing -----------------------------------------------------------------------------------


def _missing(check: Check, request: Request, policies: Policies) -> Cause | None:
    """The sides that grant nothing, with limits and denies out of the way; None if they do."""
    bare = _grants_of(policies, request)
    if evaluate(request, bare, partial=True).decision not in _DENIED:
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


def _grants_of(policies: Policies, request: Request) -> Policies:
    kind = _resource_kind(request.action)
    return Policies(
        identity=tuple(allows_only(each, PolicyKind.IDENTITY) for each in policies.identity),
        resource=None if policies.resource is None else allows_only(policies.resource, kind),
        grants=policies.grants,
        service_linked=policies.service_linked,
    )


def _silent_sides(request: Request, bare: Policies) -> frozenset[Side]:
    everything = parse({"Statement": _EVERYTHING}, name="", kind=PolicyKind.IDENTITY)
    if (
        evaluate(request, replace(bare, identity=(everything,)), partial=True).decision
        not in _DENIED
    ):
        return frozenset({Side.IDENTITY})
    named = parse(
        {"Statement": _EVERYTHING | {"Principal": _as_principal(request.principal)}},
        name="",
        kind=PolicyKind.RESOURCE,
    )
    if evaluate(request, replace(bare, resource=named), partial=True).decision not in _DENIED:
        return frozenset({Side.RESOURCE})
    return frozenset({Side.IDENTITY, Side.RESOURCE})


def _as_principal(principal: str) -> dict[str, str]:
    kind = "AWS" if principal.startswith("arn:") or principal.isdigit() else "Service"
    return {kind: principal}


def _resource_kind(action: str) -> PolicyKind:
    return {
        Component.BUCKET: PolicyKind.BUCKET,
        Component.KMS: PolicyKind.KEY,
        Component.TRUST: PolicyKind.TRUST,
    }.get(resource_component(action), PolicyKind.RESOURCE)


# --- undecided ---------------------------------------------------------------------------------


def _undecided(check: Check, checker: Checker) -> tuple[Cause, ...]:
    """An unknown check is worth a finding where what *was* read grants nothing.

    Where the identity side grants and only other documents are unread, there is nothing to point
    at: the report lists the documents, not a finding.
    """
    request, policies = checker.request(check.requirement), checker.policies(check.requirement)
    requirement = check.requirement
    if isinstance(policies.grants, Unreadable) and (
        silent := _missing(check, request, replace(policies, grants=()))
    ):
        # Key policy and identity side are known and silent; only a grant could make up for it.
        return (replace(silent, certainty=Certainty.LIKELY, unread=(policies.grants.name,)),)
    unread = tuple(each.name for each in check.verdict.depends_on if each.kind == "document")
    keys = tuple(each.name for each in check.verdict.depends_on if each.kind == "context")
    if not unread and (open_statement := uncertain(check, checker)) is not None:
        return (_conditional(requirement, open_statement, keys),)
    if requirement.part is Part.SERVICE or any(_unknown(each) for each in policies.identity):
        return ()
    bare = _grants_of(policies, request)
    generous = replace(bare, resource=_delegating(request.principal), grants=())
    alone = evaluate(request, generous, partial=True).decision
    if alone is Decision.ALLOWED:
        return ()
    return (
        Cause(
            "undecided" if unread else "undecided_condition",
            component_of(requirement),
            (
                "undecided",
                role_of(requirement.principal),
                scope_of(requirement),
                weight_of(requirement),
            ),
            Certainty.UNKNOWN,
            detail=detail_of(requirement),
            sides=frozenset({Side.IDENTITY}),
            policies=policies.identity,
            unread=unread or keys,
        ),
    )


def uncertain(
    check: Check,
    checker: Checker,
    layers: tuple[Layer, ...] = tuple(Layer),
    effect: Effect | None = None,
) -> Match | None:
    """The statement that applies or not by what nobody knows of the request; a deny first."""
    explanation = explain(
        checker.request(check.requirement), checker.policies(check.requirement), partial=True
    )
    found = [
        Match(layer.layer, miss.cause)
        for layer in explanation.layers
        if layer.layer in layers
        for miss in layer.near_misses
        if all(failure.unknown for failure in miss.failures) and effect in (None, miss.cause.effect)
    ]
    found.sort(key=lambda match: match.effect is not Effect.DENY)
    return found[0] if found else None


def _conditional(requirement: Requirement, match: Match, keys: tuple[str, ...]) -> Cause:
    return Cause(
        "undecided_condition",
        _component(match.layer, requirement),
        ("condition", match.layer, match.policy, match.statement, role_of(requirement.principal)),
        Certainty.UNKNOWN,
        detail="condition",
        layer=match.layer,
        match=match,
        unread=keys,
    )


def denied_by(check: Check, match: Match) -> Cause:
    """The cause of a check that a statement denies, as the documents or AWS's own words say."""
    return _denied(check, match)


def _delegating(principal: str) -> Document:
    """A resource-based policy that leaves the decision to the account of the principal."""
    named = {"Principal": _as_principal(account_of(principal) or principal)}
    return parse({"Statement": _EVERYTHING | named}, name="", kind=PolicyKind.RESOURCE)


def _unknown(policy: Policy) -> bool:
    return policy.unreadable is not None
