"""What AWS said matched with the drafts: which failure means which cause, and how surely."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from workers.diagnosis.cause import Cause, Side, denied_by
from workers.diagnosis.denials import Denial
from workers.diagnosis.drafts import Draft, led_by
from workers.diagnosis.failures import Failure, Source
from workers.diagnosis.lookup import bucket_of, role_of
from workers.diagnosis.model import Certainty, Component
from workers.pipeline.requirement import Requirement, Strength
from workers.policy import Effect, Layer

EXACT = 100
"""The score of a failure that names principal, action and resource of a check."""
POINTED = 30
"""From here on a failure that names less is taken to mean the draft."""

NO_POLICY = frozenset({"key_missing", "key_unusable", "acl_not_supported"})
"""Kinds of messages that no policy explains: only a fault of the configuration does."""

STOP_RUN = "stop_run"
"""The purpose of access that an execution needs when somebody stops it: no failure comes of it."""

_WEIGHTS = {Certainty.PROVEN: 24, Certainty.LIKELY: 16, Certainty.UNKNOWN: 0}
_EXECUTING = frozenset({Component.SERVICE_ROLE, Component.ACTION_ROLE})


def join(
    drafts: Iterable[Draft], failures: Iterable[Failure]
) -> tuple[tuple[Draft, ...], tuple[Failure, ...]]:
    """The drafts with the failures that they explain, and the failures that none explains."""
    joined = list(drafts)
    unexplained: list[Failure] = []
    for failure in failures:
        scores = [_score(failure, draft) for draft in joined]
        best = max((score for score, _ in scores), default=0)
        if best < POINTED:
            number = _at_place(failure, joined)
            if number is None:
                unexplained.append(failure)
            else:
                joined[number] = _matched(joined[number], failure, POINTED, 0)
            continue
        for number, (score, index) in enumerate(scores):
            if score == best:
                joined[number] = _matched(joined[number], failure, score, index)
    return _without_echoes(joined), tuple(unexplained)


def _at_place(failure: Failure, drafts: Sequence[Draft]) -> int | None:
    """What is wrong with the very action that failed, where the message itself names nothing.

    A message that names another service is about something else.
    """
    denial = failure.denial
    if denial is None or not failure.stage or (denial.principal and denial.action):
        return None
    for number, draft in enumerate(drafts):
        if draft.certainty is Certainty.UNKNOWN or draft.documented_only:
            continue
        if denial.kind in NO_POLICY and not draft.fault:
            continue
        needs = [check.requirement for check in draft.checks] or [draft.lead]
        for need in needs:
            here = _place(need) == (failure.stage, failure.action)
            if here and (draft.fault or service_fit(failure, need.action) >= 0):
                return number
    return None


def _without_echoes(drafts: Iterable[Draft]) -> tuple[Draft, ...]:
    """One draft for what is one cause in several actions, and nothing twice.

    A fault of several actions is told where it stopped one; access that AWS merely lists is not
    told beside needed access of the same principal to the same thing that the failure explains.
    """
    kept: dict[tuple[str, ...], Draft] = {}
    for draft in drafts:
        key = draft.key
        if draft.fault and draft.lead.resource:
            key = ("fault", draft.fault, draft.lead.principal, draft.lead.resource)
        if key not in kept or draft.score > kept[key].score:
            kept[key] = draft
    matched = {draft.key[:3] for draft in kept.values() if draft.matched and _needed(draft)}
    return tuple(
        replace(draft, matched=(), score=0)
        if draft.documented_only and draft.key[:3] in matched
        else draft
        for draft in kept.values()
    )


def _needed(draft: Draft) -> bool:
    return bool(draft.checks) and not draft.documented_only


def _matched(draft: Draft, failure: Failure, score: int, index: int) -> Draft:
    led = led_by(draft, index) if draft.checks and score > draft.score else draft
    if score >= EXACT:
        led = _denying(led, failure)
    return replace(
        led,
        matched=(*draft.matched, failure),
        score=max(score, draft.score),
        certainty=_raised(led, failure, score),
    )


def _denying(draft: Draft, failure: Failure) -> Draft:
    """A deny that hung on an unknown key has applied: AWS's message says so.

    The key's value was not known here; to AWS, which named the layer, it was.
    """
    match = draft.cause.match if draft.cause is not None else None
    explicit = failure.denial is not None and failure.denial.effect == "explicitDeny"
    if draft.kind != "undecided_condition" or match is None or not explicit:
        return draft
    if match.effect is not Effect.DENY:
        return draft
    causes = tuple(denied_by(check, match) for check in draft.checks)
    return replace(draft, causes=causes, kind=causes[0].kind, certainty=Certainty.PROVEN)


def _raised(draft: Draft, failure: Failure, score: int) -> Certainty:
    """Documents and AWS's own words together prove more than either does."""
    if draft.certainty is not Certainty.UNKNOWN:
        return Certainty.PROVEN if score >= EXACT else draft.certainty
    named = failure.denial.layer if failure.denial is not None else None
    sides = draft.cause.sides if draft.cause is not None else frozenset()
    if score >= EXACT and named == "identity" and Side.IDENTITY in sides:
        return Certainty.PROVEN
    return Certainty.LIKELY


