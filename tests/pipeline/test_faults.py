"""Faults that no policy explains: each found where it is, and nowhere else."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.build import (
    BUCKET,
    HOME,
    KEY,
    REGION,
    SERVICE_ROLE,
    SOURCE,
    TARGET,
    action,
    catalogue,
    role,
    snapshot,
)
from workers.pipeline.faults import Fault, faults, load_fault_texts
from workers.snapshot.codec import load
from workers.snapshot.model import Snapshot, unreadable

CONNECTION = f"arn:aws:codestar-connections:{REGION}:{HOME}:connection/c"
PROJECT = f"arn:aws:codebuild:{REGION}:{HOME}:project/app"
HEALTHY = sorted((Path(__file__).parents[1] / "cases" / "healthy").glob("*.json"))


def found(what: Snapshot) -> dict[str, Fault]:
    return {each.code: each for each in faults(what, catalogue())}


def source(**fields: Any) -> dict[str, Any]:
    defaults = {"configuration": {"RepositoryName": "app"}, "outputs": ["Source"]}
    return action("CodeCommit", "Source", **(defaults | fields))


def build(**fields: Any) -> dict[str, Any]:
    defaults = {"configuration": {"ProjectName": "app"}, "inputs": ["Source"]}
    return action("CodeBuild", **(defaults | fields))


def deploy(**fields: Any) -> dict[str, Any]:
    configuration = {"ActionMode": "CREATE_UPDATE", "StackName": "app"}
    configuration |= fields.pop("configuration", {})
    defaults = {"inputs": ["Source"], "roleArn": role("Deploy", TARGET)}
    return action("CloudFormation", "Deploy", configuration=configuration, **(defaults | fields))


def connection(**fields: Any) -> dict[str, Any]:
    defaults = {"configuration": {"ConnectionArn": CONNECTION}, "outputs": ["Source"]}
    return action("CodeStarSourceConnection", "Source", **(defaults | fields))


def flow(**fields: Any) -> dict[str, Any]:
    machine = f"arn:aws:states:us-east-1:{TARGET}:stateMachine:check"
    return action("StepFunctions", "Invoke", configuration={"StateMachineArn": machine}, **fields)


def trust(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"trust": {"Version": "2012-10-17", "Statement": list(statements)}}


ROOT = {"Effect": "Allow", "Principal": {"AWS": HOME}, "Action": "sts:AssumeRole"}
ASKS = ROOT | {"Condition": {"StringEquals": {"sts:ExternalId": "42"}}}
ALIAS = "alias/store"
UPLOAD = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}

# code -> (a snapshot that has the fault, one that is like it and has not)
PAIRS: dict[str, tuple[Snapshot, Snapshot]] = {
    "store_without_key": (
        snapshot(source(), deploy(), key=None),
        snapshot(source(), deploy(roleArn=role("Deploy")), key=None),
    ),
    "key_alias_across_accounts": (
        snapshot(source(), deploy(), key=ALIAS),
        snapshot(source(), deploy(roleArn=role("Deploy")), key=ALIAS),
    ),
    "aws_managed_key_across_accounts": (
        snapshot(source(), deploy(), keys={KEY: {"manager": "AWS"}}),
        snapshot(source(), deploy(), keys={KEY: {"manager": "CUSTOMER"}}),
    ),
    "key_in_other_region": (
        snapshot(source(), key=f"arn:aws:kms:eu-west-1:{HOME}:key/k"),
        snapshot(source(), key=KEY),
    ),
    "key_not_enabled": (
        snapshot(source(), keys={KEY: {"state": "PendingDeletion"}}),
        snapshot(source(), keys={KEY: {"state": "Enabled"}}),
    ),
    "key_missing": (
        snapshot(source(), keys={KEY: None}),
        snapshot(source(), keys={KEY: {"$unreadable": "AccessDenied"}}),
    ),
    "bucket_missing": (
        snapshot(source(), buckets={BUCKET: None}),
        snapshot(source(), buckets={BUCKET: {"$unreadable": "AccessDenied"}}),
    ),
    "bucket_in_other_region": (
        snapshot(source(), buckets={BUCKET: {"region": "eu-west-1"}}),
        snapshot(source(), buckets={BUCKET: {"region": REGION}}),
    ),
    "store_missing_in_region": (
        snapshot(source(), build(region="eu-west-1")),
        snapshot(source(), build(region=REGION)),
    ),
    "provider_not_across_accounts": (
        snapshot(action("GitHub", "Source", owner="ThirdParty", roleArn=role("Get", TARGET))),
        snapshot(action("GitHub", "Source", owner="ThirdParty", roleArn=role("Get"))),
    ),
    "provider_not_across_regions": (
        snapshot(source(region="eu-west-1")),
        snapshot(source(region=REGION)),
    ),
    "provider_unknown": (
        snapshot(action("Novelty", "Deploy")),
        snapshot(action("Novelty", "Deploy", owner="Custom")),
    ),
    "provider_closed": (
        snapshot(action("OpsWorks", "Deploy", configuration={"Stack": "s"})),
        snapshot(action("ElasticBeanstalk", "Deploy")),
    ),
    "artifact_of_other_account": (
        snapshot(source(roleArn=role("Get", SOURCE)), deploy()),
        snapshot(source(roleArn=role("Get", TARGET)), deploy()),
    ),
    "connection_not_available": (
        snapshot(connection(), connections={CONNECTION: "PENDING"}),
        snapshot(connection(), connections={CONNECTION: "AVAILABLE"}),
    ),
    "connection_missing": (
        snapshot(connection(), connections={CONNECTION: None}),
        snapshot(connection()),
    ),
    "connection_of_other_account": (
        snapshot(connection(roleArn=role("Get", SOURCE))),
        snapshot(connection(roleArn=role("Get"))),
    ),
    "cloudformation_role_of_other_account": (
        snapshot(source(), deploy(configuration={"RoleArn": role("cfn")})),
        snapshot(source(), deploy(configuration={"RoleArn": role("cfn", TARGET)})),
    ),
    "state_machine_of_other_account": (
        snapshot(flow()),
        snapshot(flow(roleArn=role("Flow", TARGET))),
    ),
    "build_output_with_default_key": (
        snapshot(
            source(),
            build(outputs=["Built"]),
            deploy(inputs=["Built"]),
            projects={PROJECT: {"service_role": role("build")}},
        ),
        snapshot(
            source(),
            build(outputs=["Built"]),
            deploy(inputs=["Built"]),
            projects={PROJECT: {"service_role": role("build"), "encryption_key": KEY}},
        ),
    ),
    "build_output_of_other_account": (
        snapshot(source(), build(outputs=["Built"], roleArn=role("Build", TARGET))),
        snapshot(source(), build(roleArn=role("Build", TARGET))),
    ),
    "source_bucket_not_versioned": (
        snapshot(
            action("S3", "Source", configuration={"S3Bucket": "s", "S3ObjectKey": "k"}),
            buckets={"s": {"versioning": "Suspended"}},
        ),
        snapshot(
            action("S3", "Source", configuration={"S3Bucket": "s", "S3ObjectKey": "k"}),
            buckets={"s": {"versioning": "Enabled"}},
        ),
    ),
    "stack_role_allows_nothing": (
        snapshot(
            action(
                "CloudFormation",
                "Deploy",
                configuration={"ActionMode": "CREATE_UPDATE", "RoleArn": role("Stack")},
            ),
            roles={role("Stack"): {"policies": {}}},
        ),
        snapshot(
            action(
                "CloudFormation",
                "Deploy",
                configuration={"ActionMode": "CREATE_UPDATE", "RoleArn": role("Stack")},
            ),
            roles={
                role("Stack"): {
                    "policies": {"own": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]}
                }
            },
        ),
    ),
    "acl_not_supported": (
        snapshot(
            action("S3", "Deploy", configuration={"BucketName": "w", "CannedACL": "public-read"}),
            buckets={"w": {"ownership": "BucketOwnerEnforced"}},
        ),
        snapshot(
            action("S3", "Deploy", configuration={"BucketName": "w", "CannedACL": "public-read"}),
            buckets={"w": {"ownership": "ObjectWriter"}},
        ),
    ),
    "external_id_is_never_sent": (
        snapshot(source(), deploy(), roles={role("Deploy", TARGET): trust(ASKS)}),
        snapshot(source(), deploy(), roles={role("Deploy", TARGET): trust(ASKS, ROOT)}),
    ),
    "object_ownership": (
        snapshot(
            source(),
            build(),
            buckets={BUCKET: {"ownership": "ObjectWriter"}},
            roles={role("Tool", TARGET): {"policies": [UPLOAD]}},
        ),
        snapshot(
            source(),
            build(),
            buckets={BUCKET: {"ownership": "BucketOwnerEnforced"}},
            roles={role("Tool", TARGET): {"policies": [UPLOAD]}},
        ),
    ),
    "role_missing": (
        snapshot(source(), roles={SERVICE_ROLE: None}),
        snapshot(source(), roles={SERVICE_ROLE: {"$unreadable": "AccessDenied"}}),
    ),
    "resource_missing": (
        snapshot(source(), build(), projects={PROJECT: None}),
        snapshot(source(), build()),
    ),
}


@pytest.mark.parametrize("code", PAIRS)
def test_it_is_found_where_it_is(code: str) -> None:
    assert code in found(PAIRS[code][0])


@pytest.mark.parametrize("code", PAIRS)
def test_it_is_not_found_where_it_is_not(code: str) -> None:
    assert code not in found(PAIRS[code][1])


@pytest.mark.parametrize("code", PAIRS)
def test_its_words_are_complete(code: str) -> None:
    """Every placeholder of the text is filled by the fault itself."""
    fault, text = found(PAIRS[code][0])[code], load_fault_texts()[code]
    own = {"stage", "pipeline_action", "principal", "resource"}
    for words in (text.headline, text.explanation, text.cure):
        names = {name for _, name, _, _ in string.Formatter().parse(words) if name}
        assert names <= set(fault.values) | own
        assert "{" not in words.format(
            stage="", pipeline_action="", principal="", resource=fault.resource or "?", **{
                name: value for name, value in fault.values.items() if name not in own
            }
        )  # fmt: skip
    assert text.documentation.startswith("https://docs.aws.amazon.com/")


def test_every_text_belongs_to_a_fault_that_is_tested() -> None:
    assert set(load_fault_texts()) == set(PAIRS)


@pytest.mark.parametrize("path", HEALTHY, ids=lambda path: path.stem)
def test_healthy_pipelines_have_none(path: Path) -> None:
    assert faults(load(path.read_text("utf-8")), catalogue()) == ()


def test_nothing_is_proven_of_a_pipeline_that_nobody_knows() -> None:
    assert faults(Snapshot(unreadable()), catalogue()) == ()


def test_a_fault_of_an_action_names_its_place() -> None:
    fault = found(PAIRS["cloudformation_role_of_other_account"][0])[
        "cloudformation_role_of_other_account"
    ]
    assert (fault.stage, fault.pipeline_action) == ("Stage", "CloudFormation")
    assert fault.principal == role("Deploy", TARGET)
    assert (fault.action, fault.resource) == ("iam:PassRole", role("cfn"))
    assert fault.component == "config"


def test_a_fault_of_the_store_is_the_service_roles() -> None:
    fault = found(PAIRS["store_without_key"][0])["store_without_key"]
    assert (fault.principal, fault.stage) == (SERVICE_ROLE, "")
    assert fault.resource == "artifactStore.encryptionKey"
    assert fault.values["users"] == "Stage/CloudFormation"


def test_executing_a_change_set_does_not_pass_the_role() -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CloudFormation.html"""
    configuration = {"ActionMode": "CHANGE_SET_EXECUTE", "RoleArn": role("cfn")}
    assert "cloudformation_role_of_other_account" not in found(
        snapshot(source(), deploy(configuration=configuration))
    )


