"""Who may assume a role.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_manage_modify.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.policy.build import (
    ALLOWED,
    DEPLOYER,
    EXPLICIT,
    IMPLICIT,
    OTHER,
    OWN,
    ROLE,
    ROOT,
    SESSION,
    UNKNOWN,
    USER,
    allow,
    boundary,
    decision,
    deny,
    identity,
    request,
    trust,
)
from workers.policy import Layer, Policies, Request, Unreadable, evaluate

FOREIGN = f"arn:aws:iam::{OTHER}:role/deployer"
MINE = (identity(allow("sts:AssumeRole")),)


def assume(principal: str = SESSION, role: str = DEPLOYER, **context: Any) -> Request:
    """One AssumeRole call; the account is the one in the role's ARN."""
    return request("sts:AssumeRole", role, principal, None, **context)


@pytest.mark.parametrize(("named", "asking"), [(USER, USER), (ROLE, SESSION), (SESSION, SESSION)])
def test_in_one_account_a_trust_that_names_the_principal_is_enough(named: str, asking: str) -> None:
    policies = Policies(resource=trust(allow("sts:AssumeRole", Principal={"AWS": named})))
    verdict = evaluate(assume(asking), policies)
    assert verdict.decision is ALLOWED
    assert [m.layer for m in verdict.matched] == [Layer.TRUST]


def test_a_trust_that_names_the_account_needs_an_identity_policy_too() -> None:
    policy = trust(allow("sts:AssumeRole", Principal={"AWS": ROOT}))
    assert decision(assume(), Policies(resource=policy)) is IMPLICIT
    assert decision(assume(), Policies(identity=MINE, resource=policy)) is ALLOWED


def test_an_identity_policy_alone_is_never_enough() -> None:
    service = trust(allow("sts:AssumeRole", Principal={"Service": "codebuild.amazonaws.com"}))
    verdict = evaluate(assume(), Policies(identity=MINE, resource=service))
    assert verdict.decision is IMPLICIT
    assert verdict.blocked_by == (Layer.TRUST,)
    assert decision(assume(), Policies(identity=MINE)) is IMPLICIT


def test_a_role_does_not_trust_itself_unless_it_says_so() -> None:
    """https://aws.amazon.com/blogs/security/announcing-an-update-to-iam-role-trust-policy-behavior/"""
    own = request("sts:AssumeRole", ROLE, SESSION)
    service = trust(allow("sts:AssumeRole", Principal={"Service": "codepipeline.amazonaws.com"}))
    assert decision(own, Policies(identity=MINE, resource=service)) is IMPLICIT


@pytest.mark.parametrize("named", [ROOT, OWN, ROLE])
def test_across_accounts_both_sides_are_needed(named: str) -> None:
    policy = trust(allow("sts:AssumeRole", Principal={"AWS": named}))
    assert decision(assume(role=FOREIGN), Policies(resource=policy)) is IMPLICIT
    assert decision(assume(role=FOREIGN), Policies(identity=MINE, resource=policy)) is ALLOWED
    assert decision(assume(role=FOREIGN), Policies(identity=MINE)) is IMPLICIT


def test_a_service_is_trusted_by_name() -> None:
    policy = trust(allow("sts:AssumeRole", Principal={"Service": "codepipeline.amazonaws.com"}))
    assert decision(assume("codepipeline.amazonaws.com"), Policies(resource=policy)) is ALLOWED
    assert decision(assume("codebuild.amazonaws.com"), Policies(resource=policy)) is IMPLICIT


def test_an_external_id_has_to_be_sent() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-user_externalid.html"""
    statement = allow(
        "sts:AssumeRole",
        Principal={"AWS": ROLE},
        Condition={"StringEquals": {"sts:ExternalId": "12345"}},
    )
    policies = Policies(identity=MINE, resource=trust(statement))
    assert decision(assume(), policies) is IMPLICIT
    assert decision(assume(sts_ExternalId="12345"), policies) is ALLOWED


def test_the_id_of_a_deleted_role_trusts_nobody() -> None:
    policy = trust(allow("sts:AssumeRole", Principal={"AWS": "AROAABCDEFGHIJKLMNOPQ"}))
    assert decision(assume(), Policies(identity=MINE, resource=policy)) is IMPLICIT
    assert [d.code for d in policy.diagnostics] == ["principal-deleted"]


def test_web_identities_need_only_the_trust() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_oidc.html"""
    provider = f"arn:aws:iam::{OWN}:oidc-provider/token.actions.githubusercontent.com"
    statement = allow(
        "sts:AssumeRoleWithWebIdentity",
        Principal={"Federated": provider},
        Condition={"StringLike": {"token.actions.githubusercontent.com:sub": "repo:acme/*"}},
    )
    policies = Policies(resource=trust(statement))
    keys = {"token.actions.githubusercontent.com:sub": "repo:acme/app:ref:refs/heads/main"}
    action = "sts:AssumeRoleWithWebIdentity"
    assert decision(Request(provider, action, DEPLOYER, None, keys), policies) is ALLOWED
    other = {"token.actions.githubusercontent.com:sub": "repo:other/app:x"}
    assert decision(Request(provider, action, DEPLOYER, None, other), policies) is IMPLICIT


def test_denies_and_limits_hold_here_too() -> None:
    policy = trust(allow("sts:AssumeRole", Principal={"AWS": ROLE}))
    bounded = Policies(identity=MINE, resource=policy, boundaries=(boundary(allow("s3:*")),))
    assert decision(assume(), bounded) is IMPLICIT
    denying = Policies(identity=(identity(deny("sts:*")),), resource=policy)
    assert decision(assume(), denying) is EXPLICIT


def test_passing_a_role_does_not_ask_its_trust() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html"""
    statement = allow(
        "iam:PassRole",
        DEPLOYER,
        Condition={"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}},
    )
    policies = Policies(identity=(identity(statement),))
    passing = request(
        "iam:PassRole", DEPLOYER, SESSION, iam_PassedToService="cloudformation.amazonaws.com"
    )
    assert decision(passing, policies) is ALLOWED
    elsewhere = request("iam:PassRole", DEPLOYER, SESSION, iam_PassedToService="ecs.amazonaws.com")
    assert decision(elsewhere, policies) is IMPLICIT


def test_a_trust_that_nobody_could_read_is_unknown() -> None:
    policies = Policies(identity=MINE, resource=Unreadable("trust of deployer", "no access"))
    verdict = evaluate(assume(role=FOREIGN), policies)
    assert verdict.decision is UNKNOWN
    (dependency,) = verdict.depends_on
    assert dependency.outcomes == {
        "it allows the request": ALLOWED,
        "it is silent": IMPLICIT,
        "it denies the request": EXPLICIT,
    }
    # Another layer settles it.
    assert decision(assume(role=FOREIGN), Policies(resource=policies.resource)) is IMPLICIT


def test_the_root_user_assumes_no_role() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_switch-role-console.html"""
    policies = Policies(resource=trust(allow("sts:AssumeRole", Principal={"AWS": ROOT})))
    assert decision(assume(ROOT), policies) is IMPLICIT
