"""What was not read is taken for neither allowed nor denied, and nothing makes a diagnosis fail."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.diagnosis.cases import CASES as REPORTS
from tests.diagnosis.examine import examine, finding, told
from tests.diagnosis.world import (
    BUCKET,
    BUILD,
    CONNECTION,
    FUNCTION,
    HOME,
    KEY,
    PROD,
    PROD_DEPLOY,
    SERVICE,
    SITE_KEY,
    STAGING,
    TOOLS,
    allow,
    document,
    reference,
    statement,
)
from workers.diagnosis.model import FixKind, Outcome

Snapshot = dict[str, Any]
REFUSED = {"$unreadable": "AccessDenied: not allowed to read it"}

# Every document of the reference pipeline: the way to it, and the read that shows it.
DOCUMENTS = [
    *((("roles", arn), "iam:GetRole") for arn in (SERVICE, BUILD, PROD_DEPLOY)),
    *((("roles", arn, "policies"), "iam:GetRolePolicy") for arn in (SERVICE, BUILD, PROD_DEPLOY)),
    *((("roles", arn, "trust"), "iam:GetRole") for arn in (SERVICE, BUILD, PROD_DEPLOY)),
    *((("roles", arn, "boundary"), "iam:GetRole") for arn in (SERVICE, BUILD, PROD_DEPLOY)),
    (("buckets", BUCKET), "s3:GetBucketPolicy"),
    (("buckets", BUCKET, "policy"), "s3:GetBucketPolicy"),
    (("keys", KEY), "kms:GetKeyPolicy"),
    (("keys", KEY, "policy"), "kms:GetKeyPolicy"),
    *((("memberships", each), "organizations:DescribePolicy") for each in (TOOLS, STAGING, PROD)),
    *((("memberships", each, "scps"), "organizations:DescribePolicy") for each in (TOOLS, PROD)),
    (("memberships", TOOLS, "rcps"), "organizations:DescribePolicy"),
]


# What is no policy, but says whose policies have a say.
PARTS = [
    (
        ("projects", f"arn:aws:codebuild:{HOME}:{TOOLS}:project/payments-build"),
        "codebuild:BatchGetProjects",
    ),
    (("connections", CONNECTION), "codestar-connections:GetConnection"),
    (("connections", CONNECTION, "status"), "codeconnections:GetConnection"),
    (("descriptions", FUNCTION), "lambda:GetFunctionConfiguration"),
    (
        ("descriptions", f"arn:aws:ecs:{HOME}:{STAGING}:service/payments/api"),
        "ecs:DescribeServices",
    ),
    (
        ("descriptions", f"arn:aws:ecs:{HOME}:{STAGING}:task-definition/payments:7"),
        "ecs:DescribeTaskDefinition",
    ),
    (
        ("descriptions", f"arn:aws:codedeploy:{HOME}:{PROD}:deploymentgroup:payments/servers"),
        "codedeploy:GetDeploymentGroup",
    ),
    (
        ("descriptions", f"arn:aws:codepipeline:{HOME}:{TOOLS}:payments-deploy"),
        "events:ListRuleNamesByTarget",
    ),
]


def put(snapshot: Snapshot, path: tuple[str, ...], value: Any) -> Snapshot:
    node = snapshot
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return snapshot


@pytest.mark.parametrize(
    ("path", "read"),
    DOCUMENTS,
    ids=lambda each: "/".join(each)[-60:] if isinstance(each, tuple) else each,
)
def test_one_unread_document_makes_clear_unknown_and_says_what_to_grant(
    path: tuple[str, ...], read: str
) -> None:
    report = examine(put(reference(), path, REFUSED))
    assert report.outcome is Outcome.UNKNOWN, told(report)
    assert not any(each.fix and each.fix.steps for each in report.findings)
    told_of = [each for each in report.unreadable if each.why == REFUSED["$unreadable"]]
    assert told_of
    assert any(read in each.grant for each in told_of)
    assert all("depend on it" in each.would_change for each in told_of)


@pytest.mark.parametrize(("path", "read"), PARTS, ids=lambda each: "/".join(each)[-60:])
def test_what_says_whose_policies_count_has_to_be_read_as_well(
    path: tuple[str, ...], read: str
) -> None:
    report = examine(put(reference(), path, REFUSED))
    assert report.outcome is Outcome.UNKNOWN, told(report)
    (told_of,) = (each for each in report.unreadable if each.why == REFUSED["$unreadable"])
    assert read in told_of.grant
    assert "not known" in told_of.would_change


def test_an_unread_document_that_cannot_change_a_denial_leaves_it_proven() -> None:
    snapshot = reference()
    statement(snapshot, SERVICE, "Builds")["Resource"] = "arn:aws:codebuild:*:*:project/other"
    put(snapshot, ("memberships", TOOLS), REFUSED)
    report = examine(snapshot)
    assert report.outcome is Outcome.BLOCKED
    first = report.findings[0]
    assert (first.action, first.certainty) == ("codebuild:StartBuild", "proven")
    assert first.fix is not None
    assert not first.fix.proven, "an unread service control policy may still deny"


def test_an_account_that_is_not_configured_is_to_be_added() -> None:
    from workers.settings import validate

    settings = validate({"accounts": [{"id": TOOLS, "alias": "tools"}]}, "test")
    report = examine(put(reference(), ("roles", PROD_DEPLOY), REFUSED), settings=settings)
    assert any("Add account 333333333333" in each.grant for each in report.unreadable)


def test_a_pipeline_that_may_not_be_read_is_unknown_by_its_name() -> None:
    report = examine(
        {"snapshot": 1, "pipeline": REFUSED}, name="ledger", account=TOOLS, region=HOME
    )
    assert (report.name, report.account, report.region) == ("ledger", TOOLS, HOME)
    assert report.outcome is Outcome.UNKNOWN
    assert "codepipeline:GetPipeline" in report.unreadable[0].grant


def test_a_pipeline_that_was_deleted_meanwhile_is_unknown_and_nothing_is_claimed() -> None:
    report = examine({"snapshot": 1, "pipeline": None}, name="gone")
    assert report.outcome is Outcome.UNKNOWN
    assert report.findings == ()


def test_an_empty_snapshot_is_unknown() -> None:
    report = examine({"snapshot": 1})
    assert report.outcome is Outcome.UNKNOWN
    assert report.unreadable


@pytest.mark.parametrize(
    "partition",
    [("aws-cn", "cn-north-1", "cn-northwest-1"), ("aws-us-gov", "us-gov-west-1", "us-gov-east-1")],
    ids=lambda each: each[0],
)
def test_other_partitions_are_diagnosed_and_cured_in_their_own_arns(
    partition: tuple[str, str, str],
) -> None:
    name, home, away = partition
    text = json.dumps(reference()).replace("arn:aws:", f"arn:{name}:").replace(HOME, home)
    text = text.replace("us-east-1", away)
    if name == "aws-cn":
        text = text.replace(f"s3.{home}.amazonaws.com", f"s3.{home}.amazonaws.com.cn")
    snapshot = json.loads(text)
    assert examine(copy.deepcopy(snapshot)).outcome is Outcome.CLEAR
    service = SERVICE.replace("arn:aws:", f"arn:{name}:")
    statements = snapshot["roles"][service]["policies"]["access"]["Statement"]
    statements[:] = [each for each in statements if each["Sid"] != "Builds"]
    first = examine(snapshot).findings[0]
    assert first.action == "codebuild:StartBuild"
    assert first.fix is not None
    assert first.fix.proven
    assert f"arn:{name}:codebuild:{home}" in first.fix.steps[0].after


def test_a_key_of_another_organisation_is_decided_by_its_own_policies() -> None:
    snapshot = reference()
    snapshot["memberships"][TOOLS]["rcps"][0]["policies"]["OwnOrganisation"] = document(
        allow("OwnOrganisation", "kms:*", "*", Principal="*",
              Condition={"StringNotEquals": {"aws:PrincipalOrgID": "o-payments00"}})
        | {"Effect": "Deny"}
    )  # fmt: skip
    assert examine(copy.deepcopy(snapshot)).outcome is Outcome.CLEAR
    snapshot["memberships"][PROD]["organisation"] = "o-another000"
    found = finding(examine(snapshot), component="rcp")
    assert found.principal == PROD_DEPLOY
    assert found.evidence[0].statement == "OwnOrganisation"


def test_a_grant_allows_what_the_key_policy_does_not() -> None:
    snapshot = reference()
    statement(snapshot, SITE_KEY, "Owner")["Action"] = "kms:Put*"
    statement(snapshot, SITE_KEY, "Users")["Principal"] = {"AWS": f"arn:aws:iam::{STAGING}:root"}
    assert examine(copy.deepcopy(snapshot)).outcome is Outcome.BLOCKED
    operations = [
        "Decrypt",
        "DescribeKey",
        "Encrypt",
        "GenerateDataKey",
        "ReEncryptFrom",
        "ReEncryptTo",
    ]
    snapshot["keys"][SITE_KEY]["grants"] = [
        {"id": "grant-1", "grantee": SERVICE, "operations": operations}
    ]
    assert examine(snapshot).outcome is Outcome.CLEAR


def test_a_condition_on_what_nobody_knows_is_told_with_its_statement() -> None:
    snapshot = reference()
    snapshot["buckets"][BUCKET]["policy"]["Statement"].append(
        allow("OnlyFromOffice", "s3:GetObject", f"arn:aws:s3:::{BUCKET}/*", Principal="*",
              Condition={"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}})
        | {"Effect": "Deny"}
    )  # fmt: skip
    report = examine(snapshot)
    assert report.outcome is Outcome.UNKNOWN
    first = report.findings[0]
    assert (first.component, first.certainty, first.detail) == ("bucket", "unknown", "condition")
    assert first.evidence[0].statement == "OnlyFromOffice"
    assert "aws:sourceip" in first.headline.lower()


# --- any snapshot ------------------------------------------------------------------------------


def _paths(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(node, dict) and "Statement" not in node and "Effect" not in node:
        for key, value in node.items():
            yield (*path, key)
            yield from _paths(value, (*path, key))


WHOLE = [
    ("reference", reference()),
    *((case.name, {"snapshot": 1, **case.snapshot}) for case in REPORTS),
]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_whatever_is_missing_the_diagnosis_answers_and_never_says_clear(
    data: st.DataObject,
) -> None:
    """Parts of a snapshot are left out at random; what a person writes by hand looks like that."""
    _, whole = data.draw(st.sampled_from(WHOLE), label="snapshot")
    snapshot = copy.deepcopy(whole)
    parts = [path for path in _paths(snapshot) if path[0] not in ("snapshot", "pipeline")]
    left_out = data.draw(st.lists(st.sampled_from(parts), min_size=1, max_size=6), label="left out")
    for path in left_out:
        node = snapshot
        try:
            for step in path[:-1]:
                node = node[step]
            del node[path[-1]]
        except (KeyError, TypeError):
            continue
    try:
        report = examine(snapshot)
    except Exception as error:
        if type(error).__name__ == "SnapshotError":
            return
        raise
    if report.outcome is Outcome.CLEAR:
        needed = [each for each in report.checks if each.requirement.strength != "documented"]
        assert needed
        assert {each.verdict.decision for each in needed} == {"allowed"}
    for found in report.findings:
        if found.fix is not None and found.fix.kind is FixKind.RETRY:
            assert found.fix.steps == ()
