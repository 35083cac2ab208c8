"""What would be enough."""

from __future__ import annotations

from typing import Any

import pytest

from tests.policy.build import (
    ALLOWED,
    DEPLOYER,
    EXPLICIT,
    IMPLICIT,
    KEY,
    OBJECT,
    OTHER,
    OTHER_KEY,
    OWN,
    ROLE,
    ROOT,
    SESSION,
    UNKNOWN,
    USER,
    allow,
    boundary,
    bucket,
    decision,
    deny,
    document,
    identity,
    key,
    request,
    scp,
    session,
    trust,
)
from workers.policy import (
    Grant,
    Layer,
    Level,
    Ownership,
    Policies,
    PolicyKind,
    PublicAccessBlock,
    Request,
    Unreadable,
    enough,
)

READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": OBJECT}


def added(asked: Request, policies: Policies) -> list[tuple[Layer, str, dict[str, Any]]]:
    """The additions; checks on the way that they really are enough."""
    remedy = enough(asked, policies)
    assert remedy.obstacle is None
    assert remedy.after is ALLOWED
    assert decision(asked, remedy.policies) is ALLOWED
    return [(a.layer, a.target, dict(a.statement)) for a in remedy.additions]


def test_nothing_where_it_is_allowed_already() -> None:
    assert added(request(), Policies(identity=(identity(allow()),))) == []


def test_in_one_account_an_identity_statement() -> None:
    assert added(request(), Policies()) == [(Layer.IDENTITY, "", READ)]


def test_across_accounts_what_is_missing_on_each_side() -> None:
    asked = request(principal=SESSION, account=OTHER)
    theirs = {**READ, "Principal": {"AWS": ROLE}}
    assert added(asked, Policies()) == [
        (Layer.RESOURCE, "", theirs),
        (Layer.IDENTITY, "", READ),
    ]
    granted = Policies(resource=bucket(allow("s3:*", Principal={"AWS": ROOT})))
    assert added(asked, granted) == [(Layer.IDENTITY, "", READ)]
    own = Policies(
        identity=(identity(allow("s3:*")),), resource=bucket(allow("s3:Put*", Principal="*"))
    )
    assert added(asked, own) == [(Layer.RESOURCE, "bucket", theirs)]


def test_every_limit_that_is_silent_needs_its_statement() -> None:
    endpoint = document(allow("ec2:*", Principal="*"), kind=PolicyKind.VPCE, name="endpoint")
    policies = Policies(
        identity=(identity(allow("s3:*")),),
        boundaries=(boundary(allow("ec2:*")),),
        session=(session(allow("ec2:*")),),
        scps=(scp("root", allow()), scp("ou", allow("ec2:*")), Level("account", ())),
        vpce=(endpoint,),
    )
    assert added(request(principal=SESSION), policies) == [
        (Layer.BOUNDARY, "boundary", READ),
        (Layer.SESSION, "", READ),
        (Layer.SCP, "ou", READ),
        (Layer.SCP, "account", READ),
        (Layer.VPCE, "", {"Principal": "*", **READ}),
    ]