def _score(failure: Failure, draft: Draft) -> tuple[int, int]:
    """How well the failure fits the draft, and which of its checks it fits best."""
    if failure.denial is None:
        return 0, 0
    requirements = [check.requirement for check in draft.checks] or [draft.lead]
    scores = [
        _fit(failure, each, draft, draft.causes[number] if draft.causes else None)
        for number, each in enumerate(requirements)
    ]
    best = max(scores)
    if best <= 0:
        return 0, 0
    return best + _WEIGHTS[draft.certainty], scores.index(best)


def _fit(failure: Failure, need: Requirement, draft: Draft, cause: Cause | None) -> int:
    denial = failure.denial
    assert denial is not None
    if not (_layer_fits(denial.layer, cause) and _effect_fits(denial, draft, cause)):
        return 0
    if denial.principal and denial.action:
        return _exact_fit(failure, need) or _fault_fit(failure, need, draft)
    if failure.source is Source.TRAIL:
        return 0
    if denial.principal and not same_principal(denial.principal, need.principal):
        return 0
    here = _is_here(failure, need, draft)
    if failure.stage and need.stage and not here:
        return 0
    if denial.kind in NO_POLICY and not draft.fault:
        return 0
    if need.purpose == STOP_RUN:
        return 0
    pointed = _pointed(denial.points_at, draft, need)
    named = _named(failure, need)
    service = 0 if draft.fault else service_fit(failure, need.action)
    if pointed < 0 or named < 0 or service < 0:
        return 0
    score = pointed + named + service
    if denial.action:
        score += 40 if denial.action.lower() == need.action.lower() else 0
    if here:
        score += 15
    if denial.principal:
        score += 20
    if _EXECUTING & set(denial.points_at) and need.part in _EXECUTING_PARTS:
        score += 3
    if need.strength is Strength.DOCUMENTED:
        # What pipelines do without daily explains less than what they need and may lack.
        score -= 3
        if denial.action.lower() != need.action.lower():
            score -= _WEIGHTS[Certainty.PROVEN]
    return score


def _exact_fit(failure: Failure, need: Requirement) -> int:
    denial = failure.denial
    assert denial is not None
    if denial.action.lower() != need.action.lower():
        return 0
    if not same_principal(denial.principal, need.principal):
        return 0
    if not denial.resource or denial.resource == "*":
        return EXACT - 20
    if need.unresolved and need.resource == "*":
        return POINTED  # what is known to the letter explains it better
    return EXACT if resource_fits(denial.resource, need) else 0


def _fault_fit(failure: Failure, need: Requirement, draft: Draft) -> int:
    """A fault explains every refusal of its principal at its thing, not of one action only."""
    denial = failure.denial
    assert denial is not None
    if not draft.fault or not same_principal(denial.principal, need.principal):
        return 0
    service = denial.action.lower().partition(":")[0]
    same = need.action.lower().startswith(f"{service}:") and denial.resource == need.resource
    return EXACT - 20 if same else 0


def _is_here(failure: Failure, need: Requirement, draft: Draft) -> bool:
    """Whether the failed action is the requirement's, or one that suffers from the fault."""
    if not failure.stage:
        return False
    suffering = f"{failure.stage}/{failure.action}" in draft.values.get("users", "").split(", ")
    return _place(need) == (failure.stage, failure.action) or suffering


def _place(need: Requirement) -> tuple[str, str]:
    return (need.stage, need.pipeline_action)


def _layer_fits(layer: str | None, cause: Cause | None) -> bool:
    """Whether a message that names a layer can mean this cause."""
    if layer is None or cause is None:
        return True
    if cause.layer is not None:
        same = {Layer.RESOURCE: "resource", Layer.TRUST: "trust"}
        return layer == same.get(cause.layer, str(cause.layer)) or {layer, str(cause.layer)} == {
            "resource",
            "trust",
        }
    if layer == "identity":
        return not cause.sides or Side.IDENTITY in cause.sides
    if layer in ("resource", "trust"):
        return True
    return cause.kind == layer


def _effect_fits(denial: Denial, draft: Draft, cause: Cause | None) -> bool:
    """Whether a message that says more than *denied* can mean the draft.

    No missing allow explains an explicit deny, and no fault of the configuration a layer of
    policies that it has nothing to do with. Of service control policies AWS says *explicit* also
    where one merely does not allow.
    """
    explicit = denial.effect == "explicitDeny" and denial.layer not in ("scp", "rcp")
    if draft.fault:
        layers: tuple[str | None, ...] = (None, "resource", "trust")
        if draft.component not in (Component.BUCKET, Component.KMS):
            layers += ("identity",)
        return denial.layer in layers and not explicit
    return not (explicit and cause is not None and cause.sides)


