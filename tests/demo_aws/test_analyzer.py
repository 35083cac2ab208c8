"""The simulated checks of Access Analyzer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from demo.aws.cloud import Cloud


@pytest.fixture
def analyzer(cloud: Cloud) -> Any:
    return cloud.client("accessanalyzer", "111111111111")


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str, resource: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


READ = allow("s3:GetObject", "arn:aws:s3:::artifacts/*")
WRITE = allow("s3:PutObject", "arn:aws:s3:::artifacts/*", Sid="Write")


def test_a_good_policy_has_no_findings(analyzer: Any) -> None:
    answer = analyzer.validate_policy(policyDocument=policy(READ), policyType="IDENTITY_POLICY")
    assert answer["findings"] == []
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-simulated"] == "pipeline-access-demo"


def test_an_action_that_does_not_exist_is_found(analyzer: Any) -> None:
    text = policy(allow("codestar-connections:UseConnections", "*"))
    findings = analyzer.validate_policy(policyDocument=text, policyType="IDENTITY_POLICY")
    assert "UseConnection" in findings["findings"][0]["findingDetails"]


def test_more_of_the_same_is_no_new_access(analyzer: Any) -> None:
    answer = analyzer.check_no_new_access(
        existingPolicyDocument=policy(allow("s3:*", "*")),
        newPolicyDocument=policy(READ, WRITE),
        policyType="IDENTITY_POLICY",
    )
    assert answer["result"] == "PASS"


def test_a_statement_that_grants_more_is_named(analyzer: Any) -> None:
    answer = analyzer.check_no_new_access(
        existingPolicyDocument=policy(READ),
        newPolicyDocument=policy(READ, WRITE),
        policyType="IDENTITY_POLICY",
    )
    assert answer["result"] == "FAIL"
    assert [(each["statementIndex"], each["statementId"]) for each in answer["reasons"]] == [
        (1, "Write")
    ]


def test_a_new_principal_of_a_bucket_policy_is_new_access(analyzer: Any) -> None:
    def shared_with(account: str) -> str:
        principal = {"AWS": f"arn:aws:iam::{account}:role/Deploy"}
        return policy({**READ, "Principal": principal})

    answer = analyzer.check_no_new_access(
        existingPolicyDocument=shared_with("222222222222"),
        newPolicyDocument=shared_with("333333333333"),
        policyType="RESOURCE_POLICY",
    )
    assert answer["result"] == "FAIL"


@pytest.mark.parametrize(("action", "result"), [("s3:GetObject", "FAIL"), ("s3:PutObject", "PASS")])
def test_access_that_must_not_be_granted(analyzer: Any, action: str, result: str) -> None:
    answer = analyzer.check_access_not_granted(
        policyDocument=policy(READ),
        access=[{"actions": [action], "resources": ["arn:aws:s3:::artifacts/secret"]}],
        policyType="IDENTITY_POLICY",
    )
    assert answer["result"] == result
