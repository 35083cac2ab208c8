"""Every component of the pipeline's access has a section with its state, and none claims more.

Every scenario starts from the healthy reference pipeline.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.diagnosis.examine import examine
from tests.diagnosis.test_naming import KEY_ID, named
from tests.diagnosis.world import (
    BUCKET,
    CONNECTION,
    HOME,
    KEY,
    SERVICE,
    TOOLS,
    allow,
    document,
    reference,
    s3,
    statement,
)
from workers.diagnosis.model import Outcome, Section
from workers.diagnosis.report_json import to_json
from workers.pipeline.managed import managed_policy


def section(snapshot: dict[str, Any], component: str) -> Section:
    return next(each for each in examine(snapshot).sections if each.component == component)


def line(snapshot: dict[str, Any], component: str, start: str) -> str:
    details = section(snapshot, component).details
    return next(each for each in details if each.startswith(start))


# --- nothing to check is no good news ----------------------------------------------------------


def test_what_nobody_checked_claims_no_state() -> None:
    report = examine(reference())
    silent = {each.component for each in report.sections if not each.applies}
    assert silent == {"user", "boundary", "network"}
    as_json = {each["component"]: each["applies"] for each in to_json(report)["sections"]}
    assert {name for name, applies in as_json.items() if not applies} == silent


def test_without_its_pipeline_every_section_is_unknown_but_that_of_a_person() -> None:
    report = examine({"snapshot": 1})
    states = {each.component: each.outcome for each in report.sections if each.applies}
    assert set(states.values()) == {Outcome.UNKNOWN}
    assert [each.component for each in report.sections if not each.applies] == ["user"]


def test_a_build_project_that_was_not_read_may_need_more() -> None:
    snapshot = reference()
    project = f"arn:aws:codebuild:{HOME}:{TOOLS}:project/payments-build"
    snapshot["projects"][project] = {"$unreadable": "AccessDenied"}
    found = section(snapshot, "build_role")
    assert found.outcome is Outcome.UNKNOWN
    assert "payments-build not read" in found.summary


# --- the service role beside AWS's minimum -----------------------------------------------------


def test_the_service_role_is_compared_statement_by_statement() -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/how-to-custom-role.html"""
    objects = line(reference(), "service_role", f"minimum policy, AllowS3ObjectAccess on {BUCKET}:")
    for action in ("s3:PutObjectTagging", "s3:GetObjectTagging", "s3:GetObjectVersionTagging"):
        assert action in objects
    bucket = line(reference(), "service_role", f"minimum policy, AllowS3BucketAccess on {BUCKET}:")
    assert "complete, whatever account owns the bucket" in bucket


def test_a_role_as_aws_makes_it_reaches_the_buckets_of_its_account_only() -> None:
    snapshot = reference()
    own = {"StringEquals": {"aws:ResourceAccount": TOOLS}}
    for sid in ("Artifacts", "ArtifactBucket", "ArtifactsUs", "ArtifactBucketUs"):
        found = statement(snapshot, SERVICE, sid)
        found["Condition"] = own
        found["Action"] = [*found["Action"], "s3:PutObjectTagging", "s3:GetObjectTagging"]
        found["Action"].append("s3:GetObjectVersionTagging")
    summary = section(snapshot, "service_role").summary
    assert "AWS's minimum policy complete, for buckets of this account only" in summary


# --- people ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policies", "said", "outcome"),
    [
        (["AWSCodePipeline_FullAccess"], "AWSCodePipeline_FullAccess is attached", Outcome.BLOCKED),
        (["AWSCodePipelineFullAccess"], "replaced by AWSCodePipeline_FullAccess", Outcome.BLOCKED),
        ([], "not attached: AWSCodePipeline_FullAccess", Outcome.BLOCKED),
    ],
)
def test_a_person_is_told_which_aws_managed_policies_they_have(
    policies: list[str], said: str, outcome: Outcome
) -> None:
    """Full access passes no connection, so that it does not let a person edit this pipeline.

    https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCodePipeline_FullAccess.html
    """
    anna = f"arn:aws:iam::{TOOLS}:user/anna"
    known = managed_policy("AWSCodePipeline_FullAccess")
    assert known is not None
    snapshot = named() | {"caller": anna}
    snapshot["users"] = {
        anna: {
            "policies": [
                {
                    "name": name,
                    "arn": f"arn:aws:iam::aws:policy/{name}",
                    "document": known.document,
                }
                for name in policies
            ],
            "boundary": None,
            "tags": {},
        }
    }
    found = section(snapshot, "user")
    assert any(said in each for each in found.details), found.details
    assert found.outcome is outcome
    assert f"user anna of tools {TOOLS}" in found.summary