def _pointed(points_at: Sequence[str], draft: Draft, need: Requirement) -> int:
    """20 and less where the message points at the draft's component, -1 where elsewhere."""
    if not points_at:
        return 0
    if draft.fault and _EXPLAINED.get(draft.fault, frozenset()) & set(points_at):
        return 20
    for number, point in enumerate(points_at):
        same = point == draft.component or (
            point in _EXECUTING and draft.component in _EXECUTING and need.part in _EXECUTING_PARTS
        )
        if same:
            return max(20 - 4 * number, 4)
    return -1


# Faults of the configuration that AWS reports as if a bucket or key denied.
_STORAGE = frozenset({"bucket", "kms"})
_EXPLAINED: Mapping[str, frozenset[str]] = {
    "store_without_key": _STORAGE,
    "key_alias_across_accounts": _STORAGE,
    "aws_managed_key_across_accounts": _STORAGE,
    "key_in_other_region": _STORAGE,
    "key_not_enabled": _STORAGE,
    "key_missing": _STORAGE,
    "bucket_missing": _STORAGE,
    "bucket_in_other_region": _STORAGE,
    "artifact_of_other_account": _STORAGE,
    "build_output_with_default_key": _STORAGE,
    "object_ownership": _STORAGE,
    "acl_not_supported": _STORAGE,
    "external_id_is_never_sent": frozenset({"trust"}),
    "cloudformation_role_of_other_account": frozenset({"action_role", "config"}),
}
_EXECUTING_PARTS = frozenset({"service_role", "action_role", "rule_role"})


def _named(failure: Failure, need: Requirement) -> int:
    """20 for each thing that the message and the requirement both name, -1 where they differ."""
    denial = failure.denial
    assert denial is not None
    score = 0
    if denial.bucket and need.action.lower().startswith("s3:"):
        if bucket_of(need.resource) != denial.bucket:
            return -1
        score += 20
    if denial.connection and "connections:" in need.action.lower():
        if need.resource != denial.connection:
            return -1
        score += 30
    for name in (denial.repository, denial.function):
        if name and name.rsplit(":", 1)[-1].rsplit("/", 1)[-1] in need.resource:
            score += 20
    if denial.resource and not denial.principal:
        score += 20 if resource_fits(denial.resource, need) else 0
    return score


# Services whose refusal is reported in the name of another one. S3 answers for KMS, and a build
# that clones its source reports what S3 would; CodeDeploy answers for ECS and for iam:PassRole.
_ANSWERS_FOR: Mapping[str, frozenset[str]] = {
    "s3": frozenset({"kms", "codestar-connections", "codeconnections", "codecommit"}),
    "codedeploy": frozenset({"ecs", "iam", "s3", "kms"}),
    "cloudformation": frozenset({"iam", "s3", "kms"}),
    "ecs": frozenset({"iam", "ecr"}),
    "lambda": frozenset({"s3", "kms", "codepipeline"}),
    "secretsmanager": frozenset({"kms"}),
    "codebuild": frozenset({"codestar-connections", "codeconnections", "s3", "kms", "logs"}),
    "codeconnections": frozenset({"codestar-connections", "s3", "kms"}),
    "elasticbeanstalk": frozenset(
        {"ec2", "autoscaling", "elasticloadbalancing", "s3", "cloudformation", "cloudwatch"}
    ),
}


def service_fit(failure: Failure, action: str) -> int:
    """10 where the message's service is that of the action, 6 where it answers for it, -1 else.

    0 where the message names none.
    """
    denial = failure.denial
    assert denial is not None
    named = denial.action.lower().partition(":")[0] or service_of(denial.service)
    prefix = action.lower().partition(":")[0]
    if not named or not prefix:
        return 0
    if named == prefix:
        return 10
    return 6 if prefix in _ANSWERS_FOR.get(named, ()) else -1


def service_of(words: str) -> str:
    """`s3` of `Amazon S3`, `codebuild` of `AWSCodeBuild`: a service as messages write it."""
    name = words.lower()
    for part in ("amazon", "aws", "internal", " "):
        name = name.replace(part, "")
    return name


def same_principal(one: str, other: str) -> bool:
    """Whether two ARNs are one role or user; a session's ARN does not show the role's path."""
    one, other = role_of(one), role_of(other)
    if one == other:
        return True
    return (
        ":role/" in one
        and ":role/" in other
        and one.split(":")[4] == other.split(":")[4]
        and one.rsplit("/", 1)[-1] == other.rsplit("/", 1)[-1]
        and (one.count("/") == 1 or other.count("/") == 1)
    )


def resource_fits(told: str, need: Requirement) -> bool:
    """Whether the resource of a message is that of a requirement, up to `*` on either side."""
    for known in {need.resource, need.shown}:
        if told == known or fnmatch.fnmatchcase(told, _glob(known)):
            return True
        if fnmatch.fnmatchcase(known, _glob(told)):
            return True
    return False


def _glob(text: str) -> str:
    return text.replace("[", "[[]")
