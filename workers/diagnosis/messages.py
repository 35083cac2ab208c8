"""Failures that no denied check explains: what the message itself proves, or that it has passed.

A text says that access was denied then; the documents say what holds now. Where the layer that
the text names was read and allows now, the denial has passed and no policy is proposed
(https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_general.html#troubleshoot_general_eventual-consistency).
Where it was not read, the finding says what the text says and no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import MappingProxyType

from workers.diagnosis.asking import READ_CODE, STACK_CODE, names
from workers.diagnosis.causes import allows_only, denied_by, uncertain
from workers.diagnosis.checks import Checker
from workers.diagnosis.components import component_of, detail_of, resource_component, scope_of
from workers.diagnosis.drafts import Draft, gather
from workers.diagnosis.failures import UNREAD, Failure, Source
from workers.diagnosis.lookup import bucket_of
from workers.diagnosis.matching import EXACT, NO_POLICY, join, service_fit, service_of
from workers.diagnosis.model import Certainty, Check, Component
from workers.pipeline.arn import account_of
from workers.pipeline.requirement import Part, Requirement, Strength
from workers.policy import Decision, Effect, Layer, Policies, PolicyKind, evaluate
from workers.snapshot.model import State

HANDSHAKE = "(handshake)"
_CONNECTION_PROVIDER = "CodeStarSourceConnection"
_LAYER_COMPONENTS = {
    "scp": Component.SCP,
    "rcp": Component.RCP,
    "trust": Component.TRUST,
    "vpce": Component.CONFIG,
}


def explained(
    unexplained: Iterable[Failure], checks: Sequence[Check], checker: Checker
) -> tuple[Draft, ...]:
    """A draft for each failure that no draft explains; none where it is no question of access."""
    kept = tuple(unexplained)
    named = [each for each in kept if _names_request(each)]
    found = _drafts(named, checks, checker)
    # What names no request may be the echo of what another message names.
    rest = [each for each in kept if not _names_request(each)]
    joined, rest_of_rest = join(found.values(), rest)
    found = {draft.key: draft for draft in joined}
    for key, draft in _drafts(rest_of_rest, checks, checker).items():
        found.setdefault(key, draft)
    return tuple(found.values())


def _names_request(failure: Failure) -> bool:
    denial = failure.denial
    return denial is not None and bool(denial.principal and denial.action)


def _drafts(
    failures: Iterable[Failure], checks: Sequence[Check], checker: Checker
) -> dict[tuple[str, ...], Draft]:
    found: dict[tuple[str, ...], Draft] = {}
    for failure in failures:
        draft = _explained(failure, checks, checker)
        if draft is not None:
            known = found.get(draft.key)
            found[draft.key] = (
                draft if known is None else replace(known, matched=(*known.matched, failure))
            )
    return found


def _explained(failure: Failure, checks: Sequence[Check], checker: Checker) -> Draft | None:
    if failure.denial is None:
        return _outside_aws(failure, checks, checker)
    named = [check for check in checks if names(failure, check.requirement)]
    if named:
        return _of_request(failure, named[0], checker)
    if failure.source is Source.TRAIL:
        return None
    return _of_hint(failure, checks, checker)


def _of_request(failure: Failure, check: Check, checker: Checker) -> Draft | None:
    """A failure that names principal and action, against what the documents say of them now."""
    if _allows_now(failure, check, checker):
        if failure.source is Source.TRAIL:
            return None  # an old event of a cured denial needs nobody's attention
        return _draft("retry", component_of(check.requirement), failure, check, retry=True)
    return _of_deny(failure, check, checker) or _of_message(failure, check)


_DENYING = {
    "identity": (Layer.IDENTITY,),
    "resource": (Layer.RESOURCE, Layer.TRUST),
    "trust": (Layer.TRUST,),
    "boundary": (Layer.BOUNDARY,),
    "scp": (Layer.SCP,),
    "rcp": (Layer.RCP,),
    "vpce": (Layer.VPCE,),
}


def _of_deny(failure: Failure, check: Check, checker: Checker) -> Draft | None:
    """The statement that the message means: it denies by a key of which only AWS knew the value."""
    denial = failure.denial
    assert denial is not None
    if denial.effect != "explicitDeny" or check.verdict.decision is not Decision.UNKNOWN:
        return None
    match = uncertain(check, checker, _DENYING.get(denial.layer or "", ()), Effect.DENY)
    if match is None:
        return None
    (draft,) = gather([(check, denied_by(check, match))])
    return replace(draft, matched=(failure,), score=EXACT)


def _allows_now(failure: Failure, check: Check, checker: Checker) -> bool:
    """Whether the layer that denied, or where none is named every layer, was read and allows."""
    if check.verdict.decision is Decision.ALLOWED:
        return True
    layer = failure.denial.layer if failure.denial is not None else None
    if layer is None or check.verdict.decision is not Decision.UNKNOWN:
        return False
    if check.requirement.unresolved:
        return False
    request, policies = checker.request(check.requirement), checker.policies(check.requirement)
    if layer == "identity":
        documents = policies.identity
        if not documents or any(each.unreadable is not None for each in documents):
            return False
        alone = Policies(identity=documents)
        same_account = replace(request, resource_account=account_of(request.principal))
        return evaluate(same_account, alone, partial=True).decision is Decision.ALLOWED
    if layer == "boundary" and policies.boundaries:
        if any(each.unreadable is not None for each in policies.boundaries):
            return False
        alone = Policies(identity=policies.boundaries)
        same_account = replace(request, resource_account=account_of(request.principal))
        return evaluate(same_account, alone, partial=True).decision is Decision.ALLOWED
    if layer in ("resource", "trust") and policies.resource is not None:
        if policies.resource.unreadable is not None:
            return False
        bare = Policies(
            identity=tuple(allows_only(each, PolicyKind.IDENTITY) for each in policies.identity),
            resource=policies.resource,
        )
        return evaluate(request, bare, partial=True).decision is Decision.ALLOWED
    return False


def _of_message(failure: Failure, check: Check) -> Draft:
    """What the message says by itself, the layer it names first."""
    denial = failure.denial
    assert denial is not None
    need = check.requirement
    explicit = denial.effect == "explicitDeny"
    kind = {
        "scp": "message_scp",
        "rcp": "message_rcp",
        "boundary": "message_boundary",
        "trust": "message_trust",
    }.get(denial.layer or "")
    if kind is None:
        if denial.layer is None:
            kind = "message_trust" if need.action.lower() == "sts:assumerole" else "message_access"
        elif explicit:
            kind = "message_deny"
        else:
            kind = "message_identity" if denial.layer == "identity" else "message_missing"
    component = _LAYER_COMPONENTS.get(denial.layer or "")
    if component is None:
        in_resource = denial.layer == "resource" or (
            denial.layer is None and need.action.lower() == "sts:assumerole"
        )
        component = resource_component(need.action) if in_resource else component_of(need)
    detail = {"boundary": "boundary", "session": "session_policy", "vpce": "vpc_endpoint"}.get(
        denial.layer or "", ""
    )
    certainty = Certainty.LIKELY if denial.layer is not None else Certainty.UNKNOWN
    return _draft(kind, component, failure, check, certainty=certainty, detail=detail)


def _draft(
    kind: str,
    component: Component,
    failure: Failure,
    check: Check,
    *,
    certainty: Certainty = Certainty.LIKELY,
    detail: str = "",
    retry: bool = False,
) -> Draft:
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


def _of_hint(failure: Failure, checks: Sequence[Check], checker: Checker) -> Draft | None:
    """A failure that names no request: the checks of its action say whether it has passed."""
    denial = failure.denial
    assert denial is not None
    mine = _checks_at(failure, checks)
    if denial.kind in NO_POLICY:
        return _bare("message_config", Component(denial.points_at[0]), failure, None, checker)
    if denial.connection or "connection" in denial.points_at[:1]:
        return (
            _outside_aws(failure, checks, checker)
            or _of_use(failure, mine, checker)
            or _of_connection(failure, mine, checker)
        )
    if denial.points_at[:1] == ("config",):
        lead = mine[0] if mine else None
        return _bare("message_config", Component.CONFIG, failure, lead, checker)
    about = [check for check in mine if service_fit(failure, check.requirement.action) >= 0]
    if not about:
        # Whom the message means is not known: its project or its function was not read.
        component = Component(denial.points_at[0]) if denial.points_at else Component.CONFIG
        return _bare("message_unnamed", component, failure, None, checker)
    if owned := _of_ownership(failure, about, checker):
        return owned
    if denial.kind != UNREAD and all(_allowed(check) for check in mine):
        lead = about[0]
        return _draft("retry_access", component_of(lead.requirement), failure, lead, retry=True)
    undecided = [check for check in about if not _allowed(check)] or about
    lead = max(undecided, key=lambda check: _likeness(check, failure))
    draft = _draft(
        "message_access",
        component_of(lead.requirement),
        failure,
        lead,
        certainty=Certainty.UNKNOWN,
    )
    return replace(draft, score=0)


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
            draft = _draft(
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
    reads_code = denial.kind == STACK_CODE and need.purpose == READ_CODE
    return 8 * reads_code + 4 * fits_action + 2 * fits_service + points_here


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
    return _draft("message_access", component, failure, closed[0])


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
        certainty=Certainty.UNKNOWN if kind == "message_unnamed" else Certainty.LIKELY,
        requirement=requirement,
        matched=(failure,),
        score=60,
        values=MappingProxyType({"text": denial.text[:200]}),
    )


def _objects(bucket: str, checker: Checker) -> str:
    pipeline = checker.snapshot.pipeline.value
    partition = pipeline.partition if pipeline is not None else "aws"
    return f"arn:{partition}:s3:::{bucket}/*" if bucket else ""


def _outside_aws(failure: Failure, checks: Sequence[Check], checker: Checker) -> Draft | None:
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
    draft = _draft("scm", Component.CONNECTION, failure, uses[0], detail="app_installation")
    return replace(draft, requirement=replace(uses[0].requirement, action=HANDSHAKE))