def test_an_action_of_another_account_without_artifacts_needs_no_key() -> None:
    approve = action("Lambda", "Invoke", roleArn=role("Check", TARGET))
    assert "store_without_key" not in found(snapshot(source(), approve, key=None))


def test_a_role_that_hands_its_objects_over_is_no_fault() -> None:
    both = UPLOAD | {"Action": ["s3:PutObject", "s3:PutObjectAcl"]}
    what = snapshot(
        source(),
        build(),
        buckets={BUCKET: {"ownership": "ObjectWriter"}},
        roles={role("Tool", TARGET): {"policies": [both]}},
    )
    assert "object_ownership" not in found(what)


def test_what_codepipeline_itself_uploads_is_handed_over() -> None:
    what = snapshot(
        source(roleArn=role("Get", SOURCE)),
        build(),
        buckets={BUCKET: {"ownership": "ObjectWriter"}},
        roles={role("Get", SOURCE): {"policies": [UPLOAD]}},
    )
    assert "object_ownership" not in found(what)


@pytest.mark.parametrize("document", ["", "[]", '"x"', '{"Statement": 3}', '{"Statement": [3]}'])
def test_a_broken_trust_policy_is_no_fault_of_this_kind(document: str) -> None:
    what = snapshot(source(), deploy(), roles={role("Deploy", TARGET): {"trust": document or " "}})
    assert "external_id_is_never_sent" not in found(what)


def test_a_missing_role_of_a_project_is_named_by_its_action() -> None:
    what = snapshot(
        source(),
        build(),
        projects={PROJECT: {"service_role": role("gone")}},
        roles={role("gone"): None},
    )
    fault = found(what)["role_missing"]
    assert fault.resource == role("gone")
    assert fault.values["named_by"] == "Stage/CodeBuild"


def test_the_order_is_that_of_the_pipeline() -> None:
    stages = [{"name": name, "actions": [action("Novelty", "Deploy", name=name)]} for name in "CBA"]
    what = load(json.dumps({"pipeline": {"account": HOME, "region": REGION, "stages": stages}}))
    assert [fault.stage for fault in faults(what, catalogue())] == ["C", "B", "A"]
