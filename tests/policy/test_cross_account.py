"""Requests into another account need both sides.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.policy.build import (
    ALLOWED,
    EXPLICIT,
    IMPLICIT,
    OBJECT,
    OTHER,
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
    identity,
    request,
    session,
)
from workers.policy import Layer, Policies, Request, evaluate

NAMES = [ROOT, OWN, ROLE, SESSION, "*"]


def asked(principal: str = SESSION, action: str = "s3:GetObject") -> Request:
    """A request of our account for an object of the other."""
    return request(action, principal=principal, account=OTHER)


@pytest.mark.parametrize("named", NAMES)
def test_the_resource_policy_alone_is_not_enough(named: str) -> None:
    policies = Policies(resource=bucket(allow("s3:GetObject", Principal={"AWS": named})))
    assert decision(asked(), policies) is IMPLICIT


@pytest.mark.parametrize("named", NAMES)
def test_both_sides_allow(named: str) -> None:
    policies = Policies(
        identity=(identity(allow("s3:GetObject")),),
        resource=bucket(allow("s3:GetObject", Principal={"AWS": named})),
    )
    assert decision(asked(), policies) is ALLOWED


def test_the_identity_policy_alone_is_not_enough() -> None:
    policies = Policies(identity=(identity(allow("s3:GetObject")),))
    assert decision(asked(), policies) is IMPLICIT
    foreign = bucket(allow("s3:GetObject", Principal={"AWS": f"arn:aws:iam::{OTHER}:root"}))
    both = Policies(identity=(identity(allow("s3:GetObject")),), resource=foreign)
    assert decision(asked(), both) is IMPLICIT


@pytest.mark.parametrize("named", NAMES)
def test_boundary_and_session_policy_always_limit_across_accounts(named: str) -> None:
    granting: dict[str, Any] = {
        "identity": (identity(allow()),),
        "resource": bucket(allow(Principal={"AWS": named})),
    }
    assert (
        decision(asked(), Policies(**granting, boundaries=(boundary(allow("ec2:*")),))) is IMPLICIT
    )
    assert decision(asked(), Policies(**granting, session=(session(allow("ec2:*")),))) is IMPLICIT
    assert decision(asked(), Policies(**granting, boundaries=(boundary(allow("s3:*")),))) is ALLOWED


@pytest.mark.parametrize("side", ["identity", "resource"])
def test_a_deny_on_either_side_denies(side: str) -> None:
    own = [allow()] + ([deny("s3:*")] if side == "identity" else [])
    theirs = [allow(Principal="*")] + ([deny("s3:*", Principal="*")] if side == "resource" else [])
    policies = Policies(identity=(identity(*own),), resource=bucket(*theirs))
    assert decision(asked(), policies) is EXPLICIT


def test_root_of_another_account_needs_the_resource_policy() -> None:
    granted = Policies(resource=bucket(allow("s3:GetObject", Principal={"AWS": OWN})))
    assert decision(asked(ROOT), granted) is ALLOWED
    assert decision(asked(ROOT), Policies()) is IMPLICIT


def test_the_example_of_the_page() -> None:
    """Carlos of account 111111111111 and the production bucket of account 222222222222."""
    carlos = "arn:aws:iam::111111111111:user/carlossalazar"
    own = identity(
        allow("s3:ListAllMyBuckets", Sid="AllowS3ListRead"),
        allow("s3:Get*", ["arn:aws:s3:::Production/*"], Sid="AllowS3ProductionObjectActions"),
        deny("s3:*", ["arn:aws:s3:::*log*", "arn:aws:s3:::*log*/*"], Sid="DenyS3Logs"),
    )
    production = bucket(
        allow(
            ["s3:GetObject*", "s3:PutObject*", "s3:ReplicateObject", "s3:RestoreObject"],
            "arn:aws:s3:::Production/*",
            Principal={"AWS": carlos},
        )
    )
    policies = Policies(identity=(own,), resource=production)

    def ask(action: str, resource: str) -> Request:
        return Request(carlos, action, resource, "222222222222")

    assert decision(ask("s3:GetObject", "arn:aws:s3:::Production/a"), policies) is ALLOWED
    # The resource-based policy allows it, his own policies do not.
    assert decision(ask("s3:PutObject", "arn:aws:s3:::Production/a"), policies) is IMPLICIT
    assert decision(ask("s3:GetObject", "arn:aws:s3:::Production/log"), policies) is EXPLICIT


def test_the_side_that_is_missing_is_named() -> None:
    own = Policies(identity=(identity(allow("s3:GetObject")),))
    assert evaluate(asked(), own).blocked_by == (Layer.RESOURCE,)
    theirs = Policies(resource=bucket(allow("s3:GetObject", Principal={"AWS": ROOT})))
    assert evaluate(asked(), theirs).blocked_by == (Layer.IDENTITY,)
    assert evaluate(asked(), Policies()).blocked_by == ()


class TestWhoOwnsTheResource:
    """The account in the ARN, in the request, or in the context."""

    def test_the_arn_says_it_where_it_can(self) -> None:
        queue = f"arn:aws:sqs:us-east-1:{OTHER}:jobs"
        policies = Policies(identity=(identity(allow("sqs:*")),))
        assert decision(request("sqs:SendMessage", queue, account=None), policies) is IMPLICIT
        own_queue = f"arn:aws:sqs:us-east-1:{OWN}:jobs"
        assert decision(request("sqs:SendMessage", own_queue, account=None), policies) is ALLOWED

    def test_the_context_says_it_for_buckets(self) -> None:
        policies = Policies(identity=(identity(allow("s3:*")),))
        foreign = request(account=None, aws_ResourceAccount=OTHER)
        assert decision(foreign, policies) is IMPLICIT

    def test_otherwise_it_is_unknown_where_partial_knowledge_is_declared(self) -> None:
        policies = Policies(identity=(identity(allow("s3:*")),))
        unsure = request(account=None)
        verdict = evaluate(unsure, policies, partial=True)
        assert verdict.decision is UNKNOWN
        assert [d.name for d in verdict.depends_on] == ["aws:ResourceAccount"]
        assert set(verdict.depends_on[0].outcomes.values()) == {ALLOWED, IMPLICIT}
        assert decision(unsure, policies) is ALLOWED
        both = Policies(identity=policies.identity, resource=bucket(allow(Principal={"AWS": ROOT})))
        assert decision(unsure, both, partial=True) is ALLOWED


def test_an_object_of_ours_stays_ours() -> None:
    policies = Policies(identity=(identity(allow("s3:GetObject", OBJECT)),))
    assert decision(request(principal=USER), policies) is ALLOWED
