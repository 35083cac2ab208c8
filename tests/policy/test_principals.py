"""Whom Principal and NotPrincipal name.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.policy.build import (
    ALLOWED,
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
    bucket,
    decision,
    deny,
    identity,
    request,
)
from workers.policy import Decision, Policies, PrincipalType, is_unique_id, principal_of
from workers.policy.principals import Grade, principal_set


@pytest.mark.parametrize(
    ("text", "kind", "account", "name"),
    [
        (USER, PrincipalType.USER, OWN, "ana"),
        (f"arn:aws:iam::{OWN}:user/division/team/ana", PrincipalType.USER, OWN, "ana"),
        (ROLE, PrincipalType.ROLE, OWN, "pipeline"),
        (f"arn:aws-cn:iam::{OWN}:role/service-role/x", PrincipalType.ROLE, OWN, "x"),
        (SESSION, PrincipalType.SESSION, OWN, "pipeline"),
        (ROOT, PrincipalType.ROOT, OWN, OWN),
        (OWN, PrincipalType.ROOT, OWN, OWN),
        ("codepipeline.amazonaws.com", PrincipalType.SERVICE, None, "codepipeline.amazonaws.com"),
        ("ec2.amazonaws.com.cn", PrincipalType.SERVICE, None, "ec2.amazonaws.com.cn"),
        ("*", PrincipalType.ANONYMOUS, None, ""),
        ("accounts.google.com", PrincipalType.FEDERATED, None, "accounts.google.com"),
        (
            "cognito-identity.amazonaws.com",
            PrincipalType.FEDERATED,
            None,
            "cognito-identity.amazonaws.com",
        ),
    ],
)
def test_what_an_arn_says(text: str, kind: PrincipalType, account: str | None, name: str) -> None:
    principal = principal_of(text)
    assert (principal.type, principal.account) == (kind, account)
    if kind is not PrincipalType.FEDERATED:
        assert principal.name == name


@pytest.mark.parametrize(
    ("element", "asking", "grade"),
    [
        ("*", USER, Grade.DIRECT),
        ({"AWS": "*"}, "*", Grade.DIRECT),
        ({"AWS": "*"}, "codepipeline.amazonaws.com", Grade.DIRECT),
        ({"AWS": USER}, USER, Grade.DIRECT),
        ({"AWS": [ROLE, USER]}, USER, Grade.DIRECT),
        ({"AWS": USER.upper()}, USER, Grade.NONE),
        ({"AWS": ROOT}, USER, Grade.ACCOUNT),
        ({"AWS": OWN}, SESSION, Grade.ACCOUNT),
        ({"AWS": ROOT}, ROOT, Grade.DIRECT),
        ({"AWS": ROLE}, SESSION, Grade.ENTITY),
        ({"AWS": f"arn:aws:iam::{OWN}:role/service-role/pipeline"}, SESSION, Grade.ENTITY),
        ({"AWS": SESSION}, SESSION, Grade.DIRECT),
        ({"AWS": f"{SESSION}2"}, SESSION, Grade.NONE),
        ({"AWS": f"arn:aws:iam::{OTHER}:role/pipeline"}, SESSION, Grade.NONE),
        ({"AWS": [ROOT, SESSION]}, SESSION, Grade.DIRECT),
        ({"AWS": f"arn:aws:iam::{OWN}:role/*"}, ROLE, Grade.NONE),  # no wildcards in names
        ({"AWS": f"arn:aws:sts::{OWN}:assumed-role/pipeline/*"}, SESSION, Grade.NONE),
        ({"AWS": "AROAABCDEFGHIJKLMNOPQ"}, ROLE, Grade.NONE),
        ({"Service": "codepipeline.amazonaws.com"}, "codepipeline.amazonaws.com", Grade.DIRECT),
        ({"Service": ["ecs.amazonaws.com"]}, "codepipeline.amazonaws.com", Grade.NONE),
        ({"Service": "codepipeline.amazonaws.com"}, ROLE, Grade.NONE),
        ({"Federated": "accounts.google.com"}, "accounts.google.com", Grade.DIRECT),
        ({"CanonicalUser": "a" * 64}, "a" * 64, Grade.DIRECT),
        ({}, USER, Grade.NONE),
    ],
)
def test_how_closely_an_element_names_somebody(element: Any, asking: str, grade: Grade) -> None:
    assert principal_set(element).grade(principal_of(asking)) is grade


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("AROAABCDEFGHIJKLMNOPQ", True),
        ("AIDAJQABLZS4A3QDU576Q", True),
        ("AIDAJQABLZS4A3QDU576Q:session", False),
        (USER, False),
        ("aroaabcdefghijklmnopq", False),
    ],
)
def test_unique_ids(text: str, result: bool) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids"""
    assert is_unique_id(text) is result


