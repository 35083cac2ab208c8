"""Condition operators, one table each.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.policy.build import (
    ALLOWED,
    IMPLICIT,
    OBJECT,
    OWN,
    USER,
    allow,
    decision,
    document,
    identity,
)
from workers.policy import Policies, Request

Context = dict[str, str | tuple[str, ...]]


def holds(condition: dict[str, Any], context: Context) -> bool:
    """Whether a statement with this condition allows a request with this context."""
    asked = Request(USER, "s3:GetObject", OBJECT, OWN, context)
    return decision(asked, Policies(identity=(identity(allow(Condition=condition)),))) is ALLOWED


K = "aws:RequestTag/stage"


@pytest.mark.parametrize(
    ("operator", "wanted", "has", "result"),
    [
        ("StringEquals", "prod", "prod", True),
        ("StringEquals", "prod", "Prod", False),
        ("StringEquals", ["dev", "prod"], "prod", True),
        ("StringEquals", "pro*", "prod", False),
        ("StringNotEquals", "prod", "dev", True),
        ("StringNotEquals", ["dev", "prod"], "prod", False),
        ("StringEqualsIgnoreCase", "PROD", "prod", True),
        ("StringNotEqualsIgnoreCase", "PROD", "prod", False),
        ("StringLike", "pro*", "prod", True),
        ("StringLike", "pro?", "prod", True),
        ("StringLike", "pro", "prod", False),
        ("StringLike", "PRO*", "prod", False),
        ("StringNotLike", ["a*", "p*"], "prod", False),
        ("StringNotLike", ["a*", "b*"], "prod", True),
        ("stringequals", "prod", "prod", True),
    ],
)
def test_strings(operator: str, wanted: Any, has: str, result: bool) -> None:
    assert holds({operator: {K: wanted}}, {K: has}) is result


@pytest.mark.parametrize(
    ("operator", "wanted", "has", "result"),
    [
        ("NumericEquals", "10", "10.0", True),
        ("NumericEquals", 10, "10", True),
        ("NumericNotEquals", "10", "11", True),
        ("NumericLessThan", "10", "9", True),
        ("NumericLessThan", "10", "10", False),
        ("NumericLessThanEquals", "10", "10", True),  # the page's s3:max-keys example
        ("NumericLessThanEquals", "10", "11", False),
        ("NumericGreaterThan", "10", "10", False),
        ("NumericGreaterThanEquals", "10", "10", True),
        ("NumericLessThan", ["1", "100"], "50", True),
        ("NumericEquals", "10", "ten", False),
        ("NumericNotEquals", "10", "ten", False),
        ("NumericEquals", "1e1", "10", True),
        ("NumericLessThan", "nan", "1", False),
    ],
)
def test_numbers(operator: str, wanted: Any, has: str, result: bool) -> None:
    assert holds({operator: {"s3:max-keys": wanted}}, {"s3:max-keys": has}) is result


NOON = "2020-01-01T12:00:00Z"


@pytest.mark.parametrize(
    ("operator", "wanted", "has", "result"),
    [
        ("DateGreaterThan", "2020-01-01T00:00:01Z", NOON, True),  # the page's example
        ("DateGreaterThan", NOON, NOON, False),
        ("DateGreaterThanEquals", NOON, NOON, True),
        ("DateLessThan", "2020-01-01", NOON, False),
        ("DateLessThan", "2020-01-02", NOON, True),
        ("DateLessThanEquals", NOON, NOON, True),
        ("DateEquals", "2020-01-01T13:00:00+01:00", NOON, True),
        ("DateEquals", "1577880000", NOON, True),  # "or in epoch (UNIX) time"
        ("DateNotEquals", NOON, "2020-01-01T12:00:01Z", True),
        ("DateLessThan", "2021", NOON, True),
        ("DateNotEquals", NOON, "yesterday", False),
        ("DateEquals", "2020-02-30", NOON, False),
    ],
)
def test_dates(operator: str, wanted: Any, has: str, result: bool) -> None:
    assert holds({operator: {"aws:CurrentTime": wanted}}, {"aws:CurrentTime": has}) is result


@pytest.mark.parametrize(
    ("wanted", "has", "result"),
    [
        ("true", "true", True),
        ("false", "true", False),
        (True, "true", True),
        ("TRUE", "true", True),
    ],
)
def test_booleans(wanted: Any, has: str, result: bool) -> None:
    assert holds({"Bool": {"aws:SecureTransport": wanted}}, {"aws:SecureTransport": has}) is result


@pytest.mark.parametrize(
    ("operator", "wanted", "has", "result"),
    [
        ("IpAddress", "203.0.113.0/24", "203.0.113.7", True),
        ("IpAddress", "203.0.113.0/24", "198.51.100.1", False),
        ("IpAddress", "203.0.113.7", "203.0.113.7", True),  # "IAM uses the default prefix /32"
        ("IpAddress", ["203.0.113.0/24", "2001:DB8:1234:5678::/64"], "2001:db8:1234:5678::1", True),
        ("NotIpAddress", "203.0.113.0/24", "198.51.100.1", True),
        ("NotIpAddress", ["203.0.113.0/24", "198.51.100.0/24"], "198.51.100.1", False),
        ("NotIpAddress", "203.0.113.0/24", "2001:db8::1", True),
        ("NotIpAddress", "203.0.113.0/24", "elsewhere", False),
    ],
)
def test_addresses(operator: str, wanted: Any, has: str, result: bool) -> None:
    assert holds({operator: {"aws:SourceIp": wanted}}, {"aws:SourceIp": has}) is result


def test_binary_compares_bytes_not_spelling() -> None:
    condition = {"BinaryEquals": {"key:binary": "QmluYXJ5VmFsdWVJbkJhc2U2NA=="}}
    assert holds(condition, {"key:binary": "QmluYXJ5VmFsdWVJbkJhc2U2NA=="})
    assert not holds(condition, {"key:binary": "QmluYXJ5"})


TOPIC = "arn:aws:sns:us-east-1:123456789012:news"


@pytest.mark.parametrize("operator", ["ArnEquals", "ArnLike"])
def test_arn_equals_and_arn_like_are_the_same(operator: str) -> None:
    assert holds(
        {operator: {"aws:SourceArn": "arn:aws:sns:*:123456789012:n*"}}, {"aws:SourceArn": TOPIC}
    )
    assert not holds(
        {operator: {"aws:SourceArn": "arn:aws:sqs:*:123456789012:n*"}}, {"aws:SourceArn": TOPIC}
    )


@pytest.mark.parametrize("operator", ["ArnNotEquals", "ArnNotLike"])
def test_negated_arn_operators(operator: str) -> None:
    condition = {
        operator: {"aws:SourceArn": ["arn:aws:sns:*:123456789012:n*", "arn:aws:sqs:*:*:*"]}
    }
    assert not holds(condition, {"aws:SourceArn": TOPIC})
    assert holds(condition, {"aws:SourceArn": "arn:aws:s3:::artifacts"})


@pytest.mark.parametrize(
    ("operator", "result"),
    [
        # "the values do not match and the condition is false"
        ("StringEquals", False),
        ("StringLike", False),
        ("NumericLessThan", False),
        ("IpAddress", False),
        ("ArnLike", False),
        ("Bool", False),
        # "requires that the key is not matched … the condition is true"
        ("StringNotEquals", True),
        ("StringNotLike", True),
        ("ArnNotLike", True),
        ("NumericNotEquals", True),
        ("NotIpAddress", True),
        # "If the key is not present, evaluate the condition element as true"
        ("StringEqualsIfExists", True),
        ("StringNotEqualsIfExists", True),
        ("BoolIfExists", True),
        ("NumericLessThanIfExists", True),
        # Set operators: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
        ("ForAllValues:StringEquals", True),
        ("ForAllValues:StringNotEquals", True),
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringNotEquals", False),
        ("ForAnyValue:StringEqualsIfExists", True),
    ],
)
def test_a_key_that_the_request_does_not_carry(operator: str, result: bool) -> None:
    value = {"NumericLessThan": "5", "NumericNotEquals": "5", "IpAddress": "10.0.0.0/8"}.get(
        operator.removesuffix("IfExists"), "true"
    )
    assert holds({operator: {"aws:SourceVpce": value}}, {}) is result


def test_if_exists_still_compares_a_key_that_is_there() -> None:
    """The page's ec2:InstanceType example."""
    condition = {"StringLikeIfExists": {"ec2:InstanceType": ["t1.*", "t2.*", "m3.*"]}}
    assert holds(condition, {})
    assert holds(condition, {"ec2:InstanceType": "t2.micro"})
    assert not holds(condition, {"ec2:InstanceType": "m5.large"})


