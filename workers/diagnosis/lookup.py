"""Where in a snapshot the documents of a request are: by ARN, by session, by object."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from workers.pipeline.arn import account_of
from workers.pipeline.arn import parse as parse_arn
from workers.policy import PolicyKind
from workers.snapshot.model import (
    Bucket,
    PolicyText,
    Reading,
    Role,
    Snapshot,
    State,
    absent,
    unreadable,
)

ASSUME = frozenset({"sts:assumerole", "sts:tagsession", "sts:setsourceidentity"})
_SESSION = re.compile(r"arn:([\w-]+):sts::(\d{12}):assumed-role/([^/]+)")


def resource_policy(
    snapshot: Snapshot, action: str, resource: str
) -> tuple[Reading[PolicyText], PolicyKind]:
    """The resource-based policy that has a say in an action on a resource, as it was read."""
    lower = action.lower()
    if lower in ASSUME:
        role = find_role(snapshot, resource)
        return (_inner(role, "trust"), PolicyKind.TRUST)
    if lower.startswith("s3:"):
        bucket: Reading[Bucket] = snapshot.bucket(bucket_of(resource))
        return (_inner(bucket, "policy"), PolicyKind.BUCKET)
    if lower.startswith("kms:"):
        return (_inner(snapshot.key(resource), "policy"), PolicyKind.KEY)
    for id in _ids(resource):
        if id in snapshot.policies:
            return (snapshot.policies[id], PolicyKind.RESOURCE)
    return (unreadable(), PolicyKind.RESOURCE)


@lru_cache(maxsize=4_096)
def bucket_of(resource: str) -> str:
    """The bucket in an S3 ARN of a bucket or object; "" for any other ARN."""
    arn = parse_arn(resource)
    return arn.resource.partition("/")[0] if arn is not None and arn.service == "s3" else ""


@lru_cache(maxsize=4_096)
def role_of(principal: str) -> str:
    """The role of a session, without its path, which session ARNs do not show; else unchanged.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
    """
    found = _SESSION.match(principal)
    return f"arn:{found[1]}:iam::{found[2]}:role/{found[3]}" if found else principal


def find_role(snapshot: Snapshot, arn: str) -> Reading[Role]:
    """The role with that ARN; one whose name fits when the ARN lacks the path."""
    if arn in snapshot.roles:
        return snapshot.roles[arn]
    account, name = account_of(arn), arn.rsplit("/", 1)[-1]
    for known, reading in snapshot.roles.items():
        if known.rsplit("/", 1)[-1] == name and account_of(known) == account:
            return reading
    return unreadable()


def _inner(reading: Reading[Any], field: str) -> Reading[PolicyText]:
    if reading.state is State.UNREADABLE:
        return unreadable(reading.why)
    if reading.value is None:
        return absent()
    found: Reading[PolicyText] = getattr(reading.value, field)
    return found


def _ids(resource: str) -> Iterable[str]:
    """The ARN and those of what it is part of: a function without its alias or version."""
    yield resource
    parts = resource.split(":")
    if len(parts) > 7:
        yield ":".join(parts[:7])
    if resource.endswith(("/*", ":*")):
        yield resource[:-2]
