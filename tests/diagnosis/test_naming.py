"""Findings call things by the names that people know: aliases, and names of policies.

Every scenario starts from the healthy reference pipeline.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.diagnosis.examine import examine, snapshot_of
from tests.diagnosis.world import (
    FULL_ACCESS,
    KEY,
    PROD,
    PROD_DEPLOY,
    SERVICE,
    STAGING,
    STAGING_DEPLOY,
    TOOLS,
    allow,
    document,
    reference,
    statement,
)
from workers.diagnosis.naming import names
from workers.diagnosis.texts import texts

KEY_ID = KEY.rsplit("/", 1)[-1]
POLICY = "arn:aws:organizations::999999999999:policy/o-payments00/service_control_policy/p-guard123"


def named() -> dict[str, Any]:
    """The reference with what people call its parts."""
    snapshot = reference()
    snapshot["keys"][KEY]["aliases"] = ["alias/payments-artifacts"]
    snapshot["aliases"] = {TOOLS: "tools", STAGING: "staging", PROD: "payments-prod"}
    return snapshot


def without_others(snapshot: dict[str, Any]) -> dict[str, Any]:
    """The key policy delegates to nobody but its own account."""
    users = statement(snapshot, KEY, "Users")
    users["Principal"] = {"AWS": f"arn:aws:iam::{TOOLS}:root"}
    return snapshot


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        (KEY, f"KMS key payments-artifacts ({KEY_ID[:8]}…)"),
        ("arn:aws:s3:::artifacts/*", "the objects of bucket artifacts"),
        ("arn:aws:s3:::artifacts", "bucket artifacts"),
        (f"arn:aws:iam::{TOOLS}:role/service-role/Build", "role Build"),
        (f"arn:aws:codebuild:eu-west-1:{TOOLS}:project/payments", "build project payments"),
        (f"arn:aws:cloudformation:eu-west-1:{TOOLS}:stack/payments/*", "stack payments"),
        (
            f"arn:aws:logs:eu-west-1:{TOOLS}:log-group:/aws/codebuild/a:*",
            "log group /aws/codebuild/a",
        ),
        (f"arn:aws:lambda:eu-west-1:{TOOLS}:function:smoke", "function smoke"),
        (f"arn:aws:sns:eu-west-1:{TOOLS}:approvals", "topic approvals"),
        (f"arn:aws:events:eu-west-1:{TOOLS}:rule/start", "events rule/start"),
        (f"arn:aws:codepipeline:eu-west-1:{TOOLS}:payments", "pipeline payments"),
        (f"arn:aws:codepipeline:eu-west-1:{TOOLS}:payments/Prod", "stage Prod of payments"),
        (
            f"arn:aws:codepipeline:eu-west-1:{TOOLS}:payments/Prod/Approve",
            "action Approve in stage Prod of payments",
        ),
        ("*", "all resources (*)"),
    ],
)
def test_a_resource_is_called_by_its_kind_and_name(resource: str, said: str) -> None:
    assert names(snapshot_of(named()), texts()).what(resource) == said


def test_a_key_without_an_alias_keeps_its_whole_id() -> None:
    assert names(snapshot_of(reference()), texts()).what(KEY) == f"KMS key {KEY_ID}"


def test_principals_that_differ_in_their_path_only_are_told_apart_by_their_arns() -> None:
    called = names(snapshot_of(named()), texts())
    one = [f"arn:aws:iam::{TOOLS}:role/Deploy"]
    other = [f"arn:aws:iam::{TOOLS}:role/team/Deploy"]
    assert called.parties(one, other) == (one, other)
    assert called.parties(one, [PROD]) == (
        [f"role Deploy of tools {TOOLS}"],
        [f"account payments-prod {PROD}"],
    )


def test_a_finding_says_alias_account_and_why_in_one_line() -> None:
    first = examine(without_others(named())).findings[0]
    assert first.principal == STAGING_DEPLOY
    assert first.headline.startswith(f"PaymentsDeploy of staging {STAGING} may not kms:")
    assert first.headline.endswith(
        f"with KMS key payments-artifacts ({KEY_ID[:8]}…): the key policy does not allow it"
    )
    assert first.fix is not None
    assert f"Role PaymentsDeploy in staging {STAGING} will have kms:" in first.fix.access


def test_two_roles_of_one_name_are_told_apart_by_their_account() -> None:
    called = names(snapshot_of(named()), texts())
    assert called.caller(PROD_DEPLOY) == f"PaymentsDeploy of payments-prod {PROD}"
    assert called.caller(SERVICE) == "PaymentsPipeline"


def test_the_nearest_statement_is_told_once_and_beside_its_text() -> None:
    first = examine(without_others(named())).findings[0]
    nearest = first.evidence[0]
    assert nearest.name == f"the key policy of payments-artifacts ({KEY_ID[:8]}…)"
    assert nearest.policy == KEY, "the exact name stays for programs"
    assert nearest.note.startswith("it names account tools")
    assert f"role PaymentsDeploy of staging {STAGING}" in nearest.note
    assert "comes nearest" not in first.explanation
    assert nearest.statement not in first.explanation


def test_a_policy_of_the_organisation_is_called_by_name_and_id() -> None:
    snapshot = named()
    snapshot["memberships"][TOOLS]["scps"][1]["policies"] = [
        {"name": "FullAWSAccess", "document": FULL_ACCESS},
        {
            "name": "NoBuilds",
            "arn": POLICY,
            "document": document(allow("Stop", "codebuild:*", "*") | {"Effect": "Deny"}),
        },
    ]
    first = next(each for each in examine(snapshot).findings if each.component == "scp")
    assert "service control policy NoBuilds (p-guard123) denies it" in first.headline
    assert first.evidence[0].name == "service control policy NoBuilds (p-guard123)"
    assert first.evidence[0].policy == POLICY


def test_a_limit_shows_its_nearest_statement_too() -> None:
    snapshot = named()
    snapshot["roles"][SERVICE]["boundary"] = {
        "Limits": document(
            allow("Everything", ["s3:*", "kms:*", "codestar-connections:*"], "*"),
            allow("OtherBuilds", "codebuild:*", f"arn:aws:codebuild:*:{TOOLS}:project/other"),
        )
    }
    first = next(each for each in examine(snapshot).findings if "codebuild" in each.action)
    assert first.detail == "boundary"
    assert first.evidence[0].name == "permissions boundary Limits"
    assert first.evidence[0].statement == "OtherBuilds"
    assert first.evidence[0].note.startswith("it is for arn:aws:codebuild:*")


def test_a_name_that_starts_a_headline_keeps_its_case() -> None:
    snapshot = reference()
    role = SERVICE.replace("PaymentsPipeline", "payments-pipeline")
    snapshot["roles"][role] = snapshot["roles"].pop(SERVICE)
    snapshot["pipeline"]["roleArn"] = role
    statements = snapshot["roles"][role]["policies"]["access"]["Statement"]
    snapshot["roles"][role]["policies"]["access"]["Statement"] = [
        each for each in statements if each["Sid"] != "Builds"
    ]
    first = next(each for each in examine(snapshot).findings if "codebuild" in each.action)
    assert first.headline.startswith("payments-pipeline may not codebuild:")
