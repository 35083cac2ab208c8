"""Permissions boundaries: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html"""

from __future__ import annotations

from tests.policy.build import (
    ALLOWED,
    EXPLICIT,
    IMPLICIT,
    OWN,
    allow,
    boundary,
    decision,
    deny,
    identity,
    request,
    scp,
)
from workers.policy import Layer, Policies, evaluate

SHIRLEY = f"arn:aws:iam::{OWN}:user/ShirleyRodriguez"
SHIRLEYS_BOUNDARY = boundary(allow(["s3:*", "cloudwatch:*", "ec2:*"]))


def test_the_boundary_does_not_cover_iam_so_shirley_cannot_create_users() -> None:
    """The page's example."""
    policies = Policies(
        identity=(identity(allow("iam:CreateUser")),), boundaries=(SHIRLEYS_BOUNDARY,)
    )
    verdict = evaluate(request("iam:CreateUser", SHIRLEY, SHIRLEY), policies)
    assert verdict.decision is IMPLICIT
    assert verdict.blocked_by == (Layer.BOUNDARY,)


def test_a_boundary_gives_nothing_by_itself() -> None:
    policies = Policies(boundaries=(SHIRLEYS_BOUNDARY,))
    verdict = evaluate(request("s3:GetObject", principal=SHIRLEY), policies)
    assert verdict.decision is IMPLICIT
    assert verdict.blocked_by == ()


def test_what_both_allow_is_allowed() -> None:
    policies = Policies(identity=(identity(allow("s3:*")),), boundaries=(SHIRLEYS_BOUNDARY,))
    assert decision(request(principal=SHIRLEY), policies) is ALLOWED


def test_a_deny_in_either_denies() -> None:
    granting = identity(allow())
    bounded = Policies(identity=(granting,), boundaries=(boundary(allow(), deny("s3:*")),))
    assert decision(request(), bounded) is EXPLICIT
    own = Policies(identity=(granting, identity(deny("s3:*"))), boundaries=(boundary(allow()),))
    assert decision(request(), own) is EXPLICIT


def test_boundary_and_scp_and_identity_all_have_to_allow() -> None:
    for missing in ("identity", "boundary", "scp"):

        def of(layer: str, missing: str = missing) -> dict[str, object]:
            return allow("ec2:*") if layer == missing else allow("s3:*")

        policies = Policies(
            identity=(identity(of("identity")),),
            boundaries=(boundary(of("boundary")),),
            scps=(scp("root", of("scp")),),
        )
        assert decision(request(), policies) is IMPLICIT
    every = Policies(
        identity=(identity(allow("s3:*")),),
        boundaries=(boundary(allow("s3:*")),),
        scps=(scp("root", allow("s3:*")),),
    )
    assert decision(request(), every) is ALLOWED
