"""The service role compared with the minimum policy that AWS publishes, statement by statement."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

from workers.policy import (
    Decision,
    Policies,
    Policy,
    PolicyKind,
    Request,
    Unreadable,
    evaluate,
    parse,
)
from workers.snapshot.model import Role, State

_OBJECT = "pipeline-access/SourceArti/object"  # stands for any artifact
_NOBODYS_ACCOUNT = "000000000000"


@dataclass(frozen=True, slots=True)
class MinimumStatement:
    """A statement of the minimum policy. `own_account`: AWS limits it by aws:ResourceAccount."""

    sid: str
    actions: tuple[str, ...]
    resource: str  # with {partition}, {bucket} and, for its objects, {any}
    own_account: bool
    documentation: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a role's identity-based policies stand to one statement for one bucket.

    `missing` are actions that they do not allow, `unknown` those that nobody can tell because a
    policy could not be read. `only_own_account` says that what they allow is allowed in the
    given account and not in another, so that a bucket of another account stays closed whatever
    its bucket policy says; None where nothing is allowed.
    """

    statement: MinimumStatement
    bucket: str
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    only_own_account: bool | None


@cache
def minimum_service_role() -> tuple[MinimumStatement, ...]:
    """The statements, in AWS's order (codepipeline/latest/userguide/how-to-custom-role.html)."""
    folder = resources.files(__package__)
    data = tomllib.loads(folder.joinpath("minimum.toml").read_text("utf-8"))
    return tuple(
        MinimumStatement(
            sid=entry["sid"],
            actions=tuple(entry["actions"]),
            resource=entry["resource"],
            own_account=entry["own_account"],
            documentation=data["documentation"],
        )
        for entry in data["statement"]
    )


def compare(
    role: Role, buckets: Iterable[str], account: str, partition: str = "aws"
) -> tuple[Comparison, ...]:
    """The service role of a pipeline in `account` against the minimum, per artifact bucket.

    Looks at identity-based policies only: what boundaries, organisation and bucket policies make
    of it is the diagnosis' business. What the minimum lists is not all *needed*: pipelines run
    without the tagging actions as long as source objects carry no tags.
    """
    policies = Policies(identity=tuple(_identity(role)))
    return tuple(
        _compare(role.arn, policies, statement, bucket, account, partition)
        for bucket in dict.fromkeys(buckets)
        for statement in minimum_service_role()
    )


def _compare(
    principal: str,
    policies: Policies,
    statement: MinimumStatement,
    bucket: str,
    account: str,
    partition: str,
) -> Comparison:
    resource = statement.resource.format(partition=partition, bucket=bucket, any=_OBJECT)

    def decided(action: str, owner: str) -> Decision:
        request = Request(
            principal,
            action,
            resource,
            resource_account=account,
            context={
                "aws:ResourceAccount": owner,
                "aws:SecureTransport": "true",
                "s3:x-amz-server-side-encryption": "aws:kms",
            },
        )
        return evaluate(request, policies, partial=True).decision

    here = {action: decided(action, account) for action in statement.actions}
    allowed = [action for action, decision in here.items() if decision is Decision.ALLOWED]
    elsewhere = {decided(action, _NOBODYS_ACCOUNT) for action in allowed}
    return Comparison(
        statement=statement,
        bucket=bucket,
        missing=tuple(
            action
            for action, decision in here.items()
            if decision in (Decision.EXPLICIT_DENY, Decision.IMPLICIT_DENY)
        ),
        unknown=tuple(a for a, decision in here.items() if decision is Decision.UNKNOWN),
        only_own_account=Decision.ALLOWED not in elsewhere if allowed else None,
    )


def _identity(role: Role) -> Iterator[Policy]:
    if role.policies.state is State.UNREADABLE:
        yield Unreadable("identity-based policies", role.policies.why)
        return
    for policy in role.policies.value or ():
        if policy.document.state is State.PRESENT:
            text = policy.document.require()
            yield parse(text, name=policy.arn or policy.name, kind=PolicyKind.IDENTITY)
        elif policy.document.state is State.UNREADABLE:
            yield Unreadable(policy.arn or policy.name, policy.document.why)
