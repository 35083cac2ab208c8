"""Messages that name no request, or not all of one: what of the failed action they hint at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

from workers.diagnosis.asking import READ_CODE, STACK_CODE
from workers.diagnosis.causes import causes
from workers.diagnosis.checks import Checker
from workers.diagnosis.components import (
    component_of,
    detail_of,
    resource_component,
    scope_of,
)
from workers.diagnosis.drafts import Draft, gather
from workers.diagnosis.failures import UNREAD, Failure
from workers.diagnosis.lookup import bucket_of
from workers.diagnosis.matching import (
    NO_POLICY,
    POINTED,
    STOP_RUN,
    same_principal,
    service_fit,
    service_of,
)
from workers.diagnosis.model import Certainty, Check, Component
from workers.pipeline.requirement import Part, Requirement, Strength
from workers.policy import Decision
from workers.snapshot.model import State

HANDSHAKE = "(handshake)"
_NO_BRANCH = "source_branch_not_found"
_CONNECTION_PROVIDER = "CodeStarSourceConnection"
# CodePipeline's messages tell these two apart no better than "the service role or action role".
_EXECUTING = frozenset({"service_role", "action_role"})


def by_message(
    kind: str,
    component: Component,
    failure: Failure,
    check: Check,
    *,
    certainty: Certainty = Certainty.LIKELY,
    detail: str = "",
    retry: bool = False,
) -> Draft:
    """A draft of the check that a message means, of the message's own kind."""
    need = check.requirement
    return Draft(
        key=(kind, need.principal, scope_of(need), need.action if retry else ""),
        kind=kind,
        component=component,
        certainty=certainty,
        detail=detail or ("propagation" if retry else detail_of(need)),
        requirement=need,
        checks=(),
        matched=(failure,),
        score=100,
        documentation=need.documentation,
        retry=retry,
    )


def of_hint(failure: Failure, checks: Sequence[Check], checker: Checker) -> Draft | None:
    """A failure that names no request: the checks of its action say whether it has passed."""
    denial = failure.denial
    assert denial is not None
    mine = _checks_at(failure, checks)
    if denial.kind in _TOLD_APART:
        lead = mine[0] if mine else None
        return _bare(denial.kind, Component(denial.points_at[0]), failure, lead, checker)
    if denial.kind in NO_POLICY:
        return _bare("message_config", Component(denial.points_at[0]), failure, None, checker)
    if denial.connection or "connection" in denial.points_at[:1]:
        return (
            outside_aws(failure, checks, checker)
            or _of_use(failure, mine, checker)
            or _of_connection(failure, mine, checker)
        )
    if denial.points_at[:1] == ("config",):
        lead = mine[0] if mine else None
        return _bare("message_config", Component.CONFIG, failure, lead, checker)
    about = [check for check in mine if _may_mean(failure, check)]
    if denial.principal and not denial.action and all(map(_allowed, about)):
        # Whom AWS refused is known, and not what; to suspect what it merely lists were a guess.
        lead = about[0] if about else None
        component = component_of(lead.requirement) if lead else Component.CONFIG
        return _bare("message_cut", component, failure, None, checker)
    if denial.encoded_message and not denial.action and all(map(_allowed, about)):
        return _bare("message_encoded", Component.CONFIG, failure, None, checker)
    if not about:
        # Whom the message means is not known: its project or its function was not read.
        component = Component(denial.points_at[0]) if denial.points_at else Component.CONFIG
        return _bare("message_unnamed", component, failure, None, checker)
    if owned := _of_ownership(failure, about, checker):
        return owned
    needed = [check for check in about if not _allowed(check)]
    # Access that AWS merely lists is suspected before everything is said to be allowed.
    listed = [check for check in about if check.verdict.decision is not Decision.ALLOWED]
    if denial.kind != UNREAD and not listed and all(_allowed(check) for check in mine):
        lead = about[0]
        return by_message("retry_access", component_of(lead.requirement), failure, lead, retry=True)
    lead = max(needed or listed or about, key=lambda check: _likeness(check, failure))
    for draft in gather((lead, cause) for cause in causes(lead, checker) if not needed):
        return replace(draft, certainty=Certainty.LIKELY, matched=(failure,), score=POINTED)
    draft = by_message(
        "message_access",
        component_of(lead.requirement),
        failure,
        lead,
        certainty=Certainty.UNKNOWN,
    )
    return replace(draft, score=0)


_UNTOLD = frozenset({"message_cut", "message_encoded", "message_unnamed"})
"""Kinds of drafts from messages that leave out what would tell the cause."""
_TOLD_APART = frozenset({"codedeploy_role", "eks_access_entry"})
"""Kinds of messages about what is outside the catalogue, which have texts of their own."""


def _may_mean(failure: Failure, check: Check) -> bool:
    """Whether a message can mean a check: its service, and whom or what it points at."""
    denial, need = failure.denial, check.requirement
    assert denial is not None
    if service_fit(failure, need.action) < 0 or need.purpose == STOP_RUN:
        return False
    if denial.principal and not same_principal(denial.principal, need.principal):
        return False
    parties = {str(component_of(need)), str(resource_component(need.action))}
    if not parties.isdisjoint(_EXECUTING):
        parties |= _EXECUTING
    return not denial.points_at or not parties.isdisjoint(denial.points_at)


