"""What limits a request whatever else allows it, each layer asked as if it were alone.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from workers.diagnosis.cause import DETAILS, OF_PRINCIPAL, Cause, layer_component
from workers.diagnosis.checks import Checker
from workers.diagnosis.grants import DENIED, allows_only, delegating, everything_for
from workers.diagnosis.model import Certainty, Check
from workers.policy import (
    Decision,
    Document,
    Layer,
    Policies,
    Policy,
    PolicyKind,
    Request,
    evaluate,
)

_LIMITS = (
    Layer.SCP,
    Layer.RCP,
    Layer.BOUNDARY,
    Layer.SESSION,
    Layer.VPCE,
    Layer.BLOCK_PUBLIC_ACCESS,
    Layer.OBJECT_OWNERSHIP,
)


def limits(check: Check, checker: Checker, besides: Collection[Layer | None]) -> Iterator[Cause]:
    """A cause for each layer, other than `besides`, that stops the request by itself."""
    request, policies = checker.request(check.requirement), checker.policies(check.requirement)
    for layer in _LIMITS:
        if layer not in besides and _stops(layer, request, policies):
            yield _limited(check, layer, policies)


def _stops(layer: Layer, request: Request, policies: Policies) -> bool:
    """Whether the layer stops the request when everything else lets it pass."""
    generous = everything_for("*")
    alone = Policies(
        identity=(generous,),
        resource=policies.resource if layer is Layer.BLOCK_PUBLIC_ACCESS else generous,
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
            alone = replace(named, resource=delegating(request.principal))
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
    return evaluate(request, alone, partial=True).decision in DENIED


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
    principal = check.requirement.principal if layer in OF_PRINCIPAL else ""
    return Cause(
        kind,
        layer_component(layer, check.requirement),
        ("limit", layer, principal, place),
        Certainty.PROVEN,
        detail=DETAILS.get(layer, ""),
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
