"""A service role beside the minimum of codepipeline/latest/userguide/how-to-custom-role.html."""

from __future__ import annotations

import json
from typing import Any

from workers.pipeline.minimum import Comparison, compare, minimum_service_role
from workers.snapshot.model import NamedPolicy, Role, present, unreadable

ACCOUNT = "111111111111"
ARN = f"arn:aws:iam::{ACCOUNT}:role/Pipeline"
BUCKET = "codepipeline-eu-west-1-1234"
ON_BUCKET = ["s3:GetBucketVersioning", "s3:GetBucketAcl", "s3:GetBucketLocation"]
ON_OBJECTS = [
    "s3:PutObject",
    "s3:PutObjectAcl",
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:PutObjectTagging",
    "s3:GetObjectTagging",
    "s3:GetObjectVersionTagging",
]
OWN: dict[str, Any] = {"StringEquals": {"aws:ResourceAccount": ACCOUNT}}


def allow(actions: list[str], resource: str, condition: dict[str, Any] | None = None) -> Any:
    statement = {"Effect": "Allow", "Action": actions, "Resource": resource}
    return {**statement, "Condition": condition} if condition else statement


def role(*statements: Any) -> Role:
    text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    return Role(ARN, policies=present((NamedPolicy("inline", present(text)),)))


def compared(who: Role, bucket: str = BUCKET) -> dict[str, Comparison]:
    return {each.statement.sid: each for each in compare(who, [bucket], ACCOUNT)}


def test_the_minimum_is_what_aws_prints() -> None:
    bucket, objects = minimum_service_role()
    assert (bucket.sid, list(bucket.actions)) == ("AllowS3BucketAccess", ON_BUCKET)
    assert (objects.sid, list(objects.actions)) == ("AllowS3ObjectAccess", ON_OBJECTS)
    assert bucket.own_account
    assert objects.own_account


def test_the_role_that_the_console_makes_is_complete_and_stays_in_its_account() -> None:
    console = role(
        allow(ON_BUCKET, f"arn:aws:s3:::{BUCKET}", OWN),
        allow(ON_OBJECTS, f"arn:aws:s3:::{BUCKET}/*", OWN),
    )
    for each in compared(console).values():
        assert each.missing == ()
        assert each.unknown == ()
        assert each.only_own_account is True


def test_an_older_role_lacks_the_tagging_actions() -> None:
    older = role(
        allow(ON_BUCKET, f"arn:aws:s3:::{BUCKET}"),
        allow(ON_OBJECTS[:4], f"arn:aws:s3:::{BUCKET}/*"),
    )
    objects = compared(older)["AllowS3ObjectAccess"]
    assert objects.missing == (
        "s3:PutObjectTagging",
        "s3:GetObjectTagging",
        "s3:GetObjectVersionTagging",
    )
    assert objects.only_own_account is False


def test_wildcards_are_enough() -> None:
    wide = role(allow(["s3:*"], "*"))
    assert all(not each.missing for each in compared(wide).values())


def test_placeholders_that_nobody_filled_in_allow_nothing() -> None:
    pasted = role(
        allow(
            ON_BUCKET,
            "arn:aws:s3:::[[pipeArtifactBucketNames]]",
            {"StringEquals": {"aws:ResourceAccount": "{{accountId}}"}},
        )
    )
    bucket = compared(pasted)["AllowS3BucketAccess"]
    assert list(bucket.missing) == ON_BUCKET
    assert bucket.only_own_account is None


def test_another_bucket_is_another_comparison() -> None:
    one = role(allow(ON_BUCKET, f"arn:aws:s3:::{BUCKET}"))
    found = compare(one, [BUCKET, "codepipeline-us-east-1-9", BUCKET], ACCOUNT)
    assert [(each.bucket, each.statement.sid, bool(each.missing)) for each in found] == [
        (BUCKET, "AllowS3BucketAccess", False),
        (BUCKET, "AllowS3ObjectAccess", True),
        ("codepipeline-us-east-1-9", "AllowS3BucketAccess", True),
        ("codepipeline-us-east-1-9", "AllowS3ObjectAccess", True),
    ]


def test_an_explicit_deny_counts_as_missing() -> None:
    denied = role(
        allow(["s3:*"], "*"),
        {"Effect": "Deny", "Action": "s3:PutObjectAcl", "Resource": "*"},
    )
    assert compared(denied)["AllowS3ObjectAccess"].missing == ("s3:PutObjectAcl",)


def test_what_could_not_be_read_is_unknown_not_missing() -> None:
    unread = Role(ARN, policies=unreadable("AccessDenied"))
    for each in compared(unread).values():
        assert each.missing == ()
        assert each.unknown == each.statement.actions
        assert each.only_own_account is None


def test_the_arns_of_another_partition() -> None:
    china = role(allow(ON_BUCKET, f"arn:aws-cn:s3:::{BUCKET}"))
    bucket = compare(china, [BUCKET], ACCOUNT, partition="aws-cn")[0]
    assert bucket.missing == ()
