"""What lies beyond the documents that were read is said, in words that somebody can act on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cases.field.test_field import HERE as FIELD
from tests.diagnosis.examine import examine
from tests.diagnosis.test_narrow import HOME, SERVICE_ROLE, action, allow, role, snapshot
from workers.diagnosis.model import Outcome
from workers.policy.actions import takes_resource


def deployed(provider: str, configuration: dict[str, str], **parts: Any) -> dict[str, Any]:
    """A pipeline of which IAM allows everything."""
    roles = {SERVICE_ROLE: role("codepipeline.amazonaws.com", allow("*"))}
    pipeline = f"arn:aws:codepipeline:us-east-1:{HOME}:demo"
    described: dict[str, Any] = {pipeline: {"RuleArns": []}}
    return snapshot(
        roles, action(provider, "Deploy", configuration), descriptions=described, **parts
    )


@pytest.mark.parametrize(
    ("provider", "configuration", "said"),
    [
        ("EKS", {"ClusterName": "main"}, "access entries"),
        ("ElasticBeanstalk", {"ApplicationName": "a", "EnvironmentName": "e"}, "Elastic Beanstalk"),
    ],
)
def test_what_no_policy_shows_keeps_a_pipeline_from_being_clear(
    provider: str, configuration: dict[str, str], said: str
) -> None:
    """Until it has worked once.

    https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html
    https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-Beanstalk.html
    """
    report = examine(json.dumps(deployed(provider, configuration)))
    assert report.findings == ()
    assert report.outcome is Outcome.UNKNOWN
    (missing,) = report.unreadable
    assert said in missing.what
    worked = [{"stage": "Deploy", "action": provider, "status": "Succeeded", "execution": "e"}]
    report = examine(json.dumps(deployed(provider, configuration, runs=worked)))
    assert report.outcome is Outcome.CLEAR
    assert report.unreadable == ()


def test_an_account_that_nobody_read_gets_its_statement() -> None:
    """Across accounts both sides have to allow, whatever was read of the other one."""
    report = examine((FIELD / "184-image-of-another-account.json").read_text("utf-8"))
    fix = report.findings[0].fix
    assert fix is not None
    assert not fix.proven
    words, _, statement = fix.instructions.partition("\n")
    assert "belongs to account 222222222222 and has to allow this as well" in words
    assert json.loads(statement)["Principal"] == {"AWS": f"arn:aws:iam::{HOME}:role/BuildRole"}


def test_an_action_without_resources_is_denied_on_all_of_them() -> None:
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html"""
    assert not takes_resource("autoscaling:DescribeAutoScalingGroups")
    assert takes_resource("s3:GetObject")
    assert takes_resource("nobody:KnowsThis")