# --- what is used ------------------------------------------------------------------------------


def test_the_bucket_says_ownership_encryption_public_access_and_denies() -> None:
    snapshot = named()
    snapshot["buckets"][BUCKET]["policy"]["Statement"].append(
        {
            "Sid": "Encrypted",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": s3(BUCKET, "/*"),
            "Condition": {
                "StringNotEqualsIfExists": {"s3:x-amz-server-side-encryption": "aws:kms"}
            },
        }
    )
    told = line(snapshot, "bucket", f"{BUCKET} (artifact store of {HOME})")
    for part in (
        "ownership BucketOwnerEnforced",
        f"KMS key payments-artifacts ({KEY_ID[:8]}…)",
        "public access blocked",
        "4 statements, of which OnlyTls (plain HTTP) and Encrypted (other encryption) deny",
    ):
        assert part in told
    assert "denies plain HTTP and other encryption" in section(snapshot, "bucket").summary


def test_block_public_access_says_what_it_lacks() -> None:
    snapshot = reference()
    snapshot["buckets"][BUCKET]["public_access_block"]["restrict_public_buckets"] = False
    snapshot["buckets"]["payments-site"]["public_access_block"] = None
    assert "without RestrictPublicBuckets" in line(snapshot, "bucket", f"{BUCKET} (")
    assert "Block Public Access is off" in line(snapshot, "bucket", "payments-site")


def test_a_key_says_manager_state_policy_grants_and_aliases() -> None:
    told = line(named(), "kms", "payments-artifacts (")
    for part in ("customer managed", "Enabled", "2 statements", "0 grants", "payments-artifacts"):
        assert part in told
    snapshot = named()
    snapshot["keys"][KEY]["manager"] = "AWS"
    assert "AWS managed (no other account can use it)" in line(
        snapshot, "kms", "payments-artifacts"
    )


def test_a_connection_says_its_status_and_both_prefixes() -> None:
    assert line(reference(), "connection", CONNECTION.rsplit("/", 1)[-1]).endswith(
        ": AVAILABLE, GitHub"
    )
    both = line(reference(), "connection", "role PaymentsPipeline")
    assert both.endswith("as codestar-connections and codeconnections")
    snapshot = reference()
    statement(snapshot, SERVICE, "Connection")["Action"] = ["codeconnections:UseConnection"]
    assert line(snapshot, "connection", "role PaymentsPipeline").endswith("as codeconnections")


def test_trust_says_who_assumes_which_role() -> None:
    assert (
        f"the service codebuild.amazonaws.com may assume role PaymentsBuild of tools {TOOLS}"
        in section(named(), "trust").details
    )


def test_a_boundary_is_named_with_its_role() -> None:
    snapshot = named()
    snapshot["roles"][SERVICE]["boundary"] = {"Limits": document(allow("All", "*", "*"))}
    found = section(snapshot, "boundary")
    assert found.applies
    assert found.outcome is Outcome.CLEAR
    assert found.details == (f"role PaymentsPipeline of tools {TOOLS}: Limits",)


def test_what_a_person_may_not_do_is_not_counted_against_the_pipelines_parts() -> None:
    readers = f"arn:aws:iam::{TOOLS}:role/Readers"
    snapshot = reference() | {"caller": readers}
    snapshot["roles"][readers] = {"trust": None, "policies": {}, "boundary": None, "tags": {}}
    assert section(snapshot, "user").outcome is Outcome.BLOCKED
    assert section(snapshot, "connection").outcome is Outcome.CLEAR
    assert section(snapshot, "bucket").outcome is Outcome.CLEAR
