"""Requests within one account.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.policy.build import (
    ALLOWED,
    EXPLICIT,
    FEDERATED_USER,
    IMPLICIT,
    OBJECT,
    OWN,
    ROLE,
    ROOT,
    SESSION,
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
from workers.policy import Decision, Layer, Policies, evaluate

CARLOS = f"arn:aws:iam::{OWN}:user/carlossalazar"
CARLOS_POLICY = identity(
    allow(
        [
            "s3:GetBucketLocation",
            "s3:GetAccountPublicAccessBlock",
            "s3:ListAccessPoints",
            "s3:ListAllMyBuckets",
        ],
        "arn:aws:s3:::*",
        Sid="AllowS3ListRead",
    ),
    allow(
        "s3:*", ["arn:aws:s3:::carlossalazar/*", "arn:aws:s3:::carlossalazar"], Sid="AllowS3Self"
    ),
    deny("s3:*", "arn:aws:s3:::*log*", Sid="DenyS3Logs"),
)
CARLOS_BUCKET = bucket(
    allow(
        "s3:*",
        ["arn:aws:s3:::carlossalazar/*", "arn:aws:s3:::carlossalazar"],
        Principal={"AWS": CARLOS},
    )
)


@pytest.mark.parametrize(
    ("action", "resource", "result"),
    [
        ("s3:PutObject", "arn:aws:s3:::carlossalazar-logs/x", EXPLICIT),
        ("s3:PutObject", "arn:aws:s3:::carlossalazar/x", ALLOWED),
        ("s3:ListAllMyBuckets", "arn:aws:s3:::*", ALLOWED),
        ("s3:PutObject", "arn:aws:s3:::somebody-else/x", IMPLICIT),
    ],
)
def test_the_example_of_carlos(action: str, resource: str, result: Decision) -> None:
    policies = Policies(identity=(CARLOS_POLICY,), resource=CARLOS_BUCKET)
    assert decision(request(action, resource, CARLOS), policies) is result


def test_the_verdict_names_the_statement_that_denied() -> None:
    policies = Policies(identity=(CARLOS_POLICY,), resource=CARLOS_BUCKET)
    verdict = evaluate(
        request("s3:PutObject", "arn:aws:s3:::carlossalazar-logs/x", CARLOS), policies
    )
    assert [(m.layer, m.policy, m.statement, m.effect) for m in verdict.matched] == [
        (Layer.IDENTITY, "identity", "DenyS3Logs", "Deny")
    ]


def test_implicit_and_explicit_denies_of_the_page() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_AccessPolicyLanguage_Interplay.html"""
    policy = identity(
        allow(["iam:Get*", "iam:List*"], Sid="AllowGetList"),
        deny("iam:*Report", Sid="DenyReports"),
    )
    policies = Policies(identity=(policy,))
    report = f"arn:aws:iam::{OWN}:report/x"
    assert decision(request("iam:GetUser", USER), policies) is ALLOWED
    assert decision(request("iam:CreatePolicy", USER), policies) is IMPLICIT
    assert decision(request("iam:GetOrganizationsAccessReport", report), policies) is EXPLICIT
    more = Policies(identity=(policy, identity(allow("iam:GenerateCredentialReport"))))
    assert decision(request("iam:GenerateCredentialReport", report), more) is EXPLICIT


def test_no_policies_no_access() -> None:
    assert decision(request(), Policies()) is IMPLICIT
    assert decision(request(), Policies(identity=(identity(),))) is IMPLICIT


def test_identity_or_resource_policy_suffices() -> None:
    grant = bucket(allow("s3:GetObject", OBJECT, Principal={"AWS": USER}))
    assert decision(request(), Policies(identity=(identity(allow("s3:GetObject")),))) is ALLOWED
    assert decision(request(), Policies(resource=grant)) is ALLOWED


def test_naming_the_account_delegates_but_grants_nothing_by_itself() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-accounts"""
    for name in (ROOT, OWN):
        policies = Policies(resource=bucket(allow("s3:GetObject", OBJECT, Principal={"AWS": name})))
        assert decision(request(), policies) is IMPLICIT


SILENT = allow("ec2:*")

# Resource-based policies and implicit denies in other policy types (same account): who is named,
# who asks, and whether a silent boundary or session policy still limits.
TABLE = [
    (USER, USER, "boundary", ALLOWED),
    ("*", USER, "boundary", ALLOWED),
    (ROLE, SESSION, "boundary", IMPLICIT),
    (ROLE, SESSION, "session", IMPLICIT),
    (ROLE, SESSION, "identity", ALLOWED),
    (SESSION, SESSION, "boundary", ALLOWED),
    (SESSION, SESSION, "session", ALLOWED),
    (SESSION, SESSION, "identity", ALLOWED),
    ("*", SESSION, "boundary", ALLOWED),
    (FEDERATED_USER, FEDERATED_USER, "boundary", ALLOWED),
    (FEDERATED_USER, FEDERATED_USER, "session", ALLOWED),
    (USER, FEDERATED_USER, "boundary", IMPLICIT),
    (USER, FEDERATED_USER, "session", IMPLICIT),
]


@pytest.mark.parametrize(("named", "asking", "silent", "result"), TABLE)
def test_whom_a_resource_policy_names_decides_what_still_limits(
    named: str, asking: str, silent: str, result: Decision
) -> None:
    layers: dict[str, Any] = {"session": (session(allow()),)}
    if silent == "boundary":
        layers["boundaries"] = (boundary(SILENT),)
    elif silent == "session":
        layers["session"] = (session(SILENT),)
    resource = bucket(allow("s3:GetObject", OBJECT, Principal={"AWS": named}))
    policies = Policies(resource=resource, **layers)
    assert decision(request(principal=asking), policies) is result


@pytest.mark.parametrize("named", [USER, "*"])
def test_an_explicit_deny_in_a_boundary_still_denies(named: str) -> None:
    policies = Policies(
        resource=bucket(allow(Principal={"AWS": named})),
        boundaries=(boundary(allow(), deny("s3:*")),),
    )
    assert decision(request(), policies) is EXPLICIT


def test_principal_arn_condition_with_wildcard_is_not_limited_by_a_boundary() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-roles"""
    statement = allow(
        "s3:GetObject", OBJECT, Principal="*", Condition={"ArnEquals": {"aws:PrincipalArn": ROLE}}
    )
    policies = Policies(resource=bucket(statement), boundaries=(boundary(SILENT),))
    assert decision(request(principal=SESSION), policies) is ALLOWED
    assert decision(request(principal=USER), policies) is IMPLICIT


