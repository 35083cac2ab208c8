"""What documents behind the configuration lead to: logs, Bucket Keys, instances, tasks, events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.pipeline.build import (
    BUCKET,
    HOME,
    KEY,
    PIPELINE_ARN,
    REGION,
    SERVICE_ROLE,
    SOURCE,
    TARGET,
    action,
    catalogue,
    one,
    required,
    role,
    snapshot,
)
from workers.pipeline.references import wanted
from workers.pipeline.requirement import Part, Strength
from workers.pipeline.requirements import requirements
from workers.snapshot.model import Kind, Snapshot

BUILD_ROLE = role("app-build")
PROJECT = f"arn:aws:codebuild:{REGION}:{HOME}:project/app"
GROUP = f"arn:aws:logs:{REGION}:{HOME}:log-group:/aws/codebuild/app:log-stream:*"
DOCUMENTED = (Strength.DOCUMENTED,)


def ids(found: Snapshot, kind: Kind) -> set[str]:
    return {each.id for each in wanted(found, catalogue()) if each.kind is kind}


def build(**project: Any) -> Snapshot:
    source = action("CodeCommit", "Source", configuration={"RepositoryName": "app"}, outputs=["S"])
    job = action("CodeBuild", configuration={"ProjectName": "app"}, inputs=["S"])
    buckets = project.pop("buckets", {})
    return snapshot(
        source, job, projects={PROJECT: {"service_role": BUILD_ROLE} | project}, buckets=buckets
    )


# --- logs of builds: https://docs.aws.amazon.com/codebuild/latest/APIReference/API_LogsConfig.html


def test_a_build_writes_to_cloudwatch_logs_unless_that_is_switched_off() -> None:
    assert ("logs:CreateLogStream", GROUP) in required(build(), principal=BUILD_ROLE)
    silent = build(cloudwatch_logs=False)
    everything = required(silent, strengths=tuple(Strength), principal=BUILD_ROLE)
    assert not {each for each, _ in everything if each.startswith("logs:")}


def test_logs_in_s3_need_the_bucket_that_keeps_them() -> None:
    found = build(s3_logs="build-logs/app")
    assert ("s3:PutObject", "arn:aws:s3:::build-logs/app/*") in required(
        found, principal=BUILD_ROLE
    )
    assert "build-logs" in ids(found, Kind.BUCKET)


def test_logs_in_a_bucket_with_a_key_are_encrypted_with_it() -> None:
    bucket = {"account": HOME, "encryption_key": KEY, "bucket_key": True}
    found = build(s3_logs="build-logs/app", buckets={"build-logs": bucket})
    needs = [
        each
        for each in requirements(found, catalogue())
        if each.purpose == "write_log" and each.action == "kms:GenerateDataKey"
    ]
    assert [(each.principal, each.resource, each.strength) for each in needs] == [
        (BUILD_ROLE, KEY, Strength.DOCUMENTED)
    ]
    assert needs[0].context["kms:EncryptionContext:aws:s3:arn"] == "arn:aws:s3:::build-logs"


# --- KMS: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html


@pytest.mark.parametrize(
    ("bucket_key", "sent"),
    [
        ({"bucket_key": True}, f"arn:aws:s3:::{BUCKET}"),
        ({"bucket_key": False}, f"arn:aws:s3:::{BUCKET}/example/S/0000000"),
        ({}, None),
    ],
    ids=["with a Bucket Key", "without", "not known"],
)
def test_the_encryption_context_is_the_bucket_where_it_has_a_bucket_key(
    bucket_key: dict[str, Any], sent: str | None
) -> None:
    bucket = {"account": HOME, "encryption_key": KEY, "policy": None} | bucket_key
    policy = {"Condition": {"StringEquals": {"kms:EncryptionContext:aws:s3:arn": "x"}}}
    found = build(buckets={BUCKET: bucket})
    mentioning = snapshot(
        action("CodeCommit", "Source", configuration={"RepositoryName": "app"}, outputs=["S"]),
        buckets={BUCKET: bucket},
        keys={KEY: {"policy": {"Statement": [policy]}}},
    )
    for world, name, principal in (
        (found, "kms:Decrypt", BUILD_ROLE),
        (mentioning, "kms:GenerateDataKey", SERVICE_ROLE),
    ):
        need = one(world, name, principal=principal)
        assert need.context.get("kms:EncryptionContext:aws:s3:arn") == sent
        assert need.context["kms:EncryptionContextKeys"] == "aws:s3:arn"
    left_open = one(mentioning, "kms:GenerateDataKey").unknown
    assert ("kms:encryptioncontext:aws:s3:arn" in left_open) is (sent is None)


def test_kms_knows_whose_caller_asks() -> None:
    """https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html"""
    deploy = role("Deploy", TARGET)
    job = action("CloudFormation", "Deploy", roleArn=deploy, inputs=["S"])
    need = one(snapshot(job), "kms:Decrypt", principal=deploy)
    assert need.context["kms:CallerAccount"] == TARGET
    read = one(snapshot(job), "s3:GetObject", principal=deploy)
    assert "kms:CallerAccount" not in read.context


# --- instances: https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-EC2Deploy.html

TAGGED = f"arn:aws:ec2:{REGION}:{HOME}:instance/tag:app=shop"
PROFILE = f"arn:aws:iam::{HOME}:instance-profile/Web"
WEB = role("Web")


def deploy_to_instances(**descriptions: Any) -> Snapshot:
    job = action(
        "EC2",
        "Deploy",
        inputs=["S"],
        configuration={"InstanceTagKey": "app", "InstanceTagValue": "shop"},
    )
    return snapshot(job, descriptions=descriptions)


def test_the_instances_of_a_tag_lead_to_the_roles_that_download_the_artifact() -> None:
    assert TAGGED in ids(deploy_to_instances(), Kind.INSTANCES)
    once = deploy_to_instances(**{TAGGED: {"InstanceProfileArns": [PROFILE]}})
    assert PROFILE in ids(once, Kind.INSTANCE_PROFILE)
    whole = deploy_to_instances(
        **{TAGGED: {"InstanceProfileArns": [PROFILE]}, PROFILE: {"Roles": [WEB]}}
    )
    assert WEB in ids(whole, Kind.ROLE)
    assert {("s3:GetObject", f"arn:aws:s3:::{BUCKET}/*"), ("kms:Decrypt", KEY)} <= required(
        whole, principal=WEB
    )
    assert one(whole, "s3:GetObject", principal=WEB).part is Part.INSTANCE_ROLE


@pytest.mark.parametrize(
    ("configuration", "id"),
    [
        ({"InstanceTagKey": "app"}, f"arn:aws:ec2:{REGION}:{HOME}:instance/tag:app"),
        ({"InstanceTagKey": "app", "InstanceTagValue": "#{Src.Tag}"}, None),
        ({}, None),
    ],
    ids=["any value", "a variable", "no tag"],
)
def test_a_tag_names_instances_as_far_as_it_is_known(
    configuration: dict[str, str], id: str | None
) -> None:
    job = action("EC2", "Deploy", inputs=["S"], configuration=configuration)
    assert ids(snapshot(job), Kind.INSTANCES) == ({id} if id else set())


# --- tasks: https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-ECSbluegreen.html

DEPLOYMENT = f"arn:aws:codedeploy:{REGION}:{HOME}:deploymentgroup:app/live"
SERVICE = f"arn:aws:ecs:{REGION}:{HOME}:service/main/web"
TASK = f"arn:aws:ecs:{REGION}:{HOME}:task-definition/web:3"


def blue_green(**descriptions: Any) -> Snapshot:
    job = action(
        "CodeDeployToECS",
        "Deploy",
        inputs=["S"],
        configuration={"ApplicationName": "app", "DeploymentGroupName": "live"},
    )
    return snapshot(job, descriptions=descriptions)


def test_the_current_service_tells_which_roles_are_passed() -> None:
    group = {DEPLOYMENT: {"ecsServices": [{"clusterName": "main", "serviceName": "web"}]}}
    assert SERVICE in ids(blue_green(**group), Kind.ECS_SERVICE)
    service = {SERVICE: {"taskDefinition": TASK}}
    assert TASK in ids(blue_green(**group, **service), Kind.TASK_DEFINITION)
    task = {TASK: {"taskRoleArn": role("Task"), "executionRoleArn": role("Execution")}}
    found = blue_green(**group, **service, **task)
    passed = {
        each.resource: (each.context["iam:PassedToService"], each.unresolved)
        for each in requirements(found, catalogue())
        if each.action == "iam:PassRole" and each.strength is Strength.DOCUMENTED
    }
    assert passed == {
        role("Task"): ("ecs-tasks.amazonaws.com", ()),
        role("Execution"): ("ecs-tasks.amazonaws.com", ()),
    }


def test_without_the_service_the_roles_of_a_blue_green_deployment_are_not_known() -> None:
    need = one(blue_green(), "iam:PassRole")
    assert need.unresolved == ("the roles in the artifact's task definition",)


# --- events: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html

BUS = f"arn:aws:events:{REGION}:{HOME}:event-bus/default"


def foreign_source(**configuration: str) -> Snapshot:
    settings = {"RepositoryName": "app"} | configuration
    return snapshot(
        action("CodeCommit", "Source", roleArn=role("Src", SOURCE), configuration=settings)
    )


def test_events_of_another_accounts_source_need_the_event_bus_to_let_them_in() -> None:
    found = foreign_source(PollForSourceChanges="false")
    need = one(found, "events:PutEvents")
    assert (need.principal, need.resource) == (f"arn:aws:iam::{SOURCE}:root", BUS)
    assert need.resource_account == HOME
    assert need.context["aws:PrincipalType"] == "Account"
    assert need.strength is Strength.DOCUMENTED, "a pipeline that nothing starts does not fail"
    assert BUS in ids(found, Kind.EVENT_BUS)


@pytest.mark.parametrize(
    "found",
    [
        foreign_source(PollForSourceChanges="true"),
        snapshot(action("CodeCommit", "Source", configuration={"RepositoryName": "app"})),
        snapshot(action("CloudFormation", "Deploy", roleArn=role("D", TARGET), inputs=["S"])),
    ],
    ids=["it polls", "the source is at home", "no source"],
)
def test_other_pipelines_ask_nothing_of_the_event_bus(found: Snapshot) -> None:
    assert "events:PutEvents" not in {each for each, _ in required(found, strengths=DOCUMENTED)}
    assert ids(found, Kind.EVENT_BUS) == set()


def test_a_rule_that_waits_for_another_accounts_events_needs_them_to_arrive() -> None:
    rule = f"arn:aws:events:{REGION}:{HOME}:rule/on-push"
    pattern = {
        "source": ["aws.codecommit"],
        "resources": [f"arn:aws:codecommit:{REGION}:{SOURCE}:app"],
    }
    found = snapshot(
        action("CodeCommit", "Source", roleArn=role("Src", SOURCE)),
        descriptions={
            PIPELINE_ARN: {"RuleArns": [rule]},
            rule: {"EventPattern": json.dumps(pattern), "Targets": [{"Arn": PIPELINE_ARN}]},
        },
    )
    needed = [
        each
        for each in requirements(found, catalogue())
        if each.action == "events:PutEvents" and each.strength is Strength.WHEN
    ]
    assert [(each.principal, each.resource) for each in needed] == [
        (f"arn:aws:iam::{SOURCE}:root", BUS)
    ]
    assert BUS in ids(found, Kind.EVENT_BUS)


@pytest.mark.parametrize("pattern", ["", "no JSON", "[]", '{"account": [{"prefix": "3"}]}'])
def test_a_pattern_that_names_no_account_asks_nothing_of_the_bus(pattern: str) -> None:
    rule = f"arn:aws:events:{REGION}:{HOME}:rule/on-push"
    found = snapshot(
        descriptions={PIPELINE_ARN: {"RuleArns": [rule]}, rule: {"EventPattern": pattern}}
    )
    assert ids(found, Kind.EVENT_BUS) == set()