def _of_ownership(failure: Failure, checks: Sequence[Check], checker: Checker) -> Draft | None:
    """S3 refuses though policies allow, and the bucket leaves its objects to whoever wrote them.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
    """
    denial = failure.denial
    assert denial is not None
    if service_of(denial.service) != "s3" or "bucket" not in denial.points_at:
        return None
    reads = [
        check
        for check in checks
        if check.requirement.action.lower() == "s3:getobject"
        and check.verdict.decision in (Decision.ALLOWED, Decision.UNKNOWN)
    ]
    # What a stack's role reads besides the template is what another account may have written.
    reads.sort(key=lambda check: check.requirement.part is not Part.CLOUDFORMATION_ROLE)
    for check in reads:
        bucket = checker.snapshot.bucket(bucket_of(check.requirement.resource)).value
        if bucket is not None and bucket.ownership.value == "ObjectWriter":
            draft = by_message(
                "object_ownership",
                Component.BUCKET,
                failure,
                check,
                detail="object_ownership",
            )
            return replace(draft, values=MappingProxyType({"policy": "ObjectWriter"}))
    return None


def _allowed(check: Check) -> bool:
    """What AWS merely lists counts as allowed: pipelines run every day without it."""
    needed = check.requirement.strength is not Strength.DOCUMENTED
    return not needed or check.verdict.decision is Decision.ALLOWED


def _likeness(check: Check, failure: Failure) -> int:
    """How well a check fits a message that names no request."""
    denial, need = failure.denial, check.requirement
    assert denial is not None
    service = need.action.lower().partition(":")[0]
    fits_action = denial.action.lower() == need.action.lower()
    fits_service = service in denial.service.lower() or (
        "s3" in denial.service.lower() and service == "kms"
    )
    points_here = str(component_of(need)) in denial.points_at
    # What a stack's role reads besides the template is what people forget.
    reads_code = need.purpose == READ_CODE
    surely = denial.kind == STACK_CODE and reads_code
    return 8 * surely + 4 * fits_action + 2 * (fits_service + reads_code) + points_here


def _checks_at(failure: Failure, checks: Sequence[Check]) -> list[Check]:
    if not failure.stage:
        return list(checks)
    place = (failure.stage, failure.action)
    return [
        check
        for check in checks
        if (check.requirement.stage, check.requirement.pipeline_action) == place
    ]


def _of_use(failure: Failure, checks: Sequence[Check], checker: Checker) -> Draft | None:
    """A message that says whose role may not use a connection; None where all known roles may."""
    denial = failure.denial
    assert denial is not None
    if not denial.action or denial.points_at[:1] in ((), ("connection",)):
        return None
    uses = [each for each in checks if _uses_connection(each)]
    if not uses:
        return _bare("message_unnamed", Component(denial.points_at[0]), failure, None, checker)
    closed = [each for each in uses if not _allowed(each)]
    if not closed:
        return None
    component = component_of(closed[0].requirement)
    return by_message("message_access", component, failure, closed[0])


def _of_connection(failure: Failure, checks: Sequence[Check], checker: Checker) -> Draft:
    uses = [each for each in checks if _uses_connection(each)]
    lead = uses[0] if uses else None
    return _bare("message_connection", Component.CONNECTION, failure, lead, checker)


def _uses_connection(check: Check) -> bool:
    return "connections:useconnection" in check.requirement.action.lower()


def _bare(
    kind: str, component: Component, failure: Failure, check: Check | None, checker: Checker
) -> Draft:
    """What a message says by itself, of whoever the check is about if there is one."""
    denial = failure.denial
    assert denial is not None
    lead = check.requirement if check is not None else None
    named = denial.resource or denial.connection or _objects(denial.bucket, checker)
    named = named or denial.repository
    requirement = Requirement(
        principal=failure.principal or ("" if lead is None else lead.principal),
        part=Part.SERVICE_ROLE if lead is None else lead.part,
        action=HANDSHAKE if component is Component.CONNECTION else denial.action,
        resource=named or ("" if lead is None else lead.shown),
        stage=failure.stage,
        pipeline_action=failure.action,
    )
    return Draft(
        key=(kind, str(component), requirement.principal, requirement.resource),
        kind=kind,
        component=component,
        certainty=Certainty.UNKNOWN if kind in _UNTOLD else Certainty.LIKELY,
        requirement=requirement,
        matched=(failure,),
        score=60,
        values=MappingProxyType({"text": denial.text[:200], "service": denial.service}),
    )


def _objects(bucket: str, checker: Checker) -> str:
    pipeline = checker.snapshot.pipeline.value
    partition = pipeline.partition if pipeline is not None else "aws"
    return f"arn:{partition}:s3:::{bucket}/*" if bucket else ""


def outside_aws(failure: Failure, checks: Sequence[Check], checker: Checker) -> Draft | None:
    """A source action that fails though AWS allows everything: the provider's side decides."""
    mine = [
        check
        for check in _checks_at(failure, checks)
        if check.requirement.provider == _CONNECTION_PROVIDER
    ]
    if not failure.stage or not mine:
        return None
    if not all(_allowed(check) for check in mine):
        return None
    uses = [each for each in mine if _uses_connection(each)]
    if not uses:
        return None
    connection = checker.snapshot.connection(uses[0].requirement.resource)
    if connection.state is not State.PRESENT or connection.require().status.value != "AVAILABLE":
        return None
    missed = failure.denial is not None and failure.denial.kind == _NO_BRANCH
    kind = "scm_branch" if missed else "scm"
    draft = by_message(kind, Component.CONNECTION, failure, uses[0], detail="app_installation")
    return replace(draft, requirement=replace(uses[0].requirement, action=HANDSHAKE))
