"""Which documents are wanted, round by round, as what was read names more of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from tests.pipeline.build import (
    BUCKET,
    HOME,
    KEY,
    PIPELINE_ARN,
    REGION,
    SERVICE_ROLE,
    TARGET,
    action,
    catalogue,
    role,
    snapshot,
)
from workers.pipeline.references import resolve_key, wanted
from workers.snapshot.codec import load
from workers.snapshot.model import (
    Kind,
    Reading,
    Reference,
    Snapshot,
    State,
    absent,
    present,
    unreadable,
)

MAPS: Mapping[Kind, str] = {
    Kind.ROLE: "roles",
    Kind.USER: "users",
    Kind.BUCKET: "buckets",
    Kind.KEY: "keys",
    Kind.CONNECTION: "connections",
    Kind.PROJECT: "projects",
    Kind.MEMBERSHIP: "memberships",
}
CASES = Path(__file__).parents[1] / "cases"
WHERE = f"{REGION}:{HOME}"


def ids(found: Snapshot, kind: Kind) -> set[str]:
    return {each.id for each in wanted(found, catalogue()) if each.kind is kind}


def rounds(world: Snapshot) -> list[set[Reference]]:
    """Reads `world` as the reader of AWS does: all that is wanted and not read yet, at once."""
    known = Snapshot(world.pipeline, caller=world.caller)
    asked: list[set[Reference]] = []
    while True:
        new = {each for each in wanted(known, catalogue()) if not any(each in old for old in asked)}
        if not new:
            return asked
        asked.append(new)
        for each in new:
            known = _answer(known, world, each)


def _answer(known: Snapshot, world: Snapshot, asked: Reference) -> Snapshot:
    name = MAPS.get(asked.kind, "descriptions")
    answer: Reading[Any] = getattr(world, name).get(asked.id, absent())
    answers = MappingProxyType({**getattr(known, name), asked.id: answer})
    change: Callable[..., Snapshot] = replace
    return change(known, **{name: answers})


def test_before_the_pipeline_is_known_only_the_caller_is_wanted() -> None:
    assert wanted(Snapshot(unreadable()), catalogue()) == frozenset()
    caller = role("Developer")
    assert wanted(Snapshot(unreadable(), caller=caller), catalogue()) == {
        Reference(Kind.ROLE, caller, HOME),
        Reference(Kind.MEMBERSHIP, HOME, HOME),
    }


def test_a_user_is_read_as_a_user() -> None:
    caller = f"arn:aws:iam::{HOME}:user/team/dev"
    assert Reference(Kind.USER, caller, HOME) in wanted(
        Snapshot(unreadable(), caller=caller), catalogue()
    )


def test_the_pipeline_names_its_roles_stores_and_the_rules_that_start_it() -> None:
    deploy = role("Deploy", TARGET)
    first, second = action("CodeCommit", "Source"), action("X", "Deploy", roleArn=deploy)
    found = wanted(snapshot(first, second), catalogue())
    assert {
        Reference(Kind.ROLE, SERVICE_ROLE, HOME),
        Reference(Kind.ROLE, deploy, TARGET),
        Reference(Kind.BUCKET, BUCKET, HOME, REGION),
        Reference(Kind.KEY, KEY, HOME, REGION),
        Reference(Kind.EVENT_RULE, PIPELINE_ARN, HOME, REGION),
        Reference(Kind.MEMBERSHIP, HOME, HOME),
        Reference(Kind.MEMBERSHIP, TARGET, TARGET),
    } == found


@pytest.mark.parametrize(
    ("provider", "category", "configuration", "kind", "id"),
    [
        (
            "CodeBuild",
            "Build",
            {"ProjectName": "app"},
            Kind.PROJECT,
            f"arn:aws:codebuild:{WHERE}:project/app",
        ),
        (
            "CodeStarSourceConnection",
            "Source",
            {"ConnectionArn": f"arn:aws:codeconnections:{WHERE}:connection/c"},
            Kind.CONNECTION,
            f"arn:aws:codeconnections:{WHERE}:connection/c",
        ),
        ("CloudFormation", "Deploy", {"RoleArn": role("cfn")}, Kind.ROLE, role("cfn")),
        ("S3", "Source", {"S3Bucket": "sources"}, Kind.BUCKET, "sources"),
        ("S3", "Deploy", {"BucketName": "site"}, Kind.BUCKET, "site"),
        (
            "S3",
            "Deploy",
            {"KMSEncryptionKeyARN": f"arn:aws:kms:{WHERE}:key/site"},
            Kind.KEY,
            f"arn:aws:kms:{WHERE}:key/site",
        ),
        (
            "ECR",
            "Source",
            {"RepositoryName": "app"},
            Kind.REPOSITORY,
            f"arn:aws:ecr:{WHERE}:repository/app",
        ),
        (
            "Lambda",
            "Invoke",
            {"FunctionName": "check"},
            Kind.FUNCTION,
            f"arn:aws:lambda:{WHERE}:function:check",
        ),
        (
            "ECS",
            "Deploy",
            {"ClusterName": "main", "ServiceName": "web"},
            Kind.ECS_SERVICE,
            f"arn:aws:ecs:{WHERE}:service/main/web",
        ),
        (
            "CodeDeploy",
            "Deploy",
            {"ApplicationName": "app", "DeploymentGroupName": "live"},
            Kind.DEPLOYMENT_GROUP,
            f"arn:aws:codedeploy:{WHERE}:deploymentgroup:app/live",
        ),
        (
            "Manual",
            "Approval",
            {"NotificationArn": f"arn:aws:sns:{WHERE}:approvals"},
            Kind.TOPIC,
            f"arn:aws:sns:{WHERE}:approvals",
        ),
    ],
)
def test_what_an_action_names_is_wanted(
    provider: str, category: str, configuration: dict[str, str], kind: Kind, id: str
) -> None:
    found = snapshot(action(provider, category, configuration=configuration))
    assert id in ids(found, kind)


def test_a_variable_names_nothing_yet() -> None:
    found = snapshot(
        action("CodeBuild", configuration={"ProjectName": "#{v.project}"}),
        action("S3", "Source", configuration={"S3Bucket": "#{v.bucket}"}),
        action("Lambda", "Invoke", configuration={"FunctionName": "#{v.function}"}),
    )
    assert not ids(found, Kind.PROJECT)
    assert ids(found, Kind.BUCKET) == {BUCKET}
    assert not ids(found, Kind.FUNCTION)


def test_a_project_unfolds_to_its_role_key_and_endpoints_in_the_next_round() -> None:
    project = f"arn:aws:codebuild:{WHERE}:project/app"
    world = snapshot(
        action("CodeBuild", configuration={"ProjectName": "app"}),
        projects={
            project: {
                "service_role": role("build"),
                "encryption_key": f"arn:aws:kms:{WHERE}:alias/build",
                "vpc_id": "vpc-1",
                "image": f"{HOME}.dkr.ecr.{REGION}.amazonaws.com/base:1",
                "pulls_image": True,
            }
        },
        keys={
            f"arn:aws:kms:{WHERE}:alias/build": {"arn": f"arn:aws:kms:{WHERE}:key/1"},
            f"arn:aws:kms:{WHERE}:key/1": {},
        },
    )
    first, second, third = rounds(world)
    assert Reference(Kind.PROJECT, project, HOME, REGION) in first
    assert second == {
        Reference(Kind.ROLE, role("build"), HOME),
        Reference(Kind.KEY, f"arn:aws:kms:{WHERE}:alias/build", HOME, REGION),
        Reference(Kind.VPC_ENDPOINTS, "vpc-1", HOME, REGION),
        Reference(Kind.REPOSITORY, f"arn:aws:ecr:{WHERE}:repository/base", HOME, REGION),
    }
    assert third == {Reference(Kind.KEY, f"arn:aws:kms:{WHERE}:key/1", HOME, REGION)}


def test_a_service_unfolds_to_its_task_definition_and_that_names_no_document() -> None:
    """The tasks' roles are passed, not used: PassRole is decided without reading them."""
    service = f"arn:aws:ecs:{WHERE}:service/main/web"
    task = f"arn:aws:ecs:{WHERE}:task-definition/web:7"
    configuration = {"ClusterName": "main", "ServiceName": "web"}
    world = snapshot(
        action("ECS", "Deploy", configuration=configuration),
        descriptions={service: {"taskDefinition": task}, task: {"taskRoleArn": role("task")}},
    )
    first, second = rounds(world)
    assert Reference(Kind.ECS_SERVICE, service, HOME, REGION) in first
    assert second == {Reference(Kind.TASK_DEFINITION, task, HOME, REGION)}


