"""What would be enough: the smallest statements that turn a denied request into an allowed one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from workers.policy.documents import Document, Unreadable, parse, raw_statements
from workers.policy.evaluation import decide, evaluate, weigh
from workers.policy.layers import Decision, Layer, PolicyKind
from workers.policy.policies import Level, Policies, Policy
from workers.policy.principals import Principal, PrincipalType
from workers.policy.requests import Facts, Request
from workers.policy.verdicts import Match
from workers.policy.weighing import Weighing, either


@dataclass(frozen=True, slots=True)
class Addition:
    """One Allow statement and where it has to go.

    ``target`` is the level of the organisation for an SCP, the policy's name for a boundary or a
    resource-based policy, otherwise empty: any policy of the layer will do.
    """

    layer: Layer
    target: str
    statement: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Remedy:
    """What would be enough.

    ``additions`` are needed all together. Where there are none and ``obstacle`` is set, nothing
    can be granted: the text says what stands in the way, and ``denied_by`` which statements.
    ``after`` is the decision with the additions in place; it can be *unknown* where something
    unread is left.
    """

    additions: tuple[Addition, ...] = ()
    obstacle: str | None = None
    denied_by: tuple[Match, ...] = ()
    after: Decision = Decision.ALLOWED
    policies: Policies = field(default_factory=Policies, repr=False, compare=False)
    """The policies with the additions in place."""


PROPOSED = "proposed"
"""Name of the policy that additions to a list of policies go into."""


def enough(request: Request, policies: Policies, *, partial: bool = False) -> Remedy:
    """What to add, and where, so that the request is allowed; verified by evaluating again.

    The statements name the requester, the action and the resource of the request and nothing
    else. A resource with wildcards is taken for a pattern that is asked for as a whole.
    """
    verdict = evaluate(request, policies, partial=partial)
    if verdict.decision is Decision.ALLOWED:
        return Remedy(policies=policies)
    if verdict.decision is Decision.EXPLICIT_DENY:
        named = ", ".join(f"{m.statement} of {m.policy} ({m.layer.value})" for m in verdict.matched)
        obstacle = f"Nothing can be granted, because an explicit deny wins: {named}."
        return Remedy((), obstacle, verdict.matched, verdict.decision, policies)
    facts = Facts(request, partial=partial, bounded=bool(policies.boundaries))
    weighing, _ = weigh(request, facts, policies)
    stopped_by = _obstacle(weighing)
    if stopped_by is not None:
        return Remedy((), stopped_by, (), verdict.decision, policies)
    additions = tuple(_additions(request, facts, policies, weighing))
    additions = _needed(request, policies, additions, partial=partial)
    changed = with_additions(request, policies, additions)
    after = decide(request, changed, partial=partial)
    return Remedy(additions, None, (), after, changed)


def _obstacle(weighing: Weighing) -> str | None:
    if weighing.root_assumes:
        return "Nothing can be granted, because the root user cannot assume roles."
    if weighing.public_access is False:
        return (
            "Nothing can be granted, because S3 Block Public Access stops the request: "
            "make the bucket policy non-public, or set no public ACL."
        )
    if weighing.ownership is False:
        return (
            "Nothing can be granted by a policy, because of the bucket's Object Ownership: either "
            "the request sets an ACL where ACLs are disabled, or the object belongs to another "
            "account."
        )
    return None


def _needed(
    request: Request, policies: Policies, additions: tuple[Addition, ...], *, partial: bool
) -> tuple[Addition, ...]:
    """Leave out what is not needed: a key policy that names a user passes its boundary by."""
    for addition in additions:
        rest = tuple(other for other in additions if other is not addition)
        without = with_additions(request, policies, rest)
        if decide(request, without, partial=partial) is Decision.ALLOWED:
            additions = rest
    return additions


def _additions(
    request: Request, facts: Facts, policies: Policies, weighing: Weighing
) -> Iterator[Addition]:
    if weighing.granted is False:
        yield from _granting(request, facts, policies, weighing)
    if weighing.scp is False:
        for level in policies.scps:
            if _allows(level.policies, facts) is False:
                yield Addition(Layer.SCP, level.target, _statement(request))
    if weighing.vpce is False:
        yield Addition(Layer.VPCE, "", {"Principal": "*", **_statement(request)})


def _granting(
    request: Request, facts: Facts, policies: Policies, weighing: Weighing
) -> Iterator[Addition]:
    named = either(weighing.direct, weighing.by_entity, weighing.by_account, weighing.by_grant)
    target = policies.resource.name if policies.resource is not None else ""
    by_resource = Addition(
        weighing.resource_layer, target, _resource_statement(request, facts, policies)
    )
    if not weighing.has_account:
        yield by_resource
        return
    if not weighing.same_account:
        if named is False:
            yield by_resource
        if weighing.identity is False:
            yield Addition(Layer.IDENTITY, "", _statement(request))
    elif weighing.guarded:
        if either(weighing.direct, weighing.by_entity, weighing.by_grant) is False:
            if weighing.by_account is False:
                yield by_resource
            elif weighing.identity is False:
                yield Addition(Layer.IDENTITY, "", _statement(request))
    elif weighing.identity is False and weighing.by_entity is not True:
        yield Addition(Layer.IDENTITY, "", _statement(request))
    if weighing.boundary is False:
        boundary = (policies.boundaries or ())[0]
        yield Addition(Layer.BOUNDARY, boundary.name, _statement(request))
    if weighing.session is False:
        yield Addition(Layer.SESSION, "", _statement(request))


def _allows(documents: tuple[Policy, ...], facts: Facts) -> bool | None:
    answer: bool | None = False
    for document in documents:
        if not isinstance(document, Document) or document.unreadable is not None:
            answer = answer or None
            continue
        for statement in document.allows.covering(facts.action):
            answer = either(answer, statement.applies(facts))
    return answer


def _statement(request: Request) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Action": request.action,
        "Resource": request.resource.replace("${", "${$}{"),
    }
    # Without this condition whoever has the statement can give the role to any service.
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    service = _context(request, "iam:PassedToService")
    if request.action.lower() == "iam:passrole" and service:
        statement["Condition"] = {"StringEquals": {"iam:PassedToService": service}}
    return statement


def _context(request: Request, key: str) -> str | None:
    for name, value in request.context.items():
        if name.lower() == key.lower():
            return value if isinstance(value, str) else next(iter(value), None)
    return None


def _resource_statement(request: Request, facts: Facts, policies: Policies) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": _principal_element(facts.principal, facts),
        "Action": request.action,
    }
    kind = resource_kind(request, policies)
    if kind is PolicyKind.KEY:
        statement["Resource"] = "*"
    elif kind is not PolicyKind.TRUST:
        statement["Resource"] = request.resource.replace("${", "${$}{")
    if facts.principal.type is PrincipalType.SERVICE:
        # The confused deputy: https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
        sources = {
            key: value
            for key in ("aws:SourceAccount", "aws:SourceArn")
            if (value := _context(request, key))
        }
        if sources:
            statement["Condition"] = {"StringEquals": sources}
    return statement


def resource_kind(request: Request, policies: Policies) -> PolicyKind:
    """The kind of the resource's policy: of the one that is there, or by the resource's ARN."""
    if isinstance(policies.resource, Document):
        kind = policies.resource.kind
        if kind is not PolicyKind.RESOURCE:
            return kind
    parts = request.resource.split(":", 5)
    service = parts[2] if len(parts) == 6 else ""
    if service == "iam":
        return PolicyKind.TRUST
    known = {"kms": PolicyKind.KEY, "s3": PolicyKind.BUCKET}
    return known.get(service, PolicyKind.RESOURCE)


def _principal_element(principal: Principal, facts: Facts) -> Any:
    kind = principal.type
    if kind is PrincipalType.ANONYMOUS:
        return "*"
    if kind is PrincipalType.SERVICE:
        return {"Service": principal.text}
    if kind is PrincipalType.FEDERATED:
        return {"Federated": principal.text}
    if kind is PrincipalType.CANONICAL:
        return {"CanonicalUser": principal.text}
    if kind is PrincipalType.SESSION:
        # The role, not the one session: that is what lasts.
        return {"AWS": facts.context["aws:principalarn"][0]}
    if kind is PrincipalType.ROOT:
        return {"AWS": f"arn:{principal.partition}:iam::{principal.account}:root"}
    return {"AWS": principal.text}


def with_additions(
    request: Request, policies: Policies, additions: tuple[Addition, ...]
) -> Policies:
    """The policies as they would be with the additions in place."""
    for addition in additions:
        policies = _with_addition(request, policies, addition)
    return policies


def _with_addition(request: Request, policies: Policies, addition: Addition) -> Policies:
    statement = addition.statement
    layer = addition.layer
    if layer is Layer.IDENTITY:
        added = _proposed(statement, PolicyKind.IDENTITY)
        return replace(policies, identity=(*policies.identity, added))
    if layer is Layer.SESSION:
        added = _proposed(statement, PolicyKind.SESSION)
        return replace(policies, session=(*(policies.session or ()), added))
    if layer is Layer.VPCE:
        return replace(policies, vpce=(*policies.vpce, _proposed(statement, PolicyKind.VPCE)))
    if layer is Layer.BOUNDARY:
        boundaries = tuple(
            _extended(boundary, statement) if boundary.name == addition.target else boundary
            for boundary in policies.boundaries or ()
        )
        return replace(policies, boundaries=boundaries)
    if layer is Layer.SCP:
        added = _proposed(statement, PolicyKind.SCP)
        levels = tuple(
            Level(level.target, (*level.policies, added))
            if level.target == addition.target
            else level
            for level in policies.scps
        )
        return replace(policies, scps=levels)
    if policies.resource is None:
        return replace(policies, resource=_proposed(statement, resource_kind(request, policies)))
    return replace(policies, resource=_extended(policies.resource, statement))


def _proposed(statement: Mapping[str, Any], kind: PolicyKind) -> Document:
    text = {"Version": "2012-10-17", "Statement": [dict(statement)]}
    return parse(text, name=PROPOSED, kind=kind)


def _extended(policy: Policy, statement: Mapping[str, Any]) -> Policy:
    """The policy with one more statement; an unreadable one stays what it is."""
    if isinstance(policy, Unreadable) or policy.unreadable is not None:
        return policy
    raw = {**policy.raw, "Statement": [*raw_statements(policy.raw), dict(statement)]}
    return parse(raw, name=policy.name, kind=policy.kind)
