"""Every policy that has a say in a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from workers.policy.documents import Document, Unreadable

Policy: TypeAlias = Document | Unreadable


@dataclass(frozen=True, slots=True)
class Level:
    """The policies attached to one place of the organisation: root, OU or account (``target``)."""

    target: str
    policies: tuple[Policy, ...]


@dataclass(frozen=True, slots=True)
class Grant:
    """A KMS grant, as ListGrants shows it.

    ``operations`` are the words of the API (``Decrypt``, ``GenerateDataKey``).
    https://docs.aws.amazon.com/kms/latest/developerguide/grants.html
    """

    grantee: str
    operations: frozenset[str]
    key: str
    """ARN of the key."""
    name: str = ""
    encryption_context_equals: Mapping[str, str] | None = None
    encryption_context_subset: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class PublicAccessBlock:
    """S3 Block Public Access as it holds for a bucket: the settings of bucket and account joined.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
    """

    block_public_acls: bool = False
    ignore_public_acls: bool = False
    block_public_policy: bool = False
    restrict_public_buckets: bool = False


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who owns the bucket's objects, where it is not simply the bucket's owner.

    ``setting`` is the bucket's Object Ownership. ``object_owner`` is the account id that owns the
    object of the request, None where that is the bucket owner. ``granted_by_acl`` says that the
    object's ACL allows the requester.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
    """

    setting: str = "BucketOwnerEnforced"
    object_owner: str | None = None
    granted_by_acl: bool = False


@dataclass(frozen=True, slots=True)
class Policies:
    """What is known of the policies around a request.

    ``resource`` None means that there is no resource-based policy; ``boundaries`` and ``session``
    None that none is set. ``vpce`` holds the policies of the VPC endpoint on the way, empty where
    there is no endpoint. ``scps`` are the levels above the requester's account, ``rcps`` those
    above the resource's. ``management_account`` and ``resource_in_management_account`` say that
    the requester's or the resource's account manages the organisation. ``service_linked`` None
    leaves it to the principal's ARN.
    """

    identity: tuple[Policy, ...] = ()
    resource: Policy | None = None
    boundaries: tuple[Policy, ...] | None = None
    session: tuple[Policy, ...] | None = None
    vpce: tuple[Policy, ...] = ()
    scps: tuple[Level, ...] = ()
    rcps: tuple[Level, ...] = ()
    grants: tuple[Grant, ...] | Unreadable = ()
    public_access_block: PublicAccessBlock | Unreadable | None = None
    ownership: Ownership | Unreadable | None = None
    management_account: bool = False
    resource_in_management_account: bool = False
    service_linked: bool | None = None
