"""Why a check is denied, or not decided: the statement that denies, or the side that is silent.

A denied request is asked again with one layer after the other taken out of the way. So a service
control policy behind a missing permission is found in the same run, not in the next one.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
"""

from __future__ import annotations

from workers.diagnosis.cause import Cause, denied_by
from workers.diagnosis.checks import Checker
from workers.diagnosis.components import component_of, resource_component
from workers.diagnosis.grants import missing
from workers.diagnosis.limits import limits
from workers.diagnosis.lookup import bucket_of, find_role, role_of
from workers.diagnosis.model import Certainty, Check, Component
from workers.diagnosis.undecided import undecided
from workers.pipeline.arn import account_of
from workers.pipeline.arn import parse as parse_arn
from workers.pipeline.requirement import Requirement
from workers.policy import Decision
from workers.snapshot.model import State


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
        return undecided(check, checker)
    denied = tuple(
        denied_by(check, match)
        for match in check.verdict.matched
        if check.verdict.decision is Decision.EXPLICIT_DENY
    )
    silent = missing(check, checker.request(check.requirement), checker.policies(check.requirement))
    return (
        *denied,
        *limits(check, checker, {cause.layer for cause in denied}),
        *((silent,) if silent is not None else ()),
    )


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
