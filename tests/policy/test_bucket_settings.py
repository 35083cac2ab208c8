"""S3 Block Public Access and Object Ownership.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.policy.build import (
    ALLOWED,
    IMPLICIT,
    OTHER,
    OWN,
    ROOT,
    SESSION,
    UNKNOWN,
    USER,
    allow,
    bucket,
    decision,
    identity,
    request,
)
from workers.policy import (
    Layer,
    Ownership,
    Policies,
    PublicAccessBlock,
    Request,
    Unreadable,
    evaluate,
)
from workers.policy.publicity import is_public

MINE = (identity(allow("s3:*")),)
RESTRICTED = PublicAccessBlock(restrict_public_buckets=True)


@pytest.mark.parametrize(
    ("statement", "public"),
    [
        ({"Principal": "*"}, True),
        ({"Principal": {"AWS": "*"}}, True),
        ({"Principal": {"AWS": OTHER}}, False),
        ({"Principal": {"Service": "cloudtrail.amazonaws.com"}}, False),
        ({"Principal": "*", "Condition": {"StringEquals": {"aws:SourceVpce": "vpce-1"}}}, False),
        # "Principal * with a condition on aws:SourceVpc with a wildcard is public"
        ({"Principal": "*", "Condition": {"StringLike": {"aws:SourceVpc": "vpc-*"}}}, True),
        ({"Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}, False),
        ({"Principal": "*", "Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}}, True),
        ({"Principal": "*", "Condition": {"StringEqualsIfExists": {"aws:SourceVpce": "v"}}}, True),
        ({"Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}}, False),
        ({"Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/1"}}}, True),
        ({"Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}, True),
        ({"Principal": "*", "Effect": "Deny"}, False),
        (
            {
                "Principal": "*",
                "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:111122223333:*"}},
            },
            False,
        ),
        (
            {"Principal": "*", "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"}}},
            True,
        ),
    ],
)
def test_what_public_means(statement: dict[str, Any], public: bool) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status"""
    assert is_public(bucket({**allow("s3:GetObject"), **statement})) is public


class TestRestrictPublicBuckets:
    """Leaves a bucket with a public policy to the owner's account and to AWS services."""

    def policies(self, *statements: dict[str, Any]) -> Policies:
        return Policies(identity=MINE, resource=bucket(*statements), public_access_block=RESTRICTED)

    def test_strangers_are_stopped(self) -> None:
        policies = self.policies(allow("s3:GetObject", Principal="*"))
        verdict = evaluate(request(principal="*"), policies)
        assert verdict.decision is IMPLICIT
        assert verdict.blocked_by == (Layer.BLOCK_PUBLIC_ACCESS,)

    def test_even_accounts_that_the_same_policy_names(self) -> None:
        """ "including non-public delegation to specific accounts" """
        policies = self.policies(
            allow("s3:GetObject", Principal="*"), allow("s3:GetObject", Principal={"AWS": ROOT})
        )
        assert decision(request(account=OTHER), policies) is IMPLICIT

    def test_the_owners_account_and_services_go_on(self) -> None:
        service = "cloudtrail.amazonaws.com"
        policies = self.policies(
            allow("s3:GetObject", Principal="*"), allow("s3:*", Principal={"Service": service})
        )
        assert decision(request(principal=USER), policies) is ALLOWED
        assert decision(request(principal=service), policies) is ALLOWED

    def test_a_policy_that_is_not_public_is_left_alone(self) -> None:
        policies = self.policies(allow("s3:GetObject", Principal={"AWS": ROOT}))
        assert decision(request(account=OTHER), policies) is ALLOWED


def with_acl(acl: str, **more: Any) -> Request:
    more["s3_x-amz-acl"] = acl
    return request("s3:PutObject", **more)


def test_block_public_acls_refuses_to_set_one() -> None:
    policies = Policies(
        identity=MINE, public_access_block=PublicAccessBlock(block_public_acls=True)
    )
    public = with_acl("public-read")
    assert decision(public, policies) is IMPLICIT
    private = with_acl("private")
    assert decision(private, policies) is ALLOWED


def test_settings_that_nobody_could_read_matter_only_to_strangers() -> None:
    unread = Unreadable("Block Public Access of artifacts", "no access")
    policies = Policies(
        identity=MINE,
        resource=bucket(allow("s3:GetObject", Principal={"AWS": ROOT})),
        public_access_block=unread,
    )
    assert decision(request(account=OWN), policies) is ALLOWED
    verdict = evaluate(request(account=OTHER), policies)
    assert verdict.decision is UNKNOWN
    assert [d.name for d in verdict.depends_on] == [unread.name]


class TestOwnership:
    """Whose object it is, and whether ACLs may be set."""

    FOREIGN = Ownership("ObjectWriter", object_owner=OTHER)

    def test_an_object_that_another_account_wrote_is_not_the_bucket_owners(self) -> None:
        policies = Policies(identity=MINE, ownership=self.FOREIGN)
        verdict = evaluate(request(), policies)
        assert verdict.decision is IMPLICIT
        assert verdict.blocked_by == (Layer.OBJECT_OWNERSHIP,)

    def test_unless_its_acl_gives_access(self) -> None:
        ownership = Ownership("ObjectWriter", OTHER, granted_by_acl=True)
        assert decision(request(), Policies(identity=MINE, ownership=ownership)) is ALLOWED

    def test_an_own_object_is_not_concerned(self) -> None:
        ownership = Ownership("ObjectWriter", object_owner=OWN)
        assert decision(request(), Policies(identity=MINE, ownership=ownership)) is ALLOWED

    def test_bucket_owner_enforced_makes_every_object_the_bucket_owners(self) -> None:
        ownership = Ownership("BucketOwnerEnforced", object_owner=OTHER)
        assert decision(request(), Policies(identity=MINE, ownership=ownership)) is ALLOWED

    @pytest.mark.parametrize(
        ("acl", "result"),
        [("bucket-owner-full-control", ALLOWED), ("public-read", IMPLICIT), ("private", IMPLICIT)],
    )
    def test_and_takes_no_other_acl_than_full_control_of_the_bucket_owner(
        self, acl: str, result: object
    ) -> None:
        policies = Policies(identity=MINE, ownership=Ownership("BucketOwnerEnforced"))
        asked = with_acl(acl, principal=SESSION)
        assert decision(asked, policies) is result
