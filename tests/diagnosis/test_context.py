"""What a request carries of the resource that it is about: tags, aliases, the version of TLS.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.diagnosis.examine import examine, told
from tests.diagnosis.test_narrow import HOME, REGION, SERVICE_ROLE, action, allow, role, snapshot
from workers.diagnosis.model import Outcome

KEY = f"arn:aws:kms:{REGION}:{HOME}:key/1"
PROJECT = f"arn:aws:codebuild:{REGION}:{HOME}:project/app"
BUILD_ROLE = f"arn:aws:iam::{HOME}:role/BuildRole"


def world(statement: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """A build whose service role has one statement beside the rights on buckets."""
    made = snapshot(
        {
            SERVICE_ROLE: role("codepipeline.amazonaws.com", allow("s3:*"), statement),
            BUILD_ROLE: role("codebuild.amazonaws.com", allow("s3:*", "logs:*", "kms:*")),
        },
        action("CodeCommit", "Source", {"RepositoryName": "r", "BranchName": "main"}),
        action("CodeBuild", "Build", {"ProjectName": "app"}),
        descriptions={f"arn:aws:codepipeline:{REGION}:{HOME}:demo": {"RuleArns": []}},
        **{"projects": {PROJECT: {"service_role": BUILD_ROLE}}, **parts},
    )
    for each in made["pipeline"]["stages"]:
        name = "inputArtifacts" if each["stage"] == "Build" else "outputArtifacts"
        each[name] = [{"name": "Source"}]
    return made


def tagged(operator: str = "StringEquals") -> dict[str, Any]:
    return {
        **allow("codebuild:*", "codecommit:*"),
        "Condition": {operator: {"aws:ResourceTag/app": "shop"}},
    }


@pytest.mark.parametrize(
    ("tags", "outcome"),
    [
        ({"app": "shop"}, Outcome.CLEAR),
        ({"app": "other"}, Outcome.BLOCKED),
        ({}, Outcome.BLOCKED),
        (None, Outcome.UNKNOWN),
    ],
)
def test_a_condition_on_a_projects_tag_is_decided_by_its_tags(
    tags: dict[str, str] | None, outcome: Outcome
) -> None:
    """https://docs.aws.amazon.com/codebuild/latest/userguide/auth-and-access-control-using-tags.html"""
    project = {"service_role": BUILD_ROLE, **({} if tags is None else {"tags": tags})}
    made = world(tagged(), projects={PROJECT: project})
    made["roles"][SERVICE_ROLE]["policies"]["source"] = [allow("codecommit:*")]
    report = examine(json.dumps(made))
    assert report.outcome is outcome, told(report)


@pytest.mark.parametrize(
    ("aliases", "outcome"),
    [(["alias/app"], Outcome.CLEAR), (["alias/other"], Outcome.BLOCKED), (None, Outcome.UNKNOWN)],
)
def test_a_condition_on_a_keys_alias_is_decided_by_its_aliases(
    aliases: list[str] | None, outcome: Outcome
) -> None:
    """https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html"""
    on_key = {
        **allow("kms:*"),
        "Condition": {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/app"}},
    }
    delegating = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{HOME}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    key = {"policy": [delegating], "state": "Enabled", "manager": "CUSTOMER", "grants": []}
    made = world(on_key, keys={KEY: {**key, **({} if aliases is None else {"aliases": aliases})}})
    made["roles"][SERVICE_ROLE]["policies"]["rest"] = [allow("codebuild:*", "codecommit:*")]
    made["pipeline"]["artifactStore"]["encryptionKey"] = {"id": KEY, "type": "KMS"}
    made["projects"][PROJECT]["encryption_key"] = KEY
    report = examine(json.dumps(made))
    assert report.outcome is outcome, told(report)


@pytest.mark.parametrize(("least", "outcome"), [("1.2", Outcome.CLEAR), ("1.3", Outcome.UNKNOWN)])
def test_a_bucket_that_wants_what_aws_itself_wants_denies_nothing(
    least: str, outcome: Outcome
) -> None:
    """https://aws.amazon.com/blogs/security/tls-1-2-required-for-aws-endpoints/"""
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": "arn:aws:s3:::artifacts/*",
        "Condition": {"NumericLessThan": {"s3:TlsVersion": least}},
    }
    made = world(allow("codebuild:*", "codecommit:*"))
    made["buckets"]["artifacts"]["policy"] = [deny]
    report = examine(json.dumps(made))
    assert report.outcome is outcome, told(report)


def test_a_deny_that_leaves_a_role_out_and_not_its_sessions_is_told_in_words() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html"""
    deny = {
        "Effect": "Deny",
        "NotPrincipal": {"AWS": [f"arn:aws:iam::{HOME}:root", SERVICE_ROLE, BUILD_ROLE]},
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::artifacts", "arn:aws:s3:::artifacts/*"],
    }
    made = world(allow("codebuild:*", "codecommit:*"))
    made["buckets"]["artifacts"]["policy"] = [deny]
    report = examine(json.dumps(made))
    assert report.outcome is Outcome.UNKNOWN, told(report)
    assert report.findings[0].headline.endswith("depends on which session of the role asks")


def test_time_is_what_the_snapshot_has() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html"""
    revoked = {
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {"DateLessThan": {"aws:TokenIssueTime": "2024-01-01T00:00:00.000Z"}},
    }
    made = world(allow("codebuild:*", "codecommit:*"), taken_at="2025-06-01T00:00:00Z")
    made["roles"][SERVICE_ROLE]["policies"]["AWSRevokeOlderSessions"] = [revoked]
    report = examine(json.dumps(made))
    assert report.outcome is Outcome.CLEAR, told(report)
    until = {"DateLessThan": {"aws:CurrentTime": "2025-01-01T00:00:00Z"}}
    expired = world(
        {**allow("codebuild:*", "codecommit:*"), "Condition": until},
        taken_at="2025-06-01T00:00:00Z",
    )
    report = examine(json.dumps(expired))
    assert report.outcome is Outcome.BLOCKED, told(report)


def test_a_service_calls_for_the_organisation_of_the_account_it_names() -> None:
    """The policy of AWS's page against confused deputies, under which pipelines run.

    https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_examples.html
    """
    deputy = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:*", "sts:AssumeRole"],
        "Resource": "*",
        "Condition": {
            "StringNotEqualsIfExists": {"aws:SourceOrgID": "o-mine"},
            "Null": {"aws:SourceAccount": "false"},
            "Bool": {"aws:PrincipalIsAWSService": "true"},
        },
    }
    everything = [{"name": "FullAWSAccess", "document": [allow("*")]}]
    for organisation, outcome in (("o-mine", Outcome.CLEAR), ("o-other", Outcome.BLOCKED)):
        place = {
            "organisation": organisation,
            "management": False,
            "scps": [{"target": "r", "policies": everything}],
            "rcps": [{"target": "r", "policies": [{"name": "Deputy", "document": [deputy]}]}],
        }
        made = world(allow("codebuild:*", "codecommit:*"))
        made["memberships"] = {HOME: place}
        report = examine(json.dumps(made))
        assert report.outcome is outcome, told(report)