def test_a_buckets_default_key_and_owner_unfold() -> None:
    key = f"arn:aws:kms:{REGION}:{TARGET}:key/site"
    world = snapshot(
        action("S3", "Source", configuration={"S3Bucket": "sources", "S3ObjectKey": "k"}),
        buckets={"sources": {"account": TARGET, "region": REGION, "encryption_key": key}},
    )
    _, second = rounds(world)
    assert second == {
        Reference(Kind.KEY, key, TARGET, REGION),
        Reference(Kind.MEMBERSHIP, TARGET, TARGET),
    }


def test_the_rules_that_start_it_unfold_to_their_role() -> None:
    rule = f"arn:aws:events:{WHERE}:rule/on-push"
    world = snapshot(
        action("CodeCommit", "Source", configuration={"RepositoryName": "app"}),
        descriptions={
            PIPELINE_ARN: {"RuleArns": [rule]},
            rule: {"Targets": [{"Arn": PIPELINE_ARN, "RoleArn": role("cwe")}]},
        },
    )
    _, second, third = rounds(world)
    assert second == {Reference(Kind.EVENT_RULE, rule, HOME, REGION)}
    assert third == {Reference(Kind.ROLE, role("cwe"), HOME)}


def test_a_key_of_aws_is_not_wanted() -> None:
    found = snapshot(
        action("S3", "Source", configuration={"S3Bucket": "sources"}),
        key=None,
        buckets={"sources": {"encryption_key": f"arn:aws:kms:{WHERE}:alias/aws/s3"}},
    )
    assert not ids(found, Kind.KEY)


