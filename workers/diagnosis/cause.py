"""What a cause is: why one check is not allowed, and what checks with the same cause share."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from workers.diagnosis.components import component_of, resource_component
from workers.diagnosis.model import Certainty, Check, Component
from workers.pipeline.requirement import Requirement
from workers.policy import Layer, Match, Policy


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


# Layers whose documents belong to a principal: a namesake elsewhere is another document.
OF_PRINCIPAL = frozenset({Layer.IDENTITY, Layer.BOUNDARY, Layer.SESSION})
DETAILS = {
    Layer.BOUNDARY: "boundary",
    Layer.SESSION: "session_policy",
    Layer.VPCE: "vpc_endpoint",
    Layer.BLOCK_PUBLIC_ACCESS: "public_access",
    Layer.OBJECT_OWNERSHIP: "object_ownership",
}


def denied_by(check: Check, match: Match) -> Cause:
    """The cause of a check that a statement denies, as the documents or AWS's own words say."""
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
    owner = check.requirement.principal if match.layer in OF_PRINCIPAL else ""
    return Cause(
        kind,
        layer_component(match.layer, check.requirement),
        ("deny", match.layer, owner, match.policy, match.statement),
        Certainty.PROVEN,
        detail=DETAILS.get(match.layer, ""),
        layer=match.layer,
        match=match,
    )


def layer_component(layer: Layer, requirement: Requirement) -> Component:
    """Whose document it is that a layer of a request decides by."""
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