BOB = f"arn:aws:iam::{OWN}:user/Bob"
APP = f"arn:aws:sts::{OWN}:assumed-role/cross-account-read-only-role/cross-account-audit-app"
APP_ROLE = f"arn:aws:iam::{OWN}:role/cross-account-read-only-role"


@pytest.mark.parametrize(
    ("listed", "asking", "result"),
    [
        # "all principals except the user named Bob in AWS account 444455556666 are denied"
        ([BOB, ROOT], BOB, ALLOWED),
        ([BOB, ROOT], USER, EXPLICIT),
        ([BOB, ROOT], SESSION, EXPLICIT),
        # "except the assumed-role user named cross-account-audit-app"
        ([APP, APP_ROLE, ROOT], APP, ALLOWED),
        ([APP, APP_ROLE, ROOT], APP.replace("audit-app", "other"), EXPLICIT),
        ([APP, APP_ROLE, ROOT], USER, EXPLICIT),
        ([ROOT], ROOT, ALLOWED),
    ],
)
def test_not_principal_with_deny_leaves_out_whom_it_lists(
    listed: list[str], asking: str, result: Decision
) -> None:
    policies = Policies(
        identity=(identity(allow("s3:*")),),
        resource=bucket({**deny("s3:*"), "NotPrincipal": {"AWS": listed}}),
    )
    assert decision(request(principal=asking), policies) is result


def test_not_principal_always_denies_whoever_has_a_boundary() -> None:
    """ "regardless of the values specified in the NotPrincipal element" """
    policies = Policies(
        identity=(identity(allow()),),
        resource=bucket({**deny("s3:*"), "NotPrincipal": {"AWS": [USER, ROOT]}}),
        boundaries=(boundary(allow()),),
    )
    assert decision(request(), policies) is EXPLICIT


def test_which_session_of_a_role_asks_is_unknown_where_only_the_role_is() -> None:
    policies = Policies(
        identity=(identity(allow()),),
        resource=bucket({**deny("s3:*"), "NotPrincipal": {"AWS": [SESSION, ROLE, ROOT]}}),
    )
    assert decision(request(principal=ROLE), policies, partial=True) is UNKNOWN
    granting = Policies(resource=bucket(allow("s3:*", Principal={"AWS": SESSION})))
    assert decision(request(principal=ROLE), granting, partial=True) is UNKNOWN
    assert decision(request(principal=ROLE), granting) is IMPLICIT


def test_the_replacement_for_not_principal_that_the_page_recommends() -> None:
    statement = deny("s3:*", Principal="*", Condition={"ArnNotEquals": {"aws:PrincipalArn": ROLE}})
    policies = Policies(identity=(identity(allow()),), resource=bucket(statement))
    assert decision(request(principal=SESSION), policies) is ALLOWED
    assert decision(request(principal=USER), policies) is EXPLICIT


class TestServicesAndStrangers:
    """Principals without an account of ours."""

    def test_a_service_needs_the_resource_policy_and_nothing_else(self) -> None:
        """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-services"""
        service = "cloudtrail.amazonaws.com"
        policies = Policies(resource=bucket(allow("s3:PutObject", Principal={"Service": service})))
        assert decision(request("s3:PutObject", principal=service), policies) is ALLOWED
        assert decision(request("s3:GetObject", principal=service), policies) is IMPLICIT
        assert decision(request("s3:PutObject", principal=service), Policies()) is IMPLICIT

    def test_source_account_guards_against_the_confused_deputy(self) -> None:
        """https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html"""
        service = "cloudtrail.amazonaws.com"
        statement = allow(
            "s3:PutObject",
            Principal={"Service": service},
            Condition={"StringEquals": {"aws:SourceAccount": OWN}},
        )
        policies = Policies(resource=bucket(statement))
        mine = request("s3:PutObject", principal=service, aws_SourceAccount=OWN)
        theirs = request("s3:PutObject", principal=service, aws_SourceAccount=OTHER)
        assert decision(mine, policies) is ALLOWED
        assert decision(theirs, policies) is IMPLICIT

    def test_the_request_says_whether_a_service_asks(self) -> None:
        """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalisawsservice"""
        statement = deny(
            "s3:*", Principal="*", Condition={"Bool": {"aws:PrincipalIsAWSService": "false"}}
        )
        policies = Policies(resource=bucket(allow(Principal="*"), statement))
        assert decision(request(principal="cloudtrail.amazonaws.com"), policies) is ALLOWED
        assert decision(request(principal=USER), policies) is EXPLICIT

    @pytest.mark.parametrize("everyone", ["*", {"AWS": "*"}])
    def test_anonymous_callers_need_a_grant_to_everybody(self, everyone: Any) -> None:
        public = Policies(resource=bucket(allow("s3:GetObject", Principal=everyone)))
        assert decision(request(principal="*"), public) is ALLOWED
        named = Policies(resource=bucket(allow("s3:GetObject", Principal={"AWS": OWN})))
        assert decision(request(principal="*"), named) is IMPLICIT
