"""Policy variables: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html"""

from __future__ import annotations

from typing import Any

import pytest

from tests.policy.build import (
    ALLOWED,
    EXPLICIT,
    IMPLICIT,
    OWN,
    ROLE,
    UNKNOWN,
    USER,
    allow,
    decision,
    deny,
    document,
    identity,
    request,
)
from workers.policy import Policies, Request

HOME = "arn:aws:s3:::mybucket/ana/notes.txt"


def asked(resource: str = HOME, principal: str = USER, **context: Any) -> Request:
    """A read of one object."""
    return request(resource=resource, principal=principal, **context)


def test_the_user_name_stands_in_for_the_variable() -> None:
    """The page's first example; the name is what the ARN says."""
    policies = Policies(
        identity=(identity(allow("s3:GetObject", "arn:aws:s3:::mybucket/${aws:username}/*")),)
    )
    assert decision(asked(), policies) is ALLOWED
    assert decision(asked("arn:aws:s3:::mybucket/bob/notes.txt"), policies) is IMPLICIT


def test_a_role_has_no_user_name_so_nothing_matches() -> None:
    policies = Policies(
        identity=(identity(allow("s3:GetObject", "arn:aws:s3:::mybucket/${aws:username}/*")),)
    )
    assert decision(asked(principal=ROLE), policies) is IMPLICIT


def test_in_earlier_versions_of_the_language_a_variable_is_plain_text() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html"""
    for version in ("2008-10-17", None):
        policy = document(allow("s3:*", "arn:aws:s3:::mybucket/${aws:username}/*"), version=version)
        policies = Policies(identity=(policy,))
        assert decision(asked(), policies) is IMPLICIT
        assert decision(asked("arn:aws:s3:::mybucket/${aws:username}/x"), policies) is ALLOWED


def test_a_default_stands_in_for_a_missing_key() -> None:
    policy = identity(
        allow("s3:*", "arn:aws:s3:::mybucket/${aws:PrincipalTag/team, 'company-wide'}/*")
    )
    policies = Policies(identity=(policy,))
    assert decision(asked("arn:aws:s3:::mybucket/company-wide/x"), policies) is ALLOWED
    tagged = asked("arn:aws:s3:::mybucket/yellow/x", aws_PrincipalTag__team="yellow")
    assert decision(tagged, policies) is ALLOWED
    assert decision(asked("arn:aws:s3:::mybucket/yellow/x"), policies) is IMPLICIT


@pytest.mark.parametrize(
    ("written", "object_name", "matches"),
    [
        ("a${*}b", "a*b", True),
        ("a${*}b", "axb", False),
        ("a${?}b", "a?b", True),
        ("a${?}b", "axb", False),
        ("a${$}b", "a$b", True),
        ("a${*}*", "a*anything", True),
        ("a${unclosed", "a${unclosed", True),
    ],
)
def test_escaped_characters_are_themselves(written: str, object_name: str, matches: bool) -> None:
    policies = Policies(identity=(identity(allow("s3:*", f"arn:aws:s3:::mybucket/{written}")),))
    got = decision(asked(f"arn:aws:s3:::mybucket/{object_name}"), policies)
    assert (got is ALLOWED) is matches


@pytest.mark.parametrize("operator", ["StringEquals", "StringLike"])
def test_a_value_of_the_request_brings_no_wildcards(operator: str) -> None:
    policy = identity(allow(Condition={operator: {"s3:prefix": "${aws:PrincipalTag/team}"}}))
    policies = Policies(identity=(policy,))
    assert decision(asked(s3_prefix="x", aws_PrincipalTag__team="*"), policies) is IMPLICIT
    assert decision(asked(s3_prefix="*", aws_PrincipalTag__team="*"), policies) is ALLOWED


def test_variables_work_in_arn_conditions() -> None:
    condition = {"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:${aws:username}-*"}}
    policies = Policies(identity=(identity(allow(Condition=condition)),))
    mine = asked(aws_SourceArn=f"arn:aws:sns:us-east-1:{OWN}:ana-news")
    assert decision(mine, policies) is ALLOWED
    other = asked(aws_SourceArn=f"arn:aws:sns:us-east-1:{OWN}:bob-news")
    assert decision(other, policies) is IMPLICIT


def test_a_variable_without_value_makes_a_statement_with_a_negated_condition_invalid() -> None:
    """ "any attempt to match it fails and causes the statement to be invalid" """
    condition = {"StringNotEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}
    tagged = asked(aws_ResourceTag__team="red")
    denying = Policies(identity=(identity(allow(), deny(Condition=condition)),))
    assert decision(tagged, denying) is ALLOWED
    both = asked(aws_ResourceTag__team="red", aws_PrincipalTag__team="blue")
    assert decision(both, denying) is EXPLICIT


def test_a_key_with_several_values_is_no_variable() -> None:
    policy = identity(allow("s3:*", "arn:aws:s3:::mybucket/${aws:TagKeys}/*"))
    several = asked("arn:aws:s3:::mybucket/a/x", aws_TagKeys=("a", "b"))
    assert decision(several, Policies(identity=(policy,))) is IMPLICIT


def test_a_variable_whose_key_is_unknown_makes_the_decision_unknown() -> None:
    policy = identity(allow("s3:*", "arn:aws:s3:::mybucket/${aws:PrincipalTag/team}/*"))
    unsure = asked("arn:aws:s3:::mybucket/red/x", unknown=("aws:PrincipalTag/team",))
    assert decision(unsure, Policies(identity=(policy,)), partial=True) is UNKNOWN
    assert decision(unsure, Policies(identity=(policy,))) is IMPLICIT
