"""Whose document it is: the component of a finding, and what findings have in common."""

from __future__ import annotations

from workers.diagnosis.lookup import bucket_of
from workers.diagnosis.model import Component
from workers.pipeline.requirement import Part, Requirement, Strength

_PARTS = {
    Part.SERVICE_ROLE: Component.SERVICE_ROLE,
    Part.BUILD_ROLE: Component.BUILD_ROLE,
    Part.USER: Component.USER,
}


def component_of(requirement: Requirement) -> Component:
    """The component that holds the permissions of the requirement's principal."""
    if requirement.part is Part.SERVICE:
        return resource_component(requirement.action)
    return _PARTS.get(requirement.part, Component.ACTION_ROLE)


def resource_component(action: str) -> Component:
    """The component that holds the policy of what the action is done to."""
    lower = action.lower()
    if lower.startswith("s3:"):
        return Component.BUCKET
    if lower.startswith("kms:"):
        return Component.KMS
    if lower.startswith("sts:"):
        return Component.TRUST
    return Component.CONFIG


def scope_of(requirement: Requirement) -> str:
    """What a group of missing permissions has in common: a bucket, a key, a role, a service.

    Of a person it is the task: what they cannot do is one finding per task.
    """
    if requirement.part is Part.USER and requirement.purpose:
        return requirement.purpose
    service = requirement.action.lower().partition(":")[0]
    if service == "s3":
        return bucket_of(requirement.resource)
    if service in ("kms", "sts"):
        return requirement.resource
    # Two names of one service, whose permissions are proposed together.
    return "connections" if service in ("codeconnections", "codestar-connections") else service


def weight_of(requirement: Requirement) -> str:
    """What AWS merely lists is told apart: it blocks nothing unless a failure points at it."""
    return "documented" if requirement.strength is Strength.DOCUMENTED else ""


def detail_of(requirement: Requirement) -> str:
    """Narrows *action role* to the kind of role; empty where the component says it all."""
    if requirement.part in _PARTS or requirement.part in (Part.ACTION_ROLE, Part.SERVICE):
        return ""
    return str(requirement.part)