@pytest.mark.parametrize(
    ("wanted", "context", "result"),
    [
        ("true", {}, True),
        ("true", {"aws:TokenIssueTime": NOON}, False),
        ("false", {}, False),
        ("false", {"aws:TokenIssueTime": NOON}, True),
        (["true", "false"], {}, True),
        (False, {"aws:TokenIssueTime": NOON}, True),
        ("false", {"aws:TokenIssueTime": ()}, False),  # "the key exists and its value is not null"
    ],
)
def test_null_asks_for_presence(wanted: Any, context: Context, result: bool) -> None:
    assert holds({"Null": {"aws:TokenIssueTime": wanted}}, context) is result


ENVIRONMENT = ["environment", "cost-center"]


@pytest.mark.parametrize(
    ("tags", "result"),
    [
        (("environment",), True),
        (("cost-center",), True),
        (("environment", "cost-center"), True),
        (("environment", "dept"), False),
        (None, False),
    ],
)
def test_for_all_values_table_of_the_page(tags: tuple[str, ...] | None, result: bool) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html"""
    condition = {
        "ForAllValues:StringEquals": {"aws:TagKeys": ENVIRONMENT},
        "Null": {"aws:TagKeys": "false"},
    }
    assert holds(condition, {} if tags is None else {"aws:TagKeys": tags}) is result


@pytest.mark.parametrize(
    ("tags", "result"),
    [
        (("environment",), True),
        (("environment", "cost-center"), True),
        (("environment", "dept"), True),
        (("dept",), False),
        (None, False),
    ],
)
def test_for_any_value_table_of_the_page(tags: tuple[str, ...] | None, result: bool) -> None:
    condition = {"ForAnyValue:StringEquals": {"aws:TagKeys": ENVIRONMENT}}
    assert holds(condition, {} if tags is None else {"aws:TagKeys": tags}) is result


@pytest.mark.parametrize(
    ("operator", "tags", "result"),
    [
        ("ForAllValues:StringNotEquals", ("dept", "team"), True),
        ("ForAllValues:StringNotEquals", ("dept", "environment"), False),
        ("ForAnyValue:StringNotEquals", ("dept", "environment"), True),
        ("ForAnyValue:StringNotEquals", ("environment",), False),
        ("ForAllValues:StringLike", ("environment",), True),
    ],
)
def test_set_operators_on_negated_comparisons(
    operator: str, tags: tuple[str, ...], result: bool
) -> None:
    assert holds({operator: {"aws:TagKeys": ENVIRONMENT}}, {"aws:TagKeys": tags}) is result


@pytest.mark.parametrize("operator", ["StringEquals", "StringNotEquals", "StringEqualsIfExists"])
def test_several_values_need_a_set_operator(operator: str) -> None:
    """ "Multivalued context keys require a condition set operator." """
    assert not holds({operator: {"aws:TagKeys": "environment"}}, {"aws:TagKeys": ("a", "b")})


def test_all_operators_and_all_keys_have_to_hold() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html"""
    condition = {
        "StringEquals": {
            "aws:PrincipalTag/department": ["finance", "hr"],
            "aws:PrincipalTag/role": "audit",
        },
        "Bool": {"aws:SecureTransport": "true"},
    }
    full: Context = {
        "aws:PrincipalTag/department": "hr",
        "aws:PrincipalTag/role": "audit",
        "aws:SecureTransport": "true",
    }
    assert holds(condition, full)
    for key in full:
        assert not holds(condition, {**full, key: "other"})


def test_condition_keys_have_no_case() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-infoallreqs"""
    assert holds({"StringEquals": {"AWS:sourcevpce": "vpce-1"}}, {"aws:SourceVpce": "vpce-1"})


def test_an_operator_that_does_not_exist_makes_the_decision_unknown() -> None:
    asked = Request(USER, "s3:GetObject", OBJECT, OWN)
    policy = identity(allow(Condition={"StringEqualz": {"aws:SourceVpce": "vpce-1"}}))
    assert decision(asked, Policies(identity=(policy,))) == "unknown"


def test_an_empty_condition_asks_for_nothing() -> None:
    assert holds({}, {})
    asked = Request(USER, "s3:GetObject", OBJECT, OWN)
    assert decision(asked, Policies(identity=(document(),))) is IMPLICIT
