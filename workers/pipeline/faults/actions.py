"""Faults of single actions: an unknown provider, a connection, the bucket of an S3 source."""

from __future__ import annotations

from collections.abc import Iterator

from workers.pipeline.arn import account_of, parse
from workers.pipeline.faults.fault import Fault, of_action
from workers.pipeline.situation import Situation, Situations
from workers.snapshot.model import Snapshot, State


def find(snapshot: Snapshot, situations: Situations) -> Iterator[Fault]:
    for situation in situations:
        kind = situation.action.type
        if situation.provider is None:
            yield of_action(
                situation,
                "provider_unknown",
                "config",
                provider=kind.provider,
                category=kind.category,
                owner=kind.owner,
            )
        if kind.provider == "CodeStarSourceConnection":
            yield from _connection(snapshot, situation)
        if (kind.category, kind.provider) == ("Source", "S3"):
            yield from _source_bucket(snapshot, situation)
        if kind.provider == "CloudFormation":
            yield from _stack_role(snapshot, situation)
        if (kind.category, kind.provider) == ("Deploy", "S3"):
            yield from _target_bucket(snapshot, situation)
        if (kind.category, kind.provider) == ("Deploy", "OpsWorks"):
            yield of_action(situation, "provider_closed", "config", provider=kind.provider)


def _connection(snapshot: Snapshot, situation: Situation) -> Iterator[Fault]:
    """https://docs.aws.amazon.com/dtconsole/latest/userguide/connections-update.html"""
    arn = situation.configuration.get("ConnectionArn", "")
    if parse(arn) is None:
        return
    if account_of(arn) != situation.account and ":codestar-connections:" in arn:
        yield of_action(
            situation,
            "connection_of_other_account",
            "connection",
            action="codestar-connections:UseConnection",
            resource=arn,
            account=account_of(arn),
            executing=situation.account,
        )
    reading = snapshot.connection(arn)
    if reading.state is State.ABSENT:
        yield of_action(situation, "connection_missing", "connection", resource=arn)
    if reading.state is not State.PRESENT:
        return
    connection = reading.require()
    status = connection.status.value
    if connection.status.state is State.PRESENT and status not in ("AVAILABLE", None):
        yield of_action(
            situation,
            "connection_not_available",
            "connection",
            action="(handshake)",
            resource=arn,
            status=status,
            scm=connection.provider or "source provider",
        )


def _source_bucket(snapshot: Snapshot, situation: Situation) -> Iterator[Fault]:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-S3.html"""
    name = situation.configuration.get("S3Bucket", "")
    bucket = snapshot.bucket(name).value
    if bucket is None:
        return
    resource = f"arn:{situation.pipeline.partition}:s3:::{name}"
    if bucket.versioning.known and bucket.versioning.value != "Enabled":
        yield of_action(
            situation, "source_bucket_not_versioned", "config", resource=resource, bucket=name
        )
    if bucket.region and bucket.region != situation.region:
        yield of_action(
            situation,
            "bucket_in_other_region",
            "config",
            resource=resource,
            bucket=name,
            region=bucket.region,
            expected=situation.region,
        )


# The modes in which CloudFormation changes a stack's resources with the role of the action.
_CHANGING = frozenset({"CREATE_UPDATE", "REPLACE_ON_FAILURE", "CHANGE_SET_REPLACE", "DELETE_ONLY"})


def _stack_role(snapshot: Snapshot, situation: Situation) -> Iterator[Fault]:
    """A role that allows nothing at all makes no resource, whatever the template asks for.

    https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CloudFormation.html
    """
    if situation.configuration.get("ActionMode") not in _CHANGING:
        return
    for value in situation.scope.get("cloudformation_role_arn", ()):
        role = snapshot.role(value.text).value
        if role is None or role.policies.state is not State.PRESENT:
            continue
        documents = [policy.document for policy in role.policies.require()]
        if all(each.value is not None and '"Allow"' not in each.value for each in documents):
            yield of_action(
                situation,
                "stack_role_allows_nothing",
                "action_role",
                principal=value.text,
                action="cloudformation:CreateStack",
                resource=value.text,
                stack=situation.configuration.get("StackName", ""),
            )


# What a bucket without ACLs takes: nothing, or what gives its owner full control.
_HARMLESS_ACLS = frozenset({"", "bucket-owner-full-control", "private"})


def _target_bucket(snapshot: Snapshot, situation: Situation) -> Iterator[Fault]:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html"""
    name = situation.configuration.get("BucketName", "")
    acl = situation.configuration.get("CannedACL", "")
    bucket = snapshot.bucket(name).value
    if bucket is None or acl in _HARMLESS_ACLS:
        return
    if bucket.ownership.value == "BucketOwnerEnforced":
        yield of_action(
            situation,
            "acl_not_supported",
            "bucket",
            action="s3:PutObject",
            resource=f"arn:{situation.pipeline.partition}:s3:::{name}/*",
            bucket=name,
            acl=acl,
        )