@pytest.mark.parametrize(
    "path", sorted((CASES / "healthy").glob("*.json")), ids=lambda path: path.stem
)
def test_reading_a_healthy_pipeline_ends_soon_and_reads_each_document_once(path: Path) -> None:
    asked = rounds(load(path.read_text("utf-8")))
    assert len(asked) <= 4
    every = [each for new in asked for each in new]
    assert len({(each.kind, each.id) for each in every}) == len(every)


@pytest.mark.parametrize(
    "path", sorted((CASES / "healthy").glob("*.json")), ids=lambda path: path.stem
)
def test_a_healthy_snapshot_holds_everything_that_is_wanted(path: Path) -> None:
    found = load(path.read_text("utf-8"))
    for each in wanted(found, catalogue()):
        held = {*getattr(found, MAPS.get(each.kind, "descriptions")), *found.policies}
        assert each.id in held, each


# --- keys --------------------------------------------------------------------------------------

OWN = f"arn:aws:kms:{WHERE}:key/11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize(
    "configured",
    [
        OWN,
        "11111111-2222-3333-4444-555555555555",
        "alias/store",
        f"arn:aws:kms:{WHERE}:alias/store",
    ],
)
def test_every_way_to_name_a_key_means_the_key(configured: str) -> None:
    found = snapshot(keys={OWN: {"aliases": ["alias/other", "alias/store"]}})
    assert resolve_key(found, configured, HOME, REGION) == present(OWN)


def test_an_alias_under_which_the_key_was_read_tells_it() -> None:
    found = snapshot(keys={f"arn:aws:kms:{WHERE}:alias/store": {"arn": OWN}})
    assert resolve_key(found, "alias/store", HOME, REGION) == present(OWN)


def test_an_alias_means_nothing_in_another_account_or_region() -> None:
    found = snapshot(keys={OWN: {"aliases": ["alias/store"]}})
    for account, region in ((TARGET, REGION), (HOME, "eu-west-1")):
        assert resolve_key(found, "alias/store", account, region).state is State.UNREADABLE


def test_an_alias_that_aws_does_not_have_is_absent() -> None:
    found = snapshot(keys={f"arn:aws:kms:{WHERE}:alias/gone": None})
    assert resolve_key(found, "alias/gone", HOME, REGION) == absent()


def test_a_key_belongs_to_the_pipelines_partition() -> None:
    found = load(f'{{"pipeline": {{"account": "{HOME}", "region": "cn-north-1", "stages": []}}}}')
    assert resolve_key(found, "1", HOME, "cn-north-1") == present(
        f"arn:aws-cn:kms:cn-north-1:{HOME}:key/1"
    )
