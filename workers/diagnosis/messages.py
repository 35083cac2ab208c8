"""Failures that no denied check explains: what the message itself proves, or that it has passed.

A text says that access was denied then; the documents say what holds now. Where the layer that
the text names was read and allows now, the denial has passed and no policy is proposed
(https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_general.html#troubleshoot_general_eventual-consistency).
Where it was not read, the finding says what the text says and no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from workers.diagnosis.asking import names
from workers.diagnosis.cause import denied_by
from workers.diagnosis.checks import Checker
from workers.diagnosis.components import component_of, resource_component
from workers.diagnosis.drafts import Draft, gather
from workers.diagnosis.failures import Failure, Source
from workers.diagnosis.grants import allows_only
from workers.diagnosis.hints import by_message, of_hint, outside_aws
from workers.diagnosis.matching import EXACT, join
from workers.diagnosis.model import Certainty, Check, Component
from workers.diagnosis.undecided import uncertain
from workers.pipeline.arn import account_of
from workers.policy import Decision, Effect, Layer, Policies, PolicyKind, evaluate

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
        return outside_aws(failure, checks, checker)
    named = [check for check in checks if names(failure, check.requirement)]
    if named:
        return _of_request(failure, named[0], checker)
    if failure.source is Source.TRAIL:
        return None
    return of_hint(failure, checks, checker)


def _of_request(failure: Failure, check: Check, checker: Checker) -> Draft | None:
    """A failure that names principal and action, against what the documents say of them now."""
    if _allows_now(failure, check, checker):
        if failure.source is Source.TRAIL:
            return None  # an old event of a cured denial needs nobody's attention
        return by_message("retry", component_of(check.requirement), failure, check, retry=True)
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
    layer = failure.denial.layer if failure.denial is not None else None
    if layer == "scp" and not checker.policies(check.requirement).scps:
        return False  # AWS names a policy of an organisation, and none was read
    if check.verdict.decision is Decision.ALLOWED:
        return True
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
    return by_message(kind, component, failure, check, certainty=certainty, detail=detail)
