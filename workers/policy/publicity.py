"""S3 Block Public Access and Object Ownership, where they change the outcome.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from workers.policy.conditions import Condition
from workers.policy.documents import Document
from workers.policy.layers import Effect
from workers.policy.operators import network_of
from workers.policy.policies import Ownership, PublicAccessBlock
from workers.policy.principals import PrincipalType
from workers.policy.requests import Facts
from workers.policy.statements import Statement

FIXING_KEYS = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceorgid",
        "aws:sourceorgpaths",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:userid",
        "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
    }
)
"""Keys that make a grant to everybody non-public when a condition fixes their value."""

_POSITIVE = frozenset(
    {"stringequals", "stringlike", "stringequalsignorecase", "arnequals", "arnlike"}
)
_PUBLIC_ACLS = frozenset({"public-read", "public-read-write", "authenticated-read"})
_WITH_ACL = frozenset({"s3:putobject", "s3:putobjectacl", "s3:putbucketacl", "s3:createbucket"})


def is_public(document: Document) -> bool:
    """Whether S3 takes a bucket policy for public.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status
    """
    return any(map(_is_public, document.statements))


def _is_public(statement: Statement) -> bool:
    if statement.effect is not Effect.ALLOW:
        return False
    everyone = statement.not_principal or (
        statement.principals is not None and statement.principals.everyone
    )
    return everyone and not any(map(_narrows, statement.conditions))


def _narrows(condition: Condition) -> bool:
    operator = condition.operator
    if operator is None or condition.if_exists or not condition.values:
        return False
    key, name = condition.key.lower(), operator.name.lower()
    if key == "aws:sourceip":
        return name == "ipaddress" and _are_narrow(condition.values)
    if key not in FIXING_KEYS or name not in _POSITIVE:
        return False
    return all(_is_fixed(key, value) for value in condition.values)


def _are_narrow(ranges: Iterable[str]) -> bool:
    """Very broad ranges (beyond /8 for IPv4, /32 for IPv6, private ones apart) count as public."""
    for text in ranges:
        network = network_of(text)
        if network is None:
            return False
        limit = 8 if isinstance(network, ipaddress.IPv4Network) else 32
        if network.prefixlen < limit:
            return False
    return True


def _is_fixed(key: str, value: str) -> bool:
    """A value without wildcard or variable; an ARN may have wildcards if its account is fixed."""
    if "${" in value:
        return False
    if "*" not in value and "?" not in value:
        return True
    if key == "aws:userid":
        return False
    parts = value.split(":", 5)
    return len(parts) == 6 and parts[4].isdigit()


def stopped_by_public_access_block(
    facts: Facts, block: PublicAccessBlock, policy: Document | None, *, same_account: bool
) -> bool:
    """Whether Block Public Access refuses the request whatever the policies say.

    RestrictPublicBuckets leaves a bucket with a public policy to AWS services and to the owner's
    account; BlockPublicAcls refuses to set a public ACL.
    """
    if block.restrict_public_buckets and not same_account:
        service = facts.principal.type is PrincipalType.SERVICE
        if not service and policy is not None and is_public(policy):
            return True
    if block.block_public_acls and facts.action in _WITH_ACL:
        return facts.context.get("s3:x-amz-acl", ("",))[0] in _PUBLIC_ACLS
    return False


def stopped_by_ownership(facts: Facts, ownership: Ownership, bucket_account: str | None) -> bool:
    """Whether Object Ownership refuses the request whatever the policies say.

    With ACLs disabled a request that sets one fails, unless it gives the bucket owner full
    control. With ACLs enabled, an object that another account owns is that account's: neither the
    bucket policy nor the bucket owner's identity policies give access to it, only its ACL or its
    owner.
    """
    if ownership.setting == "BucketOwnerEnforced":
        acl = facts.context.get("s3:x-amz-acl")
        return (
            facts.action in _WITH_ACL
            and acl is not None
            and acl[0] not in ("bucket-owner-full-control", "")
        )
    owner = ownership.object_owner
    if owner is None or owner == bucket_account or not _reads_object(facts):
        return False
    return not ownership.granted_by_acl and facts.principal.account != owner


_OBJECT_READS = (
    "s3:getobject",
    "s3:putobjectacl",
    "s3:putobjecttagging",
    "s3:deleteobjecttagging",
    "s3:restoreobject",
)


def _reads_object(facts: Facts) -> bool:
    """Deleting is left to the bucket owner, and writing replaces the object with one's own."""
    return "/" in facts.resource and facts.action.startswith(_OBJECT_READS)