class TestKeysAndRoles:
    """Where the resource's own policy has to allow."""

    def test_a_key_policy_that_delegates_needs_an_identity_statement(self) -> None:
        policies = Policies(resource=key(allow("kms:*", Principal={"AWS": ROOT})))
        asked = request("kms:Decrypt", KEY)
        assert added(asked, policies) == [
            (Layer.IDENTITY, "", {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": KEY})
        ]

    def test_a_key_policy_that_does_not_delegate_names_the_principal(self) -> None:
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": USER},
            "Action": "kms:Decrypt",
            "Resource": "*",
        }
        asked = request("kms:Decrypt", KEY)
        assert added(asked, Policies(resource=key())) == [(Layer.RESOURCE, "key", statement)]

    def test_a_key_of_another_account(self) -> None:
        asked = request("kms:Decrypt", OTHER_KEY, SESSION, OTHER)
        layers = [layer for layer, _, _ in added(asked, Policies(resource=key()))]
        assert layers == [Layer.RESOURCE, Layer.IDENTITY]

    def test_a_trust_policy_takes_no_resource(self) -> None:
        asked = request("sts:AssumeRole", DEPLOYER, SESSION)
        service = trust(allow("sts:AssumeRole", Principal={"Service": "codebuild.amazonaws.com"}))
        assert added(asked, Policies(resource=service)) == [
            (
                Layer.TRUST,
                "trust",
                {"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "sts:AssumeRole"},
            )
        ]

    def test_passing_a_role_names_the_service(self) -> None:
        """https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html"""
        asked = request(
            "iam:PassRole", DEPLOYER, iam_PassedToService="cloudformation.amazonaws.com"
        )
        ((_, _, statement),) = added(asked, Policies())
        assert statement["Condition"] == {
            "StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}
        }

    def test_a_service_is_pinned_to_its_source(self) -> None:
        """https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html"""
        service = "cloudtrail.amazonaws.com"
        asked = request("s3:PutObject", principal=service, aws_SourceAccount=OWN)
        ((layer, _, statement),) = added(asked, Policies())
        assert layer is Layer.RESOURCE
        assert statement["Principal"] == {"Service": service}
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": OWN}}


class TestObstacles:
    """Where nothing can be granted."""

    def test_an_explicit_deny_is_named(self) -> None:
        policies = Policies(scps=(scp("root", deny("s3:*", Sid="NoStorage")),))
        remedy = enough(request(), policies)
        assert remedy.additions == ()
        assert remedy.after is EXPLICIT
        assert remedy.obstacle is not None
        assert "NoStorage of scp-root (scp)" in remedy.obstacle
        assert [m.statement for m in remedy.denied_by] == ["NoStorage"]

    def test_block_public_access(self) -> None:
        policies = Policies(
            identity=(identity(allow()),),
            resource=bucket(allow("s3:GetObject", Principal="*")),
            public_access_block=PublicAccessBlock(restrict_public_buckets=True),
        )
        remedy = enough(request(account=OTHER), policies)
        assert remedy.obstacle is not None
        assert "Block Public Access" in remedy.obstacle

    def test_an_object_of_another_account(self) -> None:
        policies = Policies(
            identity=(identity(allow()),), ownership=Ownership("ObjectWriter", OTHER)
        )
        remedy = enough(request(), policies)
        assert remedy.obstacle is not None
        assert "Object Ownership" in remedy.obstacle


def test_what_is_unread_stays_unknown_afterwards() -> None:
    policies = Policies(scps=(Level("root", (Unreadable("scp", "no access"),)),))
    remedy = enough(request(), policies)
    assert [a.layer for a in remedy.additions] == [Layer.IDENTITY]
    assert remedy.after is UNKNOWN


def test_variables_in_a_resource_are_taken_literally() -> None:
    asked = request(resource="arn:aws:s3:::artifacts/${aws:username}")
    ((_, _, statement),) = added(asked, Policies())
    assert statement["Resource"] == "arn:aws:s3:::artifacts/${$}{aws:username}"


@pytest.mark.parametrize("principal", [USER, ROLE, SESSION, "*", "cloudtrail.amazonaws.com"])
def test_nobody_else_gains_anything(principal: str) -> None:
    asked = request(principal=principal, account=OTHER)
    remedy = enough(asked, Policies())
    strangers = [
        request(principal=f"arn:aws:iam::{OTHER}:user/bob", account=OTHER),
        request("s3:PutObject", principal=principal, account=OTHER),
        request(resource=f"{OBJECT}2", principal=principal, account=OTHER),
    ]
    if principal == "*":
        del strangers[0]  # who grants to nobody in particular grants to everybody
    identity_only = Policies(resource=remedy.policies.resource)
    for stranger in strangers:
        assert decision(stranger, identity_only) is IMPLICIT


def test_grants_are_never_taken_for_a_policy() -> None:
    grant = Grant(ROLE, frozenset({"Encrypt"}), KEY)
    asked = request("kms:Decrypt", KEY, SESSION)
    assert [layer for layer, _, _ in added(asked, Policies(resource=key(), grants=(grant,)))] == [
        Layer.RESOURCE
    ]