def test_a_federated_user_without_session_policy_has_nothing_of_the_users() -> None:
    """https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html"""
    policies = Policies(identity=(identity(allow()),))
    assert decision(request(principal=FEDERATED_USER), policies) is IMPLICIT
    with_session = Policies(identity=(identity(allow()),), session=(session(allow("s3:*")),))
    assert decision(request(principal=FEDERATED_USER), with_session) is ALLOWED


def test_session_policies_intersect_with_the_role() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session"""
    narrowed = Policies(
        identity=(identity(allow("s3:*")),), session=(session(allow("s3:GetObject")),)
    )
    assert decision(request(principal=SESSION), narrowed) is ALLOWED
    assert decision(request("s3:PutObject", principal=SESSION), narrowed) is IMPLICIT
    wider = Policies(identity=(identity(allow("s3:GetObject")),), session=(session(allow()),))
    assert decision(request("s3:PutObject", principal=SESSION), wider) is IMPLICIT


class TestRoot:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user.html"""

    def test_has_full_access_to_its_account(self) -> None:
        assert decision(request("iam:CreateUser", USER, ROOT), Policies()) is ALLOWED

    def test_a_bucket_policy_can_deny_it(self) -> None:
        policies = Policies(resource=bucket(deny("s3:*", Principal="*")))
        assert decision(request(principal=ROOT), policies) is EXPLICIT

    @pytest.mark.parametrize("name", ["GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"])
    def test_but_not_from_mending_the_bucket_policy(self, name: str) -> None:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html"""
        policies = Policies(resource=bucket(deny("s3:*", Principal="*")))
        bucket_arn = "arn:aws:s3:::artifacts"
        assert decision(request(f"s3:{name}", bucket_arn, ROOT), policies) is ALLOWED
        assert decision(request(f"s3:{name}", bucket_arn, USER), policies) is EXPLICIT


class TestElements:
    """NotAction, NotResource, case, and single values in place of lists."""

    @pytest.mark.parametrize(
        ("statement", "action", "resource", "result"),
        [
            # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notaction.html
            (
                {"NotAction": "s3:DeleteBucket", "Resource": "arn:aws:s3:::*"},
                "s3:GetObject",
                OBJECT,
                ALLOWED,
            ),
            (
                {"NotAction": "s3:DeleteBucket", "Resource": "arn:aws:s3:::*"},
                "s3:DeleteBucket",
                "arn:aws:s3:::b",
                IMPLICIT,
            ),
            ({"NotAction": "iam:*", "Resource": "*"}, "iam:GetUser", USER, IMPLICIT),
            ({"NotAction": ["iam:*", "s3:G*"], "Resource": "*"}, "s3:PutObject", OBJECT, ALLOWED),
            # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notresource.html
            (
                {"Action": "s3:*", "NotResource": "arn:aws:s3:::HRBucket/Payroll"},
                "s3:GetObject",
                OBJECT,
                ALLOWED,
            ),
            (
                {"Action": "s3:*", "NotResource": "arn:aws:s3:::HRBucket/*"},
                "s3:GetObject",
                "arn:aws:s3:::HRBucket/Payroll",
                IMPLICIT,
            ),
            # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html
            ({"Action": "S3:GETOBJECT", "Resource": "*"}, "s3:GetObject", OBJECT, ALLOWED),
            ({"Action": "s3:Get?bject", "Resource": "*"}, "s3:getobject", OBJECT, ALLOWED),
            ({"Action": "iam:*AccessKey*", "Resource": "*"}, "iam:CreateAccessKey", USER, ALLOWED),
            ({"Action": "*:Get*", "Resource": "*"}, "s3:GetObject", OBJECT, ALLOWED),
            (
                {"Action": "s3:GetObject", "Resource": OBJECT.upper()},
                "s3:GetObject",
                OBJECT,
                IMPLICIT,
            ),
            (
                {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::artifacts"},
                "s3:GetObject",
                OBJECT,
                IMPLICIT,
            ),
        ],
    )
    def test_matching(
        self, statement: dict[str, Any], action: str, resource: str, result: Decision
    ) -> None:
        policies = Policies(identity=(identity({"Effect": "Allow", **statement}),))
        assert decision(request(action, resource), policies) is result

    def test_everything_but_is_denied(self) -> None:
        """NotResource with Deny, as the page shows it."""
        statement = {
            "Effect": "Deny",
            "Action": "s3:*",
            "NotResource": ["arn:aws:s3:::artifacts", "arn:aws:s3:::artifacts/*"],
        }
        policies = Policies(identity=(identity(allow(), statement),))
        assert decision(request(), policies) is ALLOWED
        assert decision(request(resource="arn:aws:s3:::other/x"), policies) is EXPLICIT
