"""The requests that people and messages ask about besides those of the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from types import MappingProxyType

from workers.diagnosis.denials import Denial
from workers.diagnosis.failures import Failure
from workers.diagnosis.matching import resource_fits, same_principal
from workers.pipeline.arn import account_of, region_of, service_host
from workers.pipeline.context import Mentions
from workers.pipeline.keys import resolve_key
from workers.pipeline.requirement import Part, Requirement, Strength
from workers.pipeline.situation import bucket_account
from workers.policy.actions import takes_resource
from workers.snapshot.model import Snapshot

STACK_CODE = "stack_code_download"
READ_CODE = "read_code_in_artifact"
_STACK_PAGE = (
    "https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CloudFormation.html"
)
_BUILD_CONNECTION = "build_connection"
_HIDDEN_KEY = "secret_key"
_HIDDEN_KEY_PAGE = (
    "https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html"
)
_OF_CONNECTION = ("GetConnectionToken", "GetConnection", "UseConnection")
_CONNECTION_PAGE = (
    "https://docs.aws.amazon.com/codebuild/latest/userguide/connections-github-app.html"
)
_LISTED = Strength.DOCUMENTED
_ROLES = {
    "service_role": Part.SERVICE_ROLE,
    "action_role": Part.ACTION_ROLE,
    "build_role": Part.BUILD_ROLE,
}


def asked_for(
    failures: Iterable[Failure], requirements: Sequence[Requirement], snapshot: Snapshot
) -> tuple[Requirement, ...]:
    """Requirements for the requests that messages name and the catalogue does not know of.

    Part and account follow from the principal: one that is not of the pipeline is a person.
    """
    parts = {need.principal: need.part for need in reversed(requirements)}
    parts = _parts_of_pipeline(snapshot) | parts
    sendable = Mentions(snapshot).keys
    found: list[Requirement] = []
    for failure in failures:
        denial = failure.denial
        if denial is None:
            continue
        if denial.kind == STACK_CODE:
            found += _of_stack_code(failure, (*requirements, *found), snapshot)
            continue
        if denial.kind == _BUILD_CONNECTION:
            found += _of_build_connection(failure, (*requirements, *found), sendable)
            continue
        if denial.kind == _HIDDEN_KEY:
            found += _of_secret_key(failure, (*requirements, *found), snapshot, sendable)
            continue
        if not (denial.principal and denial.action):
            continue
        named = [need for need in (*requirements, *found) if names(failure, need)]
        if any(not _of_anything(need) for need in named) or (named and not denial.resource):
            continue
        if named:
            found.append(_told(named[0], denial.resource))
            continue
        principal = next(
            (known for known in parts if same_principal(known, denial.principal)),
            failure.principal,
        )
        found.append(_requirement(failure, principal, parts.get(principal), snapshot, sendable))
    return tuple(found)


def awaited(requirements: Sequence[Requirement], snapshot: Snapshot) -> tuple[Requirement, ...]:
    """The requirements, where what a person is asked for at this moment counts as needed.

    That is to approve where an approval waits; the other tasks of a person block nothing.
    """
    waiting = {
        (run.stage, run.action)
        for run in snapshot.runs.value or ()
        if run.status == "InProgress" and run.execution == _latest(snapshot)
    }
    return tuple(
        replace(need, strength=Strength.WHEN)
        if need.part is Part.USER
        and need.action == "codepipeline:PutApprovalResult"
        and (need.stage, need.pipeline_action) in waiting
        else need
        for need in requirements
    )


def _latest(snapshot: Snapshot) -> str:
    runs = snapshot.runs.value or ()
    return runs[0].execution if runs else ""


def _parts_of_pipeline(snapshot: Snapshot) -> dict[str, Part]:
    """The roles that the pipeline names, with their parts."""
    pipeline = snapshot.pipeline.value
    if pipeline is None:
        return {}
    found: dict[str, Part] = {}
    for reading in snapshot.projects.values():
        if reading.value is not None and reading.value.service_role:
            found[reading.value.service_role] = Part.BUILD_ROLE
    for action in pipeline.actions:
        if role := action.configuration.get("RoleArn"):
            found[role] = Part.CLOUDFORMATION_ROLE
        if action.role_arn:
            found[action.role_arn] = Part.ACTION_ROLE
    if pipeline.role_arn:
        found[pipeline.role_arn] = Part.SERVICE_ROLE
    return found


def _of_stack_code(
    failure: Failure, known: Sequence[Requirement], snapshot: Snapshot
) -> Iterator[Requirement]:
    """CloudFormation fetches a function's code with its own role, which the message leaves out.

    https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CloudFormation.html
    """
    denial, pipeline = failure.denial, snapshot.pipeline.value
    if denial is None or pipeline is None or not denial.bucket:
        return
    for action in pipeline.actions:
        if failure.stage and (action.stage, action.name) != (failure.stage, failure.action):
            continue
        if action.type.provider != "CloudFormation":
            continue
        named = action.configuration.get("RoleArn")
        principal = named or action.role_arn or pipeline.role_arn
        if not principal:
            continue
        part = Part.CLOUDFORMATION_ROLE if named else Part.ACTION_ROLE
        bucket = f"arn:{pipeline.partition}:s3:::{denial.bucket}"
        owner = bucket_account(snapshot, denial.bucket, pipeline)
        base = Requirement(
            principal=principal,
            part=part,
            action="s3:GetObject",
            resource=f"{bucket}/{denial.key or 'object'}",
            resource_account=owner,
            region=action.region or pipeline.region,
            context=MappingProxyType({"aws:SecureTransport": "true"} | _owned_by(owner)),
            strength=Strength.WHEN,
            purpose=READ_CODE,
            documentation=_STACK_PAGE,
            stage=action.stage,
            pipeline_action=action.name,
            provider="CloudFormation",
            pattern=f"{bucket}/*",
        )
        needs = [base]
        for store in pipeline.stores:
            key = (
                resolve_key(snapshot, store.key, pipeline.account, store.region).value
                if (store.key and store.bucket == denial.bucket)
                else None
            )
            if key:
                context = {"aws:SecureTransport": "true"}
                host = service_host("s3", store.region, pipeline.partition)
                context |= {"kms:ViaService": host} if host else {}
                needs.append(
                    replace(
                        base,
                        action="kms:Decrypt",
                        resource=key,
                        resource_account=account_of(key),
                        context=MappingProxyType(context | _owned_by(account_of(key))),
                        pattern="",
                        purpose="decrypt_artifact",
                    )
                )
        for need in needs:
            if not any(_same(need, each) for each in known if each.strength is not _LISTED):
                yield need


def _of_build_connection(
    failure: Failure, known: Sequence[Requirement], sendable: frozenset[str]
) -> Iterator[Requirement]:
    """What a build needs to reach a source of its own through the connection that AWS names.

    A clone that the pipeline hands over is in the catalogue.
    https://docs.aws.amazon.com/codebuild/latest/userguide/connections-github-app.html
    """
    denial = failure.denial
    assert denial is not None
    if any(each.resource == denial.connection and _builds(each) for each in known):
        return
    owner, region = account_of(denial.connection), region_of(denial.connection)
    for need in known:
        if not (_at_place(failure, need) and _builds(need)):
            continue
        for action in _OF_CONNECTION:
            yield replace(
                need,
                action=f"codeconnections:{action}",
                resource=denial.connection,
                resource_account=owner,
                region=region,
                context=MappingProxyType({"aws:SecureTransport": "true"} | _owned_by(owner)),
                unknown=sendable - {"aws:securetransport", "aws:resourceaccount"},
                strength=Strength.WHEN,
                purpose="clone_with_connection",
                documentation=_CONNECTION_PAGE,
                pattern="",
            )
        return


def _of_secret_key(
    failure: Failure,
    known: Sequence[Requirement],
    snapshot: Snapshot,
    sendable: frozenset[str],
) -> Iterator[Requirement]:
    """The key of a secret that a build reads, which neither message nor project names.

    Secrets Manager uses it for the caller, so that kms:ViaService keeps the grant to secrets.
    """
    pipeline = snapshot.pipeline.value
    if pipeline is None:
        return
    builds = [need for need in known if _builds(need) and _at_place(failure, need)]
    for need in builds[:1]:
        account, region = account_of(need.principal), need.region or pipeline.region
        host = service_host("secretsmanager", region, pipeline.partition) or ""
        context = {"kms:CallerAccount": account, "aws:SecureTransport": "true"}
        context |= {"kms:ViaService": host} if host else {}
        yield replace(
            need,
            action="kms:Decrypt",
            resource=f"arn:{pipeline.partition}:kms:{region}:{account}:key/*",
            resource_account=account,
            context=MappingProxyType(context),
            unknown=sendable - {key.lower() for key in context},
            strength=Strength.WHEN,
            purpose="read_secret",
            documentation=_HIDDEN_KEY_PAGE,
            pattern="",
            alternative="",
            unresolved=("the key of the secret",),
            narrow=MappingProxyType({"kms:ViaService": (host,)} if host else {}),
        )


def _at_place(failure: Failure, need: Requirement) -> bool:
    place = (need.stage, need.pipeline_action)
    return not failure.stage or place == (failure.stage, failure.action)


def _builds(need: Requirement) -> bool:
    return need.part is Part.BUILD_ROLE


def _owned_by(account: str) -> dict[str, str]:
    return {"aws:ResourceAccount": account} if account else {}


def _same(one: Requirement, other: Requirement) -> bool:
    return (one.principal, one.action, one.shown) == (other.principal, other.action, other.shown)


def _requirement(
    failure: Failure,
    principal: str,
    part: Part | None,
    snapshot: Snapshot,
    sendable: frozenset[str],
) -> Requirement:
    denial = failure.denial
    assert denial is not None
    resource = denial.resource or _of_bucket(denial, snapshot)
    everything = resource == "*" or not (resource or takes_resource(denial.action))
    owner, region = account_of(principal if everything else resource), region_of(resource)
    context: dict[str, str | tuple[str, ...]] = {"aws:SecureTransport": "true"}
    if owner:
        context["aws:ResourceAccount"] = owner
    if region:
        context["aws:RequestedRegion"] = region
    if denial.action.lower().startswith("kms:"):
        context["kms:CallerAccount"] = account_of(principal)
    if denial.action.lower() == "iam:passrole" and (
        service := _passed_to(denial.resource, snapshot)
    ):
        context["iam:PassedToService"] = service
    return Requirement(
        principal=principal,
        part=part or _part_of(failure),
        action=denial.action,
        resource=resource or "*",
        resource_account=owner,
        region=region,
        context=MappingProxyType(context),
        unknown=sendable - {key.lower() for key in context},
        purpose="",
        stage=failure.stage,
        pipeline_action=failure.action,
        unresolved=() if resource or everything else ("the resource",),
    )


def _of_bucket(denial: Denial, snapshot: Snapshot) -> str:
    """The bucket that a message names by its name alone."""
    pipeline = snapshot.pipeline.value
    partition = pipeline.partition if pipeline is not None else "aws"
    return f"arn:{partition}:s3:::{denial.bucket}" if denial.bucket else ""


def _part_of(failure: Failure) -> Part:
    """The part of a principal that the pipeline does not name: as the message has it, or a person.

    Builds call their sessions AWSCodeBuild-<id>; the console calls the roles of the rules that
    start pipelines cwe-role-<region>-<pipeline>.
    """
    points_at = failure.denial.points_at if failure.denial is not None else ()
    if "/AWSCodeBuild-" in failure.text:
        return Part.BUILD_ROLE
    if failure.principal.rpartition("/")[2].startswith("cwe-role-"):
        return Part.EVENT_ROLE
    return _ROLES.get(points_at[0], Part.USER) if points_at else Part.USER


def _passed_to(role: str, snapshot: Snapshot) -> str:
    """The service that a role is passed to, where the pipeline's configuration says so."""
    pipeline = snapshot.pipeline.value
    for action in pipeline.actions if pipeline is not None else ():
        if action.configuration.get("RoleArn") == role:
            return "cloudformation.amazonaws.com"
    return "codepipeline.amazonaws.com" if pipeline and pipeline.role_arn == role else ""


def _of_anything(need: Requirement) -> bool:
    """Whether nothing is known of the resource: a role in an artifact that nobody reads."""
    return bool(need.unresolved) and need.resource == "*"


def _told(need: Requirement, resource: str) -> Requirement:
    """The requirement of an unknown resource, of the one that a message names."""
    return replace(
        need,
        resource=resource,
        resource_account=account_of(resource) or need.resource_account,
        strength=Strength.WHEN,
        pattern="",
        unresolved=(),
    )


def names(failure: Failure, need: Requirement) -> bool:
    denial = failure.denial
    return (
        denial is not None
        and denial.action.lower() == need.action.lower()
        and same_principal(denial.principal, need.principal)
        and (not denial.resource or resource_fits(denial.resource, need))
    )
